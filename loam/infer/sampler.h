// From logits to the next token.
#pragma once

#include <cstdint>
#include <vector>

#include "loam/base/random.h"

namespace loam {

struct SampleSettings {
  double temperature = 0.8;  ///< 0: the most likely token
  int64_t top_k = 50;        ///< only the k most likely; 0: all
  double top_p = 1.0;        ///< only the most likely that make up this probability (Holtzman et al. 2020)
  uint64_t seed = 1234;

  /// Throws Error{usage}.
  void validate() const;
};

/// Draws tokens; its n-th draw depends on the seed and n alone.
class Sampler {
 public:
  explicit Sampler(const SampleSettings& settings) : settings_(settings), random_(settings.seed, "sampling") { settings_.validate(); }
  /// An index into logits; of equal ones the first.
  int32_t draw(const std::vector<float>& logits);

 private:
  SampleSettings settings_;
  Random random_;
  std::vector<std::pair<float, int32_t>> candidates_;
};

}  // namespace loam
