// The learning rate over a run.
//
//   Schedule s{.peak = 3e-3, .steps = 1000, .warmup = 20, .cooldown = 600};
//   double rate = s.rate(step);         // step in [0, steps)
#pragma once

#include <cstdint>

#include "loam/base/error.h"

namespace loam {

struct Schedule {
  enum class Shape { trapezoid, cosine };
  Shape shape = Shape::trapezoid;
  double peak = 1e-3;        ///< highest rate
  int64_t steps = 1;         ///< of the whole run
  int64_t warmup = 0;        ///< linear rise over the first steps
  int64_t cooldown = 0;      ///< trapezoid: linear fall over the last steps
  double floor = 0.05;       ///< share of the peak at the end

  /// The first step of the cooldown.
  int64_t cooldown_begins() const { return steps - cooldown; }
  /// The rate of optimizer step `step`, 0-based. Trapezoid: warm-up, constant, linear cooldown (Hagele et al. 2024);
  /// cosine: warm-up, then half a cosine down to the floor (Loshchilov & Hutter 2017, without restarts).
  double rate(int64_t step) const;
  /// Throws Error{usage} where the parts do not fit the whole.
  void validate() const;
};

}  // namespace loam
