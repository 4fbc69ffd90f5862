// The floor under every text classifier: logistic regression over a bag of words and word pairs. What a transformer
// does not beat, it does not need to be used for.
//
//   LogisticFloor floor = LogisticFloor::fit(train, validation, /*classes=*/2);
//   std::vector<float> p = floor.predict("cheap watches");
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// A text and its class, or classes past those trained on for labels nobody has seen.
struct LabelledText {
  std::string text;
  int32_t label = 0;
};

/// A text's features: ascending numbers, values of Euclidean length 1 (or no features at all).
struct SparseRow {
  std::vector<int32_t> at;
  std::vector<float> value;
};

/// Words and pairs of neighbouring words, hashed into 2^20 buckets of which those in two texts or more are kept, weighed
/// by (1 + ln count) * (1 + ln((1 + texts) / (1 + texts that have it))) and scaled to length 1.
/// Words are runs of two or more letters, digits, '_' and non-ASCII bytes, with ASCII lower-cased.
class BagOfWords {
 public:
  void learn(std::span<const LabelledText> texts);
  SparseRow row(std::string_view text) const;
  int64_t features() const { return static_cast<int64_t>(weight_.size()); }

 private:
  std::vector<int32_t> feature_;  // of each bucket; -1: none
  std::vector<float> weight_;     // of each feature
};

/// One logistic regression a class against the rest (one alone for two classes), probabilities scaled to sum 1.
class LogisticFloor {
 public:
  /// Fits on `train` for several strengths of the L2 penalty and keeps the one with the best accuracy on `validation`
  /// (log loss decides between equals; without validation rows it is C = 10). Deterministic, whatever the threads.
  static LogisticFloor fit(std::span<const LabelledText> train, std::span<const LabelledText> validation, int64_t classes);

  /// Probabilities of the classes.
  std::vector<float> predict(std::string_view text) const;
  double inverse_penalty() const { return c_; }  ///< scikit-learn's C
  int64_t features() const { return bag_.features(); }

 private:
  std::vector<float> predict(const SparseRow& row) const;
  BagOfWords bag_;
  int64_t classes_ = 0;
  double c_ = 0;
  std::vector<std::vector<double>> weights_;  // a model: features, then the bias
};

/// Minimises 0.5 |w|^2 + c * sum of logistic losses (the bias, w's last entry, is not penalised) by L-BFGS, starting at
/// w. `positive[i]` says whether row i is of the class. Returns the iterations used.
int64_t fit_logistic(std::vector<double>& w, std::span<const SparseRow> rows, std::span<const uint8_t> positive, double c);

}  // namespace loam
