#include "loam/stages/pretrain/machine.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/threads.h"
#include "loam/base/version.h"
#include "loam/kernels/backend.h"
#include "loam/stages/pretrain/pretrain.h"
#include "loam/train/muon.h"

namespace loam {
namespace {

/// a = b + s c over arrays larger than the caches: three streams of four bytes a number (McCalpin's STREAM triad).
double measure_bandwidth() {
  const int64_t numbers = std::clamp<int64_t>(available_memory_bytes() / 48, 1 << 18, 1 << 24);
  std::vector<float> a(static_cast<size_t>(numbers)), b(static_cast<size_t>(numbers), 1.0f), c(static_cast<size_t>(numbers), 2.0f);
  double best = 1e30;
  for (int repeat = 0; repeat < 6; ++repeat) {
    const double began = seconds_now();
    parallel_chunks(numbers, 1 << 16, [&](int64_t begin, int64_t end) {
      float* to = a.data();
      const float *x = b.data(), *y = c.data();
      for (int64_t i = begin; i < end; ++i) to[i] = x[i] + 0.5f * y[i];
    });
    if (repeat > 0) best = std::min(best, seconds_now() - began);  // the first one touches the memory
  }
  return 12.0 * static_cast<double>(numbers) / std::max(best, 1e-9);
}

struct Reference {
  int64_t layers, channels;
};
constexpr Reference kReferences[] = {{2, 32}, {2, 64}, {2, 128}, {2, 256}, {2, 512}};
constexpr int64_t kReferenceContext = 256, kReferenceVocab = 2048, kReferenceTokens = 1024;

/// This machine without numbers: what the cache is searched for.
Machine identity(Precision precision) {
  Machine m;
  m.products = backend("cpu", precision).products();
  m.cpu = processor_name();
  if (m.cpu.empty()) m.cpu = "unknown processor";
  m.isa = backend("cpu").isa();
  m.version = version();
  m.threads = threads();
  return m;
}

Json read_cache() {
  const fs::path file = machine_file();
  std::error_code ignored;
  if (file.empty() || !fs::is_regular_file(file, ignored)) return Json::object();
  try {
    Json json = read_json(file, int64_t{1} << 22);
    return json.is_object() && json.value("machines", Json()).is_object() ? json : Json::object();
  } catch (const Error&) {
    return Json::object();  // a cache: what cannot be read is measured again
  }
}

Machine measure(Precision precision, Progress& progress) {
  Machine m = identity(precision);
  m.measured = iso_time_now();
  m.peak_flops = backend("cpu", precision).peak_flops();
  m.float_flops = backend("cpu").peak_flops();
  m.bandwidth = measure_bandwidth();
  for (const Reference& reference : kReferences) {
    PretrainPlan plan;
    plan.model = family_shape("llama", reference.layers, reference.channels, kReferenceContext);
    plan.model.vocab = kReferenceVocab;
    plan.context = kReferenceContext;
    plan.precision = precision;
    plan.batch = plan.micro_batch = kReferenceTokens / kReferenceContext;
    const double seconds = static_cast<double>(kReferenceTokens) / measured_rate(plan);
    m.shares.push_back({static_cast<double>(reference.channels), std::clamp(roofline_step_seconds(m, plan.model, plan.batch, plan.context, plan.muon) / seconds, 0.001, 2.0)});
  }
  progress.note(fmt::format("measured this machine ({}, {} threads, {}, products of {}): {:.0f} GFLOP/s, {}/s of memory", m.cpu, m.threads, m.isa, m.products, m.peak_flops / 1e9, human_bytes(m.bandwidth)));
  return m;
}

}  // namespace

double Machine::share_at(int64_t channels) const {
  if (shares.empty()) return 1;
  const double at = std::log(static_cast<double>(channels));
  size_t i = 0;
  while (i + 2 < shares.size() && std::log(shares[i + 1].channels) < at) ++i;
  const size_t j = std::min(i + 1, shares.size() - 1);
  if (i == j) return shares[i].share;
  const double part = (at - std::log(shares[i].channels)) / (std::log(shares[j].channels) - std::log(shares[i].channels));
  return shares[i].share + std::clamp(part, 0.0, 1.0) * (shares[j].share - shares[i].share);
}

std::string Machine::key() const { return fmt::format("{} | {} threads | {}{} | loam {}", cpu, threads, isa, products == "float32" ? "" : " | " + products, version); }

double roofline_step_seconds(const Machine& machine, const ModelConfig& c, int64_t batch, int64_t context, bool muon) {
  const auto tokens = static_cast<double>(batch) * static_cast<double>(context), parameters = static_cast<double>(parameter_count(c));
  const double products = 6.0 * static_cast<double>(matmul_parameters(c)) * tokens;
  const double others = training_flops_per_token(c, context) * tokens - products + (muon ? Muon::step_operations(ParamSet(c)) : 0.0);
  // Numbers that go through memory beside the products' own: AdamW reads four arrays and writes three, the gradients are
  // set to zero; weights are read forward and twice backward; of each layer's activations about two thirds are written
  // once and read twice.
  const double optimizer = 8 * parameters, weights = 3 * parameters;
  const auto activations = tokens * static_cast<double>(c.layers * (6 * c.channels + c.qkv_width() + (c.gated() ? 3 : 2) * c.hidden));
  return products / machine.peak_flops + others / machine.float_flops + 4 * (optimizer + weights + 2 * activations) / machine.bandwidth;
}

double predicted_rate(const Machine& machine, const ModelConfig& config, int64_t batch, int64_t context, bool muon) {
  return machine.share_at(config.channels) * static_cast<double>(batch) * static_cast<double>(context) / roofline_step_seconds(machine, config, batch, context, muon);
}

fs::path machine_file() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache != nullptr && *cache == '/') return fs::path(cache) / "loam" / "machine.json";  // a relative one is to be ignored (XDG base directories 0.8)
  const char* home = std::getenv("HOME");
  return home != nullptr && *home != '\0' ? fs::path(home) / ".cache" / "loam" / "machine.json" : fs::path();
}

