#include "loam/kernels/backend.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

#include "loam/base/error.h"
#include "loam/base/memory.h"
#include "loam/base/progress.h"
#include "loam/base/threads.h"
#include "loam/kernels/cpu/cpu_backend.h"
#include "loam/kernels/ref/ref_backend.h"

namespace loam {
namespace {

void release_host(void* data, int64_t bytes) { ::munmap(data, static_cast<size_t>(bytes)); }

/// Host memory in whole pages; huge ones where the kernel grants them: first touch is several times faster.
Buffer allocate_host(int64_t count) {
  constexpr int64_t kHugePage = int64_t{2} << 20;
  int64_t bytes = std::max<int64_t>(count * 4, 64);
  bytes = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  require(count >= 0 && bytes > 0, "a buffer of ", count, " numbers");
  void* data = ::mmap(nullptr, static_cast<size_t>(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (data == MAP_FAILED || bytes > total_memory_bytes()) {
    if (data != MAP_FAILED) ::munmap(data, static_cast<size_t>(bytes));
    fail(ErrorKind::resource, "no memory for ", human_bytes(static_cast<double>(bytes)), "; this machine has ", human_bytes(static_cast<double>(total_memory_bytes())));
  }
  ::madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);
  return Buffer(data, bytes, release_host);
}

/// Does this machine have VNNI for the registers of `isa`?
bool machine_has_dots(const std::string& isa) {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (isa == "avx512") return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (c & (1u << 11)) != 0;
  if (isa == "avx2") return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & (1u << 4)) != 0;
#endif
  return false;
}

bool machine_has_half_floats() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 29)) != 0;
#else
  return false;
#endif
}

/// Does this machine have AMX's tiles for bfloat16, and does the system let this process use them? Linux wants to be
/// asked, once a process (Documentation/arch/x86/xstate.rst).
bool machine_has_tiles() {
#if defined(__x86_64__)
  constexpr unsigned kTiles = 1u << 24, kBf16 = 1u << 22;  // CPUID 7, EDX
  constexpr long kRequest = 0x1023, kTileData = 18;        // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  unsigned a = 0, b = 0, c = 0, d = 0;
  static const bool has = __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kTiles) != 0 && (d & kBf16) != 0 && ::syscall(SYS_arch_prctl, kRequest, kTileData) == 0;
  return has;
#else
  return false;
#endif
}

class HostBackend : public Backend {
 public:
  HostBackend(std::string name, const cpu::Parts& parts, Precision precision = Precision::float32)
      : name_(std::move(name)),
        parts_(parts),
        dots_(parts.stored_with_dots != nullptr && machine_has_dots(parts.isa)),
        rounds_(precision == Precision::bfloat16),
        tiles_(rounds_ && parts.matmul_tiles != nullptr && machine_has_tiles()) {}
  std::string name() const override { return name_; }
  std::string isa() const override { return parts_.isa; }
  std::string products() const override { return tiles_ ? "bfloat16" : rounds_ ? "bfloat16, rounded" : "float32"; }
  const MatmulKernels& matmul() const override { return tiles_ ? *parts_.matmul_tiles : rounds_ ? *parts_.matmul_rounded : *parts_.matmul; }
  const NormKernels& norm() const override { return *parts_.norm; }
  const AttentionKernels& attention() const override { return tiles_ ? *parts_.attention_tiles : *parts_.attention; }
  const ElementwiseKernels& elementwise() const override { return *parts_.elementwise; }
  const HeadKernels& head() const override { return tiles_ ? *parts_.head_tiles : rounds_ ? *parts_.head_rounded : *parts_.head; }
  const OptimizerKernels& optimizer() const override { return *parts_.optimizer; }
  const StoredKernels& stored() const override { return dots_ ? *parts_.stored_with_dots : *parts_.stored; }
  Buffer allocate(int64_t count) const override { return allocate_host(count); }
  void upload(float* to, const float* from, int64_t count) const override { copy(to, from, count); }
  void download(float* to, const float* from, int64_t count) const override { copy(to, from, count); }
  void upload(int32_t* to, const int32_t* from, int64_t count) const override { copy(to, from, count); }

