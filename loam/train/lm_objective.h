// Next-token prediction over windows of a token set: what pre-training learns.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "loam/artifacts/tokens.h"
#include "loam/train/trainer.h"

namespace loam {

/// Which window of a split is the i-th a run sees: each epoch reads all windows once in another order, and from the second
/// on with another shift. A function of seed and index alone, so that the data position of a run is one number.
class WindowOrder {
 public:
  /// Windows of `context` + 1 tokens (they share one). Throws Error{input} if the split is shorter than one.
  WindowOrder(int64_t tokens, int64_t context, uint64_t seed);
  /// Offset of the first token of window `index` >= 0.
  int64_t begin(int64_t index) const;
  int64_t windows_per_epoch() const { return windows_; }

 private:
  int64_t tokens_, context_, windows_;
  uint64_t seed_;
};

/// Nats and predicted tokens of a split, read in windows that share one token, so that each token but the first is
/// predicted once.
struct SplitLoss {
  double nats = 0;
  int64_t tokens = 0;
};
/// `rows`: tokens in one forward. The model must be planned for them, or is.
SplitLoss evaluate_split(Transformer& model, const TokenSplit& split, int64_t context, int64_t rows);

struct LmSettings {
  int64_t batch = 1;        ///< sequences a step
  int64_t micro_batch = 0;  ///< sequences at once, the gradients added up; 0: the whole batch
  int64_t context = 1;      ///< tokens a sequence
  uint64_t seed = 0;
};

class LmObjective : public Objective {
 public:
  LmObjective(const TokenSet& tokens, const LmSettings& settings, std::function<std::string(Transformer&)> sampler = {});
  StepLoss accumulate(Transformer& model, int64_t step) override;
  Json evaluate(Transformer& model) override;
  std::string sample(Transformer& model) override { return sampler_ ? sampler_(model) : ""; }
  /// {"split": "train", "windows": [offset of each window's first token]}.
  Json origin(int64_t step) const override;
  double flops(const Transformer& model, int64_t tokens) const override;

 private:
  const TokenSet& tokens_;
  LmSettings settings_;
  WindowOrder order_;
  std::function<std::string(Transformer&)> sampler_;
  Buffer device_ints_, device_floats_;
  std::vector<int32_t> host_, window_;
  std::vector<float> losses_;
};

}  // namespace loam
