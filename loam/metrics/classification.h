// Scores of a classifier, each with a 95 % interval.
//
//   std::vector<Prediction> rows = {{.truth = 0, .scores = {.9f, .1f}}, ...};
//   ClassificationScores s = score_classifier(rows, {"ham", "spam"});
//   s.accuracy.value; s.macro_f1.interval.low; s.classes[1].recall; s.confusion[truth][predicted]
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loam/metrics/intervals.h"

namespace loam {

/// One row: the true class and the model's probabilities. A truth at or past scores.size() is a label the model does
/// not know: always wrong.
struct Prediction {
  int32_t truth = 0;
  std::vector<float> scores = {};

  int32_t chosen() const;  ///< the class with the greatest score, the first of equals
  bool right() const { return chosen() == truth; }
};

/// counts[truth][predicted], square.
class Confusion {
 public:
  explicit Confusion(int64_t classes) : classes_(classes), counts_(static_cast<size_t>(classes * classes)) {}
  void add(int64_t truth, int64_t predicted, int64_t times = 1) { counts_[static_cast<size_t>(truth * classes_ + predicted)] += times; }
  int64_t at(int64_t truth, int64_t predicted) const { return counts_[static_cast<size_t>(truth * classes_ + predicted)]; }
  int64_t classes() const { return classes_; }
  int64_t total() const;
  int64_t truths(int64_t c) const;       ///< rows whose true class is c
  int64_t predictions(int64_t c) const;  ///< rows that were given class c

  double accuracy() const;
  double precision(int64_t c) const;     ///< 0 if nothing was given class c
  double recall(int64_t c) const;        ///< 0 if nothing is of class c
  double f1(int64_t c) const;
  /// Mean of F1 over the classes that occur, as truth or as prediction (scikit-learn's macro average).
  double macro_f1() const;
  /// Mean of recall over the classes that occur as truth.
  double balanced_accuracy() const;
  /// Matthews' correlation coefficient for any number of classes; 0 where it is not defined.
  /// Source: Gorodkin 2004, Comput. Biol. Chem. 28, eq. 8, in the counts of scikit-learn's user guide.
  double mcc() const;

 private:
  int64_t classes_;
  std::vector<int64_t> counts_;
};

struct ClassScores {
  std::string label;
  int64_t rows = 0;        ///< of this class
  int64_t predicted = 0;
  Estimate precision, recall, f1;
};

/// How far confidence and accuracy lie apart among the rows of one bin of confidence.
struct CalibrationBin {
  double low = 0, high = 0, confidence = 0, accuracy = 0;
  int64_t rows = 0;
};

struct ClassificationScores {
  int64_t rows = 0;
  Estimate accuracy, macro_f1, macro_precision, macro_recall, mcc;
  Estimate ece;    ///< expected calibration error of the greatest score, 15 equal bins (Guo et al. 2017)
  Estimate brier;  ///< mean over rows of the summed squared error over classes, 0 to 2 (Brier 1950)
  Estimate log_loss;  ///< nats a row; scores are taken as at least 1e-15
  std::vector<ClassScores> classes;
  std::vector<std::vector<int64_t>> confusion;  ///< [truth][predicted], in the order of `classes`
  std::vector<CalibrationBin> calibration;
  double majority = 0;  ///< accuracy of always naming the commonest class: the chance level
};

/// All of it. `labels` names the classes; those past the scores' size are unknown to the model. Accuracy, precision and
/// recall have Wilson's intervals, the others percentile bootstrap.
ClassificationScores score_classifier(std::span<const Prediction> rows, const std::vector<std::string>& labels, Bootstrap how = {});

/// Values alone, for choosing checkpoints: accuracy, macro_f1, mcc, balanced_accuracy, log_loss (to be made small).
/// Throws Error{usage} with the nearest name for another metric.
double classification_metric(const std::string& metric, std::span<const Prediction> rows, int64_t classes);
/// Is a greater value better? Throws likewise.
bool greater_is_better(const std::string& metric);

}  // namespace loam