  double peak_flops() const override {
    static std::mutex mutex;
    std::lock_guard lock(mutex);
    if (peak_threads_ != threads()) {
      peak_threads_ = threads();
      // Each thread's best of several short bursts, all of them busy: one that had to wait for another program, as at
      // times it will, must not make the machine look slow (and a training step look better than it is).
      std::vector<double> best(static_cast<size_t>(peak_threads_));
      const cpu::Spin& spin = tiles_ ? parts_.spin_tiles : parts_.spin;
      for (int repeat = 0; repeat < 16; ++repeat) {
        parallel_for(peak_threads_, [&](int64_t thread) {
          const double began = seconds_now();
          sink_ = spin.run(spin.rounds);
          double& rate = best[static_cast<size_t>(thread)];
          rate = std::max(rate, static_cast<double>(spin.rounds) * spin.operations / (seconds_now() - began));
        });
      }
      peak_ = std::accumulate(best.begin(), best.end(), 0.0);
    }
    return peak_;
  }

 private:
  static void copy(void* to, const void* from, int64_t count) {
    if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * 4);
  }
  std::string name_;
  cpu::Parts parts_;
  bool dots_;    // one instruction adds four products of bytes
  bool rounds_;  // factors of products to bfloat16
  bool tiles_;   // in AMX's tiles
  mutable double peak_ = 0;
  mutable int peak_threads_ = 0;
  mutable volatile float sink_ = 0;
};

bool machine_has(const std::string& isa) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (isa == "avx512") {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
  }
  if (isa == "avx2") return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && machine_has_half_floats();
#endif
  return isa == "generic";
}

}  // namespace

std::vector<std::string> usable_isas() {
  std::vector<std::string> isas;
  for (const char* isa : {"generic", "avx2", "avx512"}) {
    if (machine_has(isa)) isas.push_back(isa);
  }
  return isas;
}

Precision parse_precision(const std::string& text) {
  if (text == "auto") return backend("cpu", Precision::bfloat16).products() == "bfloat16" ? Precision::bfloat16 : Precision::float32;
  require(text == "float32" || text == "bfloat16", "--precision is \"", text, "\"; there are auto, float32 and bfloat16");
  return text == "bfloat16" ? Precision::bfloat16 : Precision::float32;
}

const Backend& cpu_backend(const std::string& isa, Precision precision) {
  if (isa != "generic" && isa != "avx2" && isa != "avx512") {
    fail(ErrorKind::usage, "there is no instruction set \"", isa, "\"; there are generic, avx2 and avx512");
  }
  if (!machine_has(isa)) fail(ErrorKind::device, "this machine's CPU has no ", isa, "; its best is ", usable_isas().back());
  auto at = [&]<cpu::Parts (*kParts)()>() -> const Backend& {
    static const HostBackend floats("cpu", kParts());
    if (precision == Precision::float32) return floats;
    static const HostBackend rounded("cpu", kParts(), Precision::bfloat16);
    return rounded;
  };
#if defined(__x86_64__)
  if (isa == "avx2") return at.template operator()<cpu::avx2::parts>();
  if (isa == "avx512") return at.template operator()<cpu::avx512::parts>();
#endif
  return at.template operator()<cpu::generic::parts>();
}

const Backend& backend(const std::string& name, Precision precision) {
  static const HostBackend ref("ref", ref::parts());
  if (name == "ref") {
    require(precision == Precision::float32, "the backend \"ref\" has products of float32 alone");
    return ref;
  }
  if (name == "cpu") {
    const char* forced = std::getenv("LOAM_ISA");
    return cpu_backend(forced != nullptr && *forced != '\0' ? forced : usable_isas().back(), precision);
  }
  fail(ErrorKind::usage, "there is no backend \"", name, "\"; there are cpu and ref");
}

}  // namespace loam
