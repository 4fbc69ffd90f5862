// Labels read off a text's last token: the objective of classification.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loam/metrics/classification.h"
#include "loam/model/packing.h"
#include "loam/train/trainer.h"

namespace loam {

/// Texts as ids, with their class. Classes past the model's labels are unknown to it (validation rows may have them).
struct ClassRows {
  std::vector<TokenRow> texts;
  std::vector<int32_t> classes;
  int64_t size() const { return static_cast<int64_t>(texts.size()); }
};

struct ClassObjectiveSettings {
  int64_t batch = 16;              ///< texts a step
  int64_t context = 256;           ///< longest text
  std::string metric = "macro_f1"; ///< chooses the best checkpoint
  std::vector<float> weights;      ///< of a row's loss, by class
  uint64_t seed = 0;
};

/// Step s takes texts s * batch ... of an endless stream that holds all of them once an epoch, each epoch in another
/// order; a step's texts lie packed in sequences as wide as its longest. The loss is the weighted mean of the texts'
/// cross entropies.
class ClassObjective : public Objective {
 public:
  ClassObjective(const ClassRows& train, const ClassRows& validation, ClassObjectiveSettings settings, const Backend& backend);
  StepLoss accumulate(Transformer& model, int64_t step) override;
  /// val_loss (unweighted), accuracy, macro_f1, mcc, and the metric.
  Json evaluate(Transformer& model) override;
  std::string best_metric() const override { return validation_.size() > 0 ? settings_.metric : ""; }
  bool higher_is_better() const override { return greater_is_better(settings_.metric); }
  double flops(const Transformer& model, int64_t tokens) const override;

  int64_t steps(double epochs) const;
  /// Positions of the widest of the first `steps` steps, padding included: what the model is to be planned for.
  int64_t most_places(int64_t steps) const;

 private:
  struct StepRows {
    std::vector<PackedSequence> sequences;
    int64_t time = 0;
  };
  StepRows rows_of(int64_t step) const;

  const ClassRows& train_;
  const ClassRows& validation_;
  ClassObjectiveSettings settings_;
  BatchBuffers buffers_;
  std::vector<float> weights_, losses_;  // of a step's positions
};

/// Predictions with their true classes, for the metrics.
std::vector<Prediction> predict_rows(Transformer& model, const ClassRows& rows, int64_t places);

}  // namespace loam
