#include "loam/metrics/classification.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/fields.h"

namespace loam {
namespace {

constexpr int64_t kBins = 15;

double ratio(int64_t a, int64_t b) { return b > 0 ? static_cast<double>(a) / static_cast<double>(b) : 0; }

/// What of a row the resampled statistics need.
struct Row {
  int32_t truth, predicted, bin;
  float confidence;
  double brier, log_loss;
};

int32_t bin_of(float confidence) {
  // Bins are (low, high], as Guo et al. have them; 0 falls into the first.
  const int64_t bin = static_cast<int64_t>(std::ceil(static_cast<double>(confidence) * kBins)) - 1;
  return static_cast<int32_t>(std::clamp<int64_t>(bin, 0, kBins - 1));
}

double ece_of(std::span<const Row> rows, std::span<const int32_t> sample) {
  double confidence[kBins] = {}, right[kBins] = {};
  for (const int32_t i : sample) {
    const Row& row = rows[static_cast<size_t>(i)];
    confidence[row.bin] += static_cast<double>(row.confidence);
    right[row.bin] += row.truth == row.predicted;
  }
  double sum = 0;
  for (int64_t b = 0; b < kBins; ++b) sum += std::abs(confidence[b] - right[b]);
  return sample.empty() ? 0 : sum / static_cast<double>(sample.size());
}

}  // namespace

int32_t Prediction::chosen() const {
  return static_cast<int32_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
}

int64_t Confusion::total() const {
  int64_t sum = 0;
  for (const int64_t n : counts_) sum += n;
  return sum;
}

int64_t Confusion::truths(int64_t c) const {
  int64_t sum = 0;
  for (int64_t k = 0; k < classes_; ++k) sum += at(c, k);
  return sum;
}

int64_t Confusion::predictions(int64_t c) const {
  int64_t sum = 0;
  for (int64_t k = 0; k < classes_; ++k) sum += at(k, c);
  return sum;
}

double Confusion::accuracy() const {
  int64_t right = 0;
  for (int64_t c = 0; c < classes_; ++c) right += at(c, c);
  return ratio(right, total());
}

double Confusion::precision(int64_t c) const { return ratio(at(c, c), predictions(c)); }
double Confusion::recall(int64_t c) const { return ratio(at(c, c), truths(c)); }
double Confusion::f1(int64_t c) const { return ratio(2 * at(c, c), truths(c) + predictions(c)); }

double Confusion::macro_f1() const {
  double sum = 0;
  int64_t occurring = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    if (truths(c) + predictions(c) == 0) continue;
    sum += f1(c);
    ++occurring;
  }
  return occurring > 0 ? sum / static_cast<double>(occurring) : 0;
}

double Confusion::balanced_accuracy() const {
  double sum = 0;
  int64_t occurring = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    if (truths(c) == 0) continue;
    sum += recall(c);
    ++occurring;
  }
  return occurring > 0 ? sum / static_cast<double>(occurring) : 0;
}

double Confusion::mcc() const {
  double right = 0, all = static_cast<double>(total()), products = 0, truth_squares = 0, prediction_squares = 0;
  for (int64_t c = 0; c < classes_; ++c) {
    const double t = static_cast<double>(truths(c)), p = static_cast<double>(predictions(c));
    right += static_cast<double>(at(c, c));
    products += t * p;
    truth_squares += t * t;
    prediction_squares += p * p;
  }
  const double below = std::sqrt(all * all - prediction_squares) * std::sqrt(all * all - truth_squares);
  return below > 0 ? (right * all - products) / below : 0;
}

