// Scaling laws: how the loss of finished runs falls with parameters and tokens, and what the next run's should be.
//
//   ScalingLaw law = fit_scaling_law(rows, seed);        // E + A / N^a + B / D^b, or a plain power of the compute
//   LossBand next = law.expect({.parameters = 4e6, .tokens = 80e6, .flops = 2e15});   // next.value, next.interval
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/metrics/intervals.h"

namespace loam {

/// One finished run. All above 0.
struct ScalingRow {
  double parameters = 0;  ///< N
  double tokens = 0;      ///< D, read in training
  double flops = 0;       ///< C, of the whole training
  double loss = 0;        ///< nats a token on held-out text, after the cooldown
};

/// A loss with its 95 % interval for one further run; no interval where there were too few rows to tell.
struct LossBand {
  double value = 0;
  std::optional<Interval> interval = {};
};

struct ScalingLaw {
  /// chinchilla: L = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, eq. 2).
  /// power: L = A / C^alpha, for rows that cannot tell the two causes apart.
  enum class Form { chinchilla, power };
  /// The five numbers in their logarithms but for the exponents: log E, log A, alpha, log B, beta. A power law has
  /// log A and alpha alone; the rest is 0.
  using Numbers = std::array<double, 5>;

  Form form = Form::power;
  Numbers numbers = {};
  double noise = 0;                 ///< standard deviation of log(loss) around the law, for the rows' degrees of freedom
  std::string why;                  ///< what decided the form
  std::vector<Numbers> replicates;  ///< bootstrap; empty if the noise is not known

  double loss(const ScalingRow& at) const;      ///< at.loss is not read
  LossBand expect(const ScalingRow& at) const;  ///< the bootstrap's 2.5 % and 97.5 % points, with one run's own noise
  std::string formula() const;                  ///< "L = 1.69 + 406.4 / N^0.34 + 410.7 / D^0.28"
};

/// Fits by the least sum of Huber(log L - log L_i), delta 1e-3 (Hoffmann et al. 2022, Approach 3): Levenberg-Marquardt
/// steps inside a box of sensible values, from a fixed grid of starts, so that the same rows give the same law. The
/// interval is a bootstrap of the residuals, widened for the degrees of freedom: a designed grid of runs has too few rows
/// of each kind to draw rows themselves.
/// Falls back to the power law with fewer than 7 rows or 3 sizes, or where N and D rise together, or where the
/// best exponent lies at the edge of that box. Throws Error{input} with
/// fewer than two rows of different compute, or a number that is not above 0.
ScalingLaw fit_scaling_law(std::span<const ScalingRow> rows, uint64_t seed);

Json to_json(const ScalingLaw& law, bool with_replicates);
/// Throws Error{input} naming what is missing or not finite.
ScalingLaw scaling_law_from_json(const Json& json);

}  // namespace loam
