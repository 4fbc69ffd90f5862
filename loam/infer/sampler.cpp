#include "loam/infer/sampler.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"

namespace loam {

void SampleSettings::validate() const {
  require(temperature >= 0 && std::isfinite(temperature), "--temperature ", temperature, " must be 0 or more");
  require(top_k >= 0, "--top-k ", top_k, " must be 0 (all) or more");
  require(top_p > 0 && top_p <= 1, "--top-p ", top_p, " is not in (0, 1]");
}

int32_t Sampler::draw(const std::vector<float>& logits) {
  if (settings_.temperature == 0) return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) candidates_.emplace_back(logits[i], static_cast<int32_t>(i));
  const auto before = [](const auto& a, const auto& b) { return a.first > b.first || (a.first == b.first && a.second < b.second); };
  if (settings_.top_k > 0 && settings_.top_k < static_cast<int64_t>(candidates_.size())) {
    std::nth_element(candidates_.begin(), candidates_.begin() + settings_.top_k, candidates_.end(), before);
    candidates_.resize(static_cast<size_t>(settings_.top_k));
  }
  std::sort(candidates_.begin(), candidates_.end(), before);
  std::vector<double> weights;
  double total = 0;
  for (const auto& [logit, id] : candidates_) {
    weights.push_back(std::exp(static_cast<double>(logit - candidates_.front().first) / settings_.temperature));
    total += weights.back();
  }
  double allowed = 0;
  size_t kept = 0;
  while (kept < weights.size() && allowed < settings_.top_p * total) allowed += weights[kept++];
  double place = random_.uniform() * allowed;
  for (size_t i = 0; i < kept; ++i) {
    if (place < weights[i]) return candidates_[i].second;
    place -= weights[i];
  }
  return candidates_[kept - 1].second;
}

}  // namespace loam
