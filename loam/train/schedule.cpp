#include "loam/train/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace loam {

double Schedule::rate(int64_t step) const {
  auto risen = [&](int64_t at) { return at < warmup ? static_cast<double>(at + 1) / static_cast<double>(warmup + 1) : 1.0; };
  const bool cools = shape == Shape::trapezoid && cooldown > 0 && step >= cooldown_begins();
  if (step < warmup && !cools) return peak * risen(step);
  double share = 1.0;
  if (shape == Shape::cosine) {
    const double done = static_cast<double>(step - warmup) / static_cast<double>(std::max<int64_t>(1, steps - warmup));
    share = floor + (1.0 - floor) * 0.5 * (1.0 + std::cos(std::numbers::pi * std::min(1.0, done)));
  } else if (cools) {  // from where the rate is: a run may be asked to end while it still rises
    const double done = static_cast<double>(step - cooldown_begins() + 1) / static_cast<double>(cooldown + 1);
    share = risen(cooldown_begins()) * (1.0 - (1.0 - floor) * std::min(1.0, done));
  }
  return peak * share;
}

void Schedule::validate() const {
  require(steps >= 1, "a run of ", steps, " steps");
  require(peak > 0 && std::isfinite(peak), "lr = ", peak, " must be above 0");
  require(warmup >= 0 && cooldown >= 0 && warmup + cooldown <= steps, "warm-up of ", warmup, " and cooldown of ", cooldown, " steps do not fit into ", steps);
  require(floor >= 0 && floor <= 1, "the final share of the rate, ", floor, ", is not in [0, 1]");
}

}  // namespace loam
