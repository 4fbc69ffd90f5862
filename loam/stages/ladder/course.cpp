// The way of a run's loss to its end, over finished runs.
#include <algorithm>
#include <cmath>
#include <fstream>

#include "loam/base/json.h"
#include "loam/stages/ladder/ladder.h"

namespace loam {
namespace {

constexpr int64_t kPoints = 20;

/// Training losses by step; malformed lines and steps that were left out have none.
std::vector<std::pair<int64_t, double>> losses_of(const std::filesystem::path& file) {
  std::vector<std::pair<int64_t, double>> out;
  std::ifstream in(file, std::ios::binary);
  for (std::string line; std::getline(in, line);) {
    const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!row.is_object() || !row.contains("loss") || !row["loss"].is_number() || !row.contains("step")) continue;
    out.emplace_back(row["step"].get<int64_t>(), row["loss"].get<double>());
  }
  return out;
}

}  // namespace

LossCourse loss_course(const std::vector<std::filesystem::path>& runs, const std::vector<double>& final_losses) {
  LossCourse course;
  std::vector<std::vector<double>> ratios(static_cast<size_t>(kPoints));
  for (size_t r = 0; r < runs.size(); ++r) {
    const auto losses = losses_of(runs[r] / "metrics.jsonl");
    if (losses.size() < static_cast<size_t>(2 * kPoints)) continue;  // too short to smooth
    const auto steps = static_cast<double>(losses.back().first);
    for (int64_t k = 0; k < kPoints; ++k) {
      // The mean over the stretch that ends there: a twentieth of the run.
      const double end = steps * static_cast<double>(k + 1) / kPoints, begin = steps * static_cast<double>(k) / kPoints;
      double sum = 0, count = 0;
      for (const auto& [step, loss] : losses) {
        if (static_cast<double>(step) > begin && static_cast<double>(step) <= end) sum += loss, ++count;
      }
      if (count > 0) ratios[static_cast<size_t>(k)].push_back(std::log(sum / count / final_losses[r]));
    }
  }
  for (int64_t k = 0; k < kPoints; ++k) {
    const auto& at = ratios[static_cast<size_t>(k)];
    if (at.size() < 2) continue;
    double mean = 0, squares = 0;
    for (const double v : at) mean += v / static_cast<double>(at.size());
    for (const double v : at) squares += (v - mean) * (v - mean);
    course.share.push_back(static_cast<double>(k + 1) / kPoints);
    course.mean.push_back(mean);
    course.deviation.push_back(std::sqrt(squares / static_cast<double>(at.size() - 1)));
  }
  return course;
}

}  // namespace loam
