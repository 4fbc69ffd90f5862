#include "loam/metrics/paired.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"

namespace loam {
namespace {

double log_binomial_half(int64_t k, int64_t n) {
  const auto x = static_cast<double>(k), m = static_cast<double>(n);
  return std::lgamma(m + 1) - std::lgamma(x + 1) - std::lgamma(m - x + 1) - m * std::log(2.0);
}

}  // namespace

double binomial_half_cdf(int64_t k, int64_t n) {
  if (k < 0) return 0;
  if (k >= n) return 1;
  double sum = 0;
  for (int64_t i = k; i >= 0; --i) {  // the terms shrink: stop once they no longer count
    const double term = std::exp(log_binomial_half(i, n));
    sum += term;
    if (2 * i < n && term < sum * 1e-18) break;
  }
  return std::min(1.0, sum);
}

McNemar mcnemar(std::span<const uint8_t> a_right, std::span<const uint8_t> b_right) {
  LOAM_ASSERT(a_right.size() == b_right.size());
  McNemar out;
  out.rows = static_cast<int64_t>(a_right.size());
  for (size_t i = 0; i < a_right.size(); ++i) {
    if (a_right[i] != 0 && b_right[i] != 0) ++out.both;
    else if (a_right[i] != 0) ++out.only_a;
    else if (b_right[i] != 0) ++out.only_b;
    else ++out.neither;
  }
  const int64_t differ = out.only_a + out.only_b, fewer = std::min(out.only_a, out.only_b);
  if (differ > 0) {
    const double tail = binomial_half_cdf(fewer, differ), at = std::exp(log_binomial_half(fewer, differ));
    out.exact_p = std::min(1.0, 2 * tail);
    out.mid_p = std::clamp(2 * tail - at, 0.0, 1.0);
  }
  if (out.rows == 0) return out;
  const double n = static_cast<double>(out.rows), a = static_cast<double>(out.only_a), b = static_cast<double>(out.only_b);
  out.difference = (b - a) / n;
  const double m = n + 2, centre = (b - a) / m;
  const double half = kZ95 / m * std::sqrt(std::max(0.0, a + b + 1 - (b - a) * (b - a) / m));
  out.interval = {std::max(-1.0, centre - half), std::min(1.0, centre + half)};
  return out;
}

PairedDifference paired_bootstrap(int64_t rows, const SampleStatistics& compute, Bootstrap how) {
  PairedDifference out;
  out.rows = rows;
  if (rows == 0) return out;
  std::vector<int32_t> whole(static_cast<size_t>(rows));
  for (size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<int32_t>(i);
  double values[2] = {};
  compute(whole, values);
  out.a = values[0];
  out.b = values[1];
  out.difference = out.b - out.a;
  const std::vector<double> resampled = bootstrap_values(rows, 2, compute, how);
  std::vector<double> differences(static_cast<size_t>(how.resamples));
  int64_t as_far = 0;
  for (size_t r = 0; r < differences.size(); ++r) {
    differences[r] = resampled[2 * r + 1] - resampled[2 * r];
    as_far += std::abs(differences[r] - out.difference) >= std::abs(out.difference) * (1 - 1e-12);
  }
  std::sort(differences.begin(), differences.end());
  out.interval = {quantile(differences, 0.025), quantile(differences, 0.975)};
  out.p = static_cast<double>(as_far + 1) / static_cast<double>(how.resamples + 1);
  return out;
}

PairedDifference paired_bootstrap(std::span<const double> a, std::span<const double> b, Bootstrap how) {
  LOAM_ASSERT(a.size() == b.size());
  return paired_bootstrap(static_cast<int64_t>(a.size()), [&](std::span<const int32_t> rows, double* out) {
    double sum_a = 0, sum_b = 0;
    for (const int32_t i : rows) {
      sum_a += a[static_cast<size_t>(i)];
      sum_b += b[static_cast<size_t>(i)];
    }
    out[0] = sum_a / static_cast<double>(rows.size());
    out[1] = sum_b / static_cast<double>(rows.size());
  }, how);
}

}  // namespace loam
