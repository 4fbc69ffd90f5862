// Answers learnt from dialogues: next-token prediction on the assistant's tokens alone, rows packed side by side.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "loam/model/packing.h"
#include "loam/train/trainer.h"

namespace loam {

struct AnswerObjectiveSettings {
  int64_t batch = 8;               ///< sequences a step
  int64_t micro_batch = 0;         ///< sequences at once, gradients added up; 0: all
  int64_t context = 256;           ///< places of a sequence
  std::string metric = "val_loss"; ///< chooses the best checkpoint: val_loss, val_accuracy, or one of `scorer`'s
  uint64_t seed = 0;
};

/// Nats and hits over the learned tokens of rows, each seen alone.
struct AnswerLoss {
  double nats = 0;
  int64_t tokens = 0, right = 0;  ///< right: the most likely token was the wanted one
};
AnswerLoss answer_loss(Transformer& model, const std::vector<TokenRow>& rows, int64_t places);

/// Every epoch packs the rows anew, in another order; the steps take its sequences one batch after the other. Each
/// learned token of a step's batch counts the same, however the batch is cut into parts.
class AnswerObjective : public Objective {
 public:
  /// `scorer` adds members to evaluate() (exact_match, chrf...); may be empty.
  AnswerObjective(const std::vector<TokenRow>& train, const std::vector<TokenRow>& validation, AnswerObjectiveSettings settings, const Backend& backend,
                  std::function<Json(Transformer&)> scorer = {}, std::function<std::string(Transformer&)> sampler = {});
  StepLoss accumulate(Transformer& model, int64_t step) override;
  /// val_loss (nats a learned token), val_accuracy (share of them that were the most likely token), the scorer's.
  Json evaluate(Transformer& model) override;
  std::string best_metric() const override { return validation_.empty() ? "" : settings_.metric; }
  bool higher_is_better() const override { return settings_.metric != "val_loss"; }
  std::string sample(Transformer& model) override { return sampler_ ? sampler_(model) : ""; }
  double flops(const Transformer& model, int64_t tokens) const override;

  /// Steps in so many epochs.
  int64_t steps(double epochs);
  int64_t micro_batch() const { return settings_.micro_batch; }

 private:
  /// Sequence `index` of the endless stream.
  const PackedSequence& sequence(int64_t index);
  void pack_epoch(int64_t epoch);

  const std::vector<TokenRow>& train_;
  const std::vector<TokenRow>& validation_;
  AnswerObjectiveSettings settings_;
  std::function<Json(Transformer&)> scorer_;
  std::function<std::string(Transformer&)> sampler_;
  BatchBuffers buffers_;
  std::vector<int32_t> lengths_;
  std::vector<int64_t> ends_ = {0};         // sequences in all epochs before the e-th
  int64_t packed_epoch_ = -1;
  std::vector<PackedSequence> packed_;      // of that epoch
  std::vector<float> weights_, losses_;
};

}  // namespace loam
