#include "loam/metrics/intervals.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"

namespace loam {

Interval wilson(int64_t hits, int64_t n) {
  if (n <= 0) return {0, 1};
  const double size = static_cast<double>(n), p = static_cast<double>(hits) / size, z2 = kZ95 * kZ95;
  const double middle = (p + z2 / (2 * size)) / (1 + z2 / size);
  const double half = kZ95 / (1 + z2 / size) * std::sqrt(p * (1 - p) / size + z2 / (4 * size * size));
  return {hits == 0 ? 0 : std::max(0.0, middle - half), hits == n ? 1 : std::min(1.0, middle + half)};
}

Estimate proportion(int64_t hits, int64_t n) {
  const double p = n > 0 ? static_cast<double>(hits) / static_cast<double>(n) : 0;
  return {p, wilson(hits, n), n > 1 ? std::sqrt(p * (1 - p) / static_cast<double>(n - 1)) : 0};
}

Estimate mean_of(std::span<const double> values) {
  if (values.empty()) return {};
  const double n = static_cast<double>(values.size());
  double sum = 0;
  for (const double v : values) sum += v;
  const double mean = sum / n;
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  const double error = values.size() > 1 ? std::sqrt(squares / (n - 1) / n) : 0;
  return {mean, {mean - kZ95 * error, mean + kZ95 * error}, error};
}

double quantile(std::span<const double> sorted, double q) {
  if (sorted.empty()) return 0;
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(std::floor(at));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<double> bootstrap_values(int64_t n, int64_t statistics, const SampleStatistics& compute, Bootstrap how) {
  LOAM_ASSERT(n > 0 && n <= INT32_MAX);
  std::vector<double> values(static_cast<size_t>(how.resamples * statistics));
  constexpr int64_t kPiece = 16;
  parallel_chunks(how.resamples, kPiece, [&](int64_t begin, int64_t end) {
    std::vector<int32_t> rows(static_cast<size_t>(n));
    for (int64_t r = begin; r < end; ++r) {
      Random random(mix64(how.seed) + static_cast<uint64_t>(r), "metrics.bootstrap");
      for (auto& row : rows) row = static_cast<int32_t>(random.below(n));
      compute(rows, values.data() + r * statistics);
    }
  });
  return values;
}

std::vector<Interval> bootstrap_intervals(int64_t n, int64_t statistics, const SampleStatistics& compute, Bootstrap how) {
  std::vector<Interval> out(static_cast<size_t>(statistics));
  if (n <= 0) return out;
  const std::vector<double> values = bootstrap_values(n, statistics, compute, how);
  std::vector<double> column(static_cast<size_t>(how.resamples));
  for (int64_t s = 0; s < statistics; ++s) {
    for (int64_t r = 0; r < how.resamples; ++r) column[static_cast<size_t>(r)] = values[static_cast<size_t>(r * statistics + s)];
    std::sort(column.begin(), column.end());
    out[static_cast<size_t>(s)] = {quantile(column, 0.025), quantile(column, 0.975)};
  }
  return out;
}

}  // namespace loam
