// How sure a score is: 95 % intervals for proportions, means and anything that can be computed from resampled rows.
//
//   Estimate accuracy = proportion(587, 600);                       // .value .978, .interval [.963, .987]
//   auto f1 = bootstrap_intervals(rows, 1, [&](auto sample, double* out) { out[0] = f1_of(sample); });
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace loam {

/// The 0.975-quantile of the normal distribution.
inline constexpr double kZ95 = 1.959963984540054;

/// Both ends included.
struct Interval {
  double low = 0, high = 0;
};

/// A score with its 95 % interval and, where it has one, its standard error.
struct Estimate {
  double value = 0;
  Interval interval = {};
  double standard_error = 0;
};

/// Wilson's score interval for `hits` of `n`. n = 0 gives [0, 1].
/// Source: Wilson 1927, J. Am. Stat. Assoc. 22; without continuity correction.
Interval wilson(int64_t hits, int64_t n);

/// hits / n (0 for n = 0) with Wilson's interval; the standard error is lm-evaluation-harness' for a mean of 0s and 1s,
/// sqrt(p (1 - p) / (n - 1)).
Estimate proportion(int64_t hits, int64_t n);

/// Mean, sample standard error (n - 1), and mean +- 1.96 standard errors.
Estimate mean_of(std::span<const double> values);

struct Bootstrap {
  int64_t resamples = 2000;
  uint64_t seed = 1234;
};

/// Writes `statistics` numbers computed from the rows of one sample (indices into the data, repeats allowed).
using SampleStatistics = std::function<void(std::span<const int32_t> rows, double* out)>;

/// Percentile intervals of several statistics from the same resamples of n rows (Efron 1979). Each resample has its
/// own random stream: the result does not depend on the threads. n = 0 gives [0, 0].
std::vector<Interval> bootstrap_intervals(int64_t n, int64_t statistics, const SampleStatistics& compute, Bootstrap how = {});

/// The resampled values themselves, [resample][statistic], for tests that need more than an interval.
std::vector<double> bootstrap_values(int64_t n, int64_t statistics, const SampleStatistics& compute, Bootstrap how = {});

/// The q-quantile of sorted values, interpolated between neighbours (type 7).
double quantile(std::span<const double> sorted, double q);

}  // namespace loam
