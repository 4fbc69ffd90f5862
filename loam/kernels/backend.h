// Who does the maths: a family of kernels with the memory they work on.
//
//   const Backend& b = backend("cpu");        // or "ref": plain loops, the oracle
//   Buffer weights = b.allocate(count);       // floats, zeroed, in b's memory
//   b.upload(weights.vec(), host.data());
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loam/kernels/attention.h"
#include "loam/kernels/elementwise.h"
#include "loam/kernels/head.h"
#include "loam/kernels/matmul.h"
#include "loam/kernels/norm.h"
#include "loam/kernels/optimizer.h"
#include "loam/kernels/stored.h"

namespace loam {

/// Owned memory of a backend, 64-byte aligned. Moves, never copies.
class Buffer {
 public:
  Buffer() = default;
  Buffer(void* data, int64_t bytes, void (*release)(void*, int64_t)) : data_(data), bytes_(bytes), release_(release) {}
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { swap(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    swap(other);
    return *this;
  }
  void reset() {
    if (data_ != nullptr) release_(data_, bytes_);
    data_ = nullptr;
    bytes_ = 0;
  }
  float* floats() const { return static_cast<float*>(data_); }
  int32_t* ints() const { return static_cast<int32_t*>(data_); }
  int64_t bytes() const { return bytes_; }
  Vec vec() const { return {floats(), bytes_ / 4}; }

 private:
  void swap(Buffer& other) {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(release_, other.release_);
  }
  void* data_ = nullptr;
  int64_t bytes_ = 0;
  void (*release_)(void*, int64_t) = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string name() const = 0;  ///< "ref", "cpu"
  virtual std::string isa() const = 0;   ///< "generic", "avx2", "avx512"
  /// How factors of products are: "float32", "bfloat16" (in AMX's tiles) or "bfloat16, rounded"
  /// (where the machine has no tiles).
  virtual std::string products() const = 0;
  virtual const MatmulKernels& matmul() const = 0;
  virtual const NormKernels& norm() const = 0;
  virtual const AttentionKernels& attention() const = 0;
  virtual const ElementwiseKernels& elementwise() const = 0;
  virtual const HeadKernels& head() const = 0;
  virtual const OptimizerKernels& optimizer() const = 0;
  virtual const StoredKernels& stored() const = 0;

  /// `count` zeroed 4-byte numbers in this backend's memory. Throws Error{resource} with the size if there is not enough.
  virtual Buffer allocate(int64_t count) const = 0;
  virtual void upload(float* to, const float* from, int64_t count) const = 0;    ///< host to backend
  virtual void download(float* to, const float* from, int64_t count) const = 0;  ///< backend to host
  virtual void upload(int32_t* to, const int32_t* from, int64_t count) const = 0;

  /// Multiply-adds this backend does at best on this machine, in FLOP/s (an add and a multiply are two), measured
  /// with independent FMAs in registers on all threads; cached for the process.
  virtual double peak_flops() const = 0;
};

/// Factors of matrix products: as they are, or rounded to bfloat16 (8 bits of 24) first, with sums of float32; in tiles
/// attention's too. Softmax, norms, the optimiser and all that is kept stay float32.
enum class Precision { float32, bfloat16 };
/// "float32", "bfloat16", or "auto": bfloat16 where this machine multiplies it in tiles. Throws Error{usage} naming them.
Precision parse_precision(const std::string& text);

/// "cpu" (with the best instruction set of this machine, or the one LOAM_ISA names: generic, avx2, avx512) or "ref".
/// Throws Error{usage} for another name, Error{device} for an instruction set this machine lacks.
const Backend& backend(const std::string& name = "cpu", Precision precision = Precision::float32);
/// Instruction sets this binary holds and this machine can run, slowest first.
std::vector<std::string> usable_isas();
/// The cpu backend with a given instruction set, for tests.
const Backend& cpu_backend(const std::string& isa, Precision precision = Precision::float32);

}  // namespace loam