std::optional<Machine> known_machine(Precision precision) {
  const Json cache = read_cache();
  const std::string key = identity(precision).key();
  if (!cache.contains("machines") || !cache["machines"].contains(key)) return std::nullopt;
  try {
    return machine_from_json(cache["machines"][key]);
  } catch (const Error&) {
    return std::nullopt;
  }
}

Machine this_machine(Precision precision, bool again, Progress& progress) {
  if (!again) {
    if (auto known = known_machine(precision)) return *known;
  }
  const Machine machine = measure(precision, progress);
  const fs::path file = machine_file();
  if (file.empty()) return machine;
  try {
    Json cache = read_cache();
    cache["format"] = 1;
    cache["machines"][machine.key()] = to_json(machine);
    make_folder(file.parent_path());
    write_file(file, to_pretty(cache));
  } catch (const Error& e) {
    progress.note(std::string("the measurement is not kept: ") + e.what());
  }
  return machine;
}

Json to_json(const Machine& m) {
  Json json = {{"cpu", m.cpu}, {"threads", m.threads}, {"isa", m.isa}, {"loam", m.version}, {"measured", m.measured}, {"products", m.products}, {"peak_flops", m.peak_flops}, {"float_flops", m.float_flops}, {"bandwidth", m.bandwidth}, {"shares", Json::array()}};
  for (const Machine::Share& share : m.shares) json["shares"].push_back({{"channels", share.channels}, {"share", share.share}});
  return json;
}

Machine machine_from_json(const Json& json) {
  Machine m;
  m.cpu = get_string(json, "cpu");
  m.threads = get_int(json, "threads");
  m.isa = get_string(json, "isa");
  m.version = get_string(json, "loam");
  m.measured = get_string(json, "measured", "");
  m.products = get_string(json, "products", "float32");
  m.peak_flops = get_number(json, "peak_flops");
  m.float_flops = get_number(json, "float_flops", m.peak_flops);
  m.bandwidth = get_number(json, "bandwidth");
  for (const Json& share : json.value("shares", Json::array())) m.shares.push_back({get_number(share, "channels"), get_number(share, "share")});
  bool sound = m.peak_flops > 0 && m.float_flops > 0 && m.bandwidth > 0 && !m.shares.empty();
  for (size_t i = 0; i < m.shares.size(); ++i) sound = sound && m.shares[i].share > 0 && m.shares[i].channels > (i == 0 ? 0 : m.shares[i - 1].channels);
  require_input(sound, "the machine's numbers are not all above 0, or its widths not in order");
  return m;
}

}  // namespace loam
