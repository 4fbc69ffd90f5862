// Classifiers: scores with their intervals beside a plain floor, which label is taken for which, how far to trust a
// probability, and how it learned.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/flow.h"
#include "loam/report/html.h"
#include "loam/report/report.h"

namespace loam {
namespace {

std::string percent_of(double value) { return fmt::format("{:.1f}%", 100 * value); }

/// "97.9% (96.4 to 98.8)"
std::string estimate_text(const Json& scores, const char* key) {
  const auto it = scores.find(key);
  if (it == scores.end() || !it->is_object()) return "";
  return fmt::format("{} ({:.1f} to {:.1f})", percent_of(get_number(*it, "value", 0.0)), 100 * get_number(*it, "low", 0.0), 100 * get_number(*it, "high", 0.0));
}

IntervalRow interval_row(const std::string& label, const Json& estimate, std::optional<double> chance, int colour) {
  IntervalRow row{label, get_number(estimate, "value", 0.0)};
  if (estimate.contains("low")) row.low = get_number(estimate, "low", 0.0);
  if (estimate.contains("high")) row.high = get_number(estimate, "high", 0.0);
  row.chance = chance;
  row.colour = colour;
  return row;
}

Table score_table(const Json& model, const Json& floor) {
  Table table;
  table.caption = fmt::format("On {} held-out rows that training never saw, with 95% intervals. The floor is a logistic regression on words, fitted on the same rows.",
                              with_commas(get_int(model, "rows", int64_t{0})));
  table.columns = {"score", "model", "floor"};
  table.numeric = {false, true, true};
  for (const auto& [key, label] : {std::pair{"accuracy", "accuracy"}, {"macro_f1", "F1, mean over labels"}, {"macro_precision", "precision, mean over labels"},
                                   {"macro_recall", "recall, mean over labels"}, {"mcc", "Matthews correlation"}}) {
    if (!model.contains(key)) continue;
    table.rows.push_back({{label}, {estimate_text(model, key)}, {floor.is_object() ? estimate_text(floor, key) : ""}});
  }
  for (const auto& [key, label] : {std::pair{"ece", "expected calibration error"}, {"brier", "Brier score"}, {"log_loss", "log loss, nats"}}) {
    auto number = [name = key](const Json& scores) -> std::string {
      if (!scores.is_object() || !scores.contains(name)) return "";
      return scores[name].is_object() ? fmt::format("{:.4f}", get_number(scores[name], "value", 0.0)) : scores[name].is_number() ? fmt::format("{:.4f}", scores[name].get<double>()) : "";
    };
    if (model.contains(key)) table.rows.push_back({{label}, {number(model)}, {number(floor)}});
  }
  return table;
}

Table label_table(const Json& model) {
  Table table;
  table.caption = "By label, with 95% intervals.";
  table.columns = {"label", "rows", "precision", "recall", "F1"};
  table.numeric = {false, true, true, true, true};
  for (const Json& row : model.value("classes", Json::array())) {
    table.rows.push_back({{get_string(row, "label", "")}, {with_commas(get_int(row, "rows", int64_t{0}))}, {estimate_text(row, "precision")}, {estimate_text(row, "recall")}, {estimate_text(row, "f1")}});
  }
  return table;
}

/// Rows: the true label; columns: the label given; shaded by the share of the row.
Table confusion_table(const Json& model) {
  Table table;
  const Json classes = model.value("classes", Json::array()), counts = model.value("confusion", Json::array());
  constexpr size_t kMost = 20;
  if (classes.size() < 2 || classes.size() > kMost || counts.size() < classes.size()) return table;
  table.caption = "Which label was given to which: a row is the true label, a column the one given.";
  table.columns = {"true label"};
  for (const Json& one : classes) table.columns.push_back(get_string(one, "label", ""));
  table.numeric.assign(table.columns.size(), true);
  table.numeric[0] = false;
  for (size_t i = 0; i < classes.size(); ++i) {
    std::vector<Cell> row = {{get_string(classes[i], "label", "")}};
    int64_t total = 0;
    for (const Json& count : counts[i]) total += count.is_number_integer() ? count.get<int64_t>() : 0;
    for (size_t j = 0; j < classes.size() && j < counts[i].size(); ++j) {
      const int64_t count = counts[i][j].is_number_integer() ? counts[i][j].get<int64_t>() : 0;
      row.push_back({.text = with_commas(count), .shade = total > 0 ? static_cast<int>(100 * count / total) : 0});
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

std::string calibration_figure(const Json& model) {
  std::vector<CalibrationBin> bins;
  for (const Json& bin : model.value("calibration", Json::array())) {
    bins.push_back({get_number(bin, "confidence", 0.0), get_number(bin, "accuracy", 0.0), get_int(bin, "rows", int64_t{0})});
  }
  return calibration_chart(bins, "Calibration");
}

}  // namespace

DocSection classifier_section(const MadeArtifact& made) {
  DocSection section{"classifier-" + made.name, made.name + ": classifier", {}};
  const Json scores = fs::exists(made.artifact.path("scores.json")) ? read_json(made.artifact.path("scores.json")) : Json::object();
  const Json rows = made.artifact.counts.value("rows", Json::object());
  std::string what = made.about.empty() ? "" : sentence(made.about) + " ";
  what += fmt::format("Learned from {} rows; {} chose the best checkpoint", with_commas(get_int(rows, "train", int64_t{0})), with_commas(get_int(rows, "validation", int64_t{0})));
  section.blocks.push_back(Paragraph{what + "."});
  if (scores.contains("model") && scores["model"].is_object()) {
    const Json& model = scores["model"];
    const Json floor = scores.value("logistic", Json());
    const double majority = get_number(model, "majority", 0.0);
    std::vector<IntervalRow> bars;
    if (model.contains("accuracy")) bars.push_back(interval_row("model", model["accuracy"], majority, 1));
    if (floor.is_object() && floor.contains("accuracy")) bars.push_back(interval_row("floor (words)", floor["accuracy"], majority, 6));
    double least = majority > 0 ? majority : 1;
    for (const IntervalRow& bar : bars) least = std::min(least, bar.low.value_or(bar.value));
    section.blocks.push_back(Figure{interval_chart(bars, std::max(0.0, std::floor(least * 20 - 0.5) / 20), 1, Unit::percent, "Accuracy on held-out rows"),
                                    "Accuracy on held-out rows with 95% intervals; the dashed tick is what always giving the commonest label reaches.", false});
    section.blocks.push_back(score_table(model, floor));
    if (const Json test = scores.value("mcnemar_logistic_to_model", Json()); test.is_object()) {
      section.blocks.push_back(Paragraph{fmt::format("Against the floor, row by row (McNemar): {} rows only the model got right, {} only the floor, p = {:.3g}.",
                                                     with_commas(get_int(test, "only_b", int64_t{0})), with_commas(get_int(test, "only_a", int64_t{0})), get_number(test, "mid_p", 1.0))});
    }
    section.blocks.push_back(label_table(model));
    section.blocks.push_back(confusion_table(model));
  }
  const Metrics metrics(made.artifact.path("metrics.jsonl"));
  const Curve loss = metrics.curve("loss"), held_out = metrics.curve("val_loss"), accuracy = metrics.curve("accuracy");
  if (!loss.empty()) {
    ChartFrame frame{"Loss of " + made.name, "step", "nats a row", Unit::count, Unit::plain, 560, 270};
    section.blocks.push_back(Figure{line_chart({{"training, each step", loss.step, loss.value, 1, false, true}, {"training", loss.step, smoothed(loss.value, static_cast<int64_t>(loss.value.size()) / 40), 1},
                                                {"validation", held_out.step, held_out.value, 2}}, frame),
                                    "Loss while it learned.", true});
  }
  if (accuracy.value.size() > 1) {
    ChartFrame frame{"Validation accuracy of " + made.name, "step", "accuracy", Unit::count, Unit::percent, 560, 230};
    section.blocks.push_back(Figure{line_chart({{"accuracy", accuracy.step, accuracy.value, 3}}, frame), "Accuracy on the rows that choose the checkpoint.", true});
  }
  if (scores.contains("model") && scores["model"].is_object()) {
    section.blocks.push_back(Figure{calibration_figure(scores["model"]),
                                    "When it gives a probability, how often is it right? On the diagonal, as often as it says. A disc's area is the number of rows.", true});
  }
  return section;
}

}  // namespace loam