ClassificationScores score_classifier(std::span<const Prediction> predictions, const std::vector<std::string>& labels, Bootstrap how) {
  ClassificationScores out;
  out.rows = static_cast<int64_t>(predictions.size());
  const auto classes = static_cast<int64_t>(labels.size());
  std::vector<Row> rows;
  rows.reserve(predictions.size());
  Confusion confusion(classes);
  int64_t right = 0;
  for (const auto& p : predictions) {
    LOAM_ASSERT(p.truth >= 0 && p.truth < classes && !p.scores.empty() && static_cast<int64_t>(p.scores.size()) <= classes);
    Row row{};
    row.truth = p.truth;
    row.predicted = p.chosen();
    row.confidence = p.scores[static_cast<size_t>(row.predicted)];
    row.bin = bin_of(row.confidence);
    const bool known = p.truth < static_cast<int32_t>(p.scores.size());
    const double at_truth = known ? static_cast<double>(p.scores[static_cast<size_t>(p.truth)]) : 0;
    for (const float s : p.scores) row.brier += static_cast<double>(s) * static_cast<double>(s);
    row.brier += 1 - 2 * at_truth;
    row.log_loss = -std::log(std::max(at_truth, 1e-15));
    confusion.add(row.truth, row.predicted);
    right += row.truth == row.predicted;
    rows.push_back(row);
  }
  auto macro = [&](const Confusion& c, auto score) {
    double sum = 0;
    int64_t occurring = 0;
    for (int64_t k = 0; k < classes; ++k) {
      if (c.truths(k) + c.predictions(k) == 0) continue;
      sum += score(c, k);
      ++occurring;
    }
    return occurring > 0 ? sum / static_cast<double>(occurring) : 0.0;
  };
  const auto precision = [](const Confusion& c, int64_t k) { return c.precision(k); };
  const auto recall = [](const Confusion& c, int64_t k) { return c.recall(k); };
  constexpr int64_t kWhole = 7;  // macro F1, precision, recall, MCC, ECE, Brier, log loss; then F1 by class
  auto compute = [&](std::span<const int32_t> sample, double* to) {
    Confusion c(classes);
    double brier = 0, loss = 0;
    for (const int32_t i : sample) {
      const Row& row = rows[static_cast<size_t>(i)];
      c.add(row.truth, row.predicted);
      brier += row.brier;
      loss += row.log_loss;
    }
    const double n = sample.empty() ? 1 : static_cast<double>(sample.size());
    to[0] = c.macro_f1();
    to[1] = macro(c, precision);
    to[2] = macro(c, recall);
    to[3] = c.mcc();
    to[4] = ece_of(rows, sample);
    to[5] = brier / n;
    to[6] = loss / n;
    for (int64_t k = 0; k < classes; ++k) to[kWhole + k] = c.f1(k);
  };
  std::vector<int32_t> whole(rows.size());
  for (size_t i = 0; i < whole.size(); ++i) whole[i] = static_cast<int32_t>(i);
  std::vector<double> values(static_cast<size_t>(kWhole + classes));
  compute(whole, values.data());
  const auto intervals = bootstrap_intervals(out.rows, kWhole + classes, compute, how);
  auto estimate = [&](int64_t k) { return Estimate{values[static_cast<size_t>(k)], intervals[static_cast<size_t>(k)], 0}; };
  out.accuracy = proportion(right, out.rows);
  out.macro_f1 = estimate(0);
  out.macro_precision = estimate(1);
  out.macro_recall = estimate(2);
  out.mcc = estimate(3);
  out.ece = estimate(4);
  out.brier = estimate(5);
  out.log_loss = estimate(6);
  for (int64_t k = 0; k < classes; ++k) {
    ClassScores scores;
    scores.label = labels[static_cast<size_t>(k)];
    scores.rows = confusion.truths(k);
    scores.predicted = confusion.predictions(k);
    scores.precision = proportion(confusion.at(k, k), scores.predicted);
    scores.recall = proportion(confusion.at(k, k), scores.rows);
    scores.f1 = estimate(kWhole + k);
    out.majority = std::max(out.majority, ratio(scores.rows, out.rows));
    out.classes.push_back(std::move(scores));
    out.confusion.emplace_back();
    for (int64_t p = 0; p < classes; ++p) out.confusion.back().push_back(confusion.at(k, p));
  }
  for (int64_t b = 0; b < kBins; ++b) {
    CalibrationBin bin{static_cast<double>(b) / kBins, static_cast<double>(b + 1) / kBins, 0, 0, 0};
    int64_t hits = 0;
    for (const auto& row : rows) {
      if (row.bin != b) continue;
      ++bin.rows;
      bin.confidence += static_cast<double>(row.confidence);
      hits += row.truth == row.predicted;
    }
    if (bin.rows > 0) bin.confidence /= static_cast<double>(bin.rows);
    bin.accuracy = ratio(hits, bin.rows);
    out.calibration.push_back(bin);
  }
  return out;
}

bool greater_is_better(const std::string& metric) {
  static const std::vector<std::string> kNames = {"macro_f1", "accuracy", "mcc", "balanced_accuracy", "log_loss"};
  if (std::find(kNames.begin(), kNames.end(), metric) != kNames.end()) return metric != "log_loss";
  const std::string near = nearest_name(metric, kNames);
  fail(ErrorKind::usage, "there is no metric \"", metric, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?",
       " (macro_f1, accuracy, mcc, balanced_accuracy, log_loss)");
}

double classification_metric(const std::string& metric, std::span<const Prediction> rows, int64_t classes) {
  greater_is_better(metric);  // refuses unknown names
  if (metric == "log_loss") {
    double sum = 0;
    for (const auto& row : rows) {
      const bool known = row.truth < static_cast<int32_t>(row.scores.size());
      sum -= std::log(std::max(known ? static_cast<double>(row.scores[static_cast<size_t>(row.truth)]) : 0, 1e-15));
    }
    return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
  }
  Confusion confusion(classes);
  for (const auto& row : rows) confusion.add(row.truth, row.chosen());
  if (metric == "macro_f1") return confusion.macro_f1();
  if (metric == "mcc") return confusion.mcc();
  if (metric == "balanced_accuracy") return confusion.balanced_accuracy();
  return confusion.accuracy();
}

}  // namespace loam
