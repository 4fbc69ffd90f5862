// This machine as a roofline: how fast a training step of a shape should be, without timing it.
//
//   Machine machine = this_machine(Precision::float32, /*again=*/false, progress);   // measured once, then read from the cache
//   double rate = predicted_rate(machine, config, batch, context, muon);  // tokens a second
//
// The cache is $XDG_CACHE_HOME/loam/machine.json (or ~/.cache/loam), an entry for each processor, number of threads,
// instruction set, kind of products and version of loam.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/kernels/backend.h"
#include "loam/model/config.h"

namespace loam {

struct Machine {
  std::string cpu, isa, version, measured;  ///< measured: when, UTC
  std::string products = "float32";  ///< how factors of products are: Backend::products()
  int64_t threads = 0;
  double peak_flops = 0;  ///< multiply-adds in registers (or tiles) on all threads, two operations each
  double float_flops = 0;  ///< the same of float32, which attention and the optimizer have
  double bandwidth = 0;   ///< bytes a second of a triad over arrays larger than the caches
  /// What training steps of a width reach of the roofline's speed: few numbers stand between small products and the peak.
  struct Share {
    double channels = 0, share = 0;
  };
  std::vector<Share> shares;

  double share_at(int64_t channels) const;  ///< between the measured widths on a logarithmic scale, level outside
  std::string key() const;                  ///< what it is an entry of the cache for
};

/// Seconds that one training step takes at best: operations at the peak and, after them, bytes at the bandwidth.
double roofline_step_seconds(const Machine& machine, const ModelConfig& config, int64_t batch, int64_t context, bool muon);
/// Tokens a second of training steps: the roofline's, times the share that steps of that width reach.
double predicted_rate(const Machine& machine, const ModelConfig& config, int64_t batch, int64_t context, bool muon);

/// "" where neither XDG_CACHE_HOME nor HOME is set.
std::filesystem::path machine_file();
/// The cache's entry for this machine as it is now; none if there is none or the cache cannot be read.
std::optional<Machine> known_machine(Precision precision);
/// That entry, or, if there is none or `again`, measured now (a few seconds) and kept. A cache that cannot be written is
/// noted and done without.
Machine this_machine(Precision precision, bool again, Progress& progress);

Json to_json(const Machine& machine);
Machine machine_from_json(const Json& json);  ///< Throws Error{input}

}  // namespace loam
