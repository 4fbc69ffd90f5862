// What the models can do: tuned models as they learned, scores beside their chance levels, pairs of models compared.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/report.h"

namespace loam {
namespace {

bool is_classifier(const MadeArtifact& made) {
  const fs::path config = made.artifact.path("config.json");
  return fs::exists(config) && read_json(config).contains("id2label");
}

/// A model that learned to answer: its losses, before and after.
DocSection dialogue_section(const MadeArtifact& made) {
  DocSection section{"tuned-" + made.name, made.name + ": a model that answers", {}};
  const Json& counts = made.artifact.counts;
  const Json rows = counts.value("rows", Json::object()), before = counts.value("before", Json::object()), after = counts.value("validation", Json::object());
  section.blocks.push_back(Paragraph{(made.about.empty() ? "" : made.about + ". ") +
                                     fmt::format("Learned from {} dialogues, the loss on the answers alone; {} others chose the best checkpoint.",
                                                 with_commas(get_int(rows, "train", int64_t{0})), with_commas(get_int(rows, "validation", int64_t{0})))});
  Table table;
  table.caption = "On the validation rows: nats a token of the right answers, and how often the right token was the likeliest.";
  table.columns = {"", "before tuning", "after"};
  table.numeric = {false, true, true};
  for (const auto& [key, label] : {std::pair{"val_loss", "loss"}, {"val_accuracy", "right tokens"}}) {
    if (before.contains(key) && after.contains(key)) table.rows.push_back({{label}, {fmt::format("{:.3f}", get_number(before, key))}, {fmt::format("{:.3f}", get_number(after, key))}});
  }
  if (!table.rows.empty()) section.blocks.push_back(table);
  const Metrics metrics(made.artifact.path("metrics.jsonl"));
  const Curve loss = metrics.curve("loss"), held_out = metrics.curve("val_loss");
  if (!loss.empty()) {
    const double keep = 1 - 1 / std::max(1.0, static_cast<double>(loss.value.size()) / 50);
    ChartFrame frame{"Loss of " + made.name, "step", "nats a token of the answers", Unit::count, Unit::plain, 560, 270};
    section.blocks.push_back(Figure{line_chart({{"training, each step", loss.step, loss.value, 1, false, true}, {"training", loss.step, smoothed(loss.value, keep), 1},
                                                {"validation", held_out.step, held_out.value, 2}}, frame),
                                    "Loss while it learned.", true});
  }
  return section;
}

std::string number(double value) { return std::abs(value) >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.3f}", value); }
std::string interval(const Json& from) {
  return from.contains("low") && from.contains("high") && from["low"].is_number() ? number(get_number(from, "low")) + " to " + number(get_number(from, "high")) : "";
}

/// Rows "task, metric, value, 95 % interval, chance" of one scores artifact.
void add_scores(Table& table, const MadeArtifact& made) {
  const Json detail = made.artifact.counts.value("detail", Json::object());
  for (const auto& [task, metrics] : detail.items()) {
    if (!metrics.is_object() || task == "compare" || task == "classify") continue;  // these have tables of their own
    const Json chance = metrics.value("chance", Json::object());
    for (const auto& [name, value] : metrics.items()) {
      if (!value.is_object() || !value.contains("value")) continue;
      const std::string harness = name == "accuracy" ? "acc" : name;
      std::string guess;
      if (chance.contains(harness) && chance[harness].is_number()) guess = number(chance[harness].get<double>());
      table.rows.push_back({{task}, {name}, {number(get_number(value, "value"))}, {interval(value)}, {guess}});
    }
  }
}

Table comparison_table(const Json& compared) {
  Table table;
  table.caption = "The same held-out rows asked of both; 95 % intervals of the difference.";
  table.columns = {"metric", "base", "tuned", "difference", "interval", "p", "test"};
  table.numeric = {false, true, true, true, true, true, false};
  for (const auto& [name, m] : compared.items()) {
    if (!m.is_object() || !m.contains("base") || !m.contains("tuned")) continue;
    table.rows.push_back({{name}, {number(get_number(m, "base"))}, {number(get_number(m, "tuned"))}, {fmt::format("{:+.3f}", get_number(m, "difference", 0.0))}, {interval(m)},
                          {fmt::format("{:.2g}", get_number(m, "p", 1.0))}, {get_string(m, "test", "")}});
  }
  return table;
}

/// A chat prompt without its marks: the last question alone.
std::string question_in(std::string prompt) {
  const std::string open = "<|im_start|>user\n", close = "<|im_end|>";
  if (const size_t at = prompt.rfind(open); at != std::string::npos) {
    prompt.erase(0, at + open.size());
    prompt.resize(std::min(prompt.size(), prompt.find(close)));
  }
  return prompt;
}

std::string shortened(std::string text, size_t most = 160) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;  // not inside a character
  return text.substr(0, most) + " ...";
}

/// The first answers of a comparison side by side.
Table answers_table(const MadeArtifact& made, size_t most) {
  Table table;
  table.caption = "The first of the compared rows: what was asked, what each model answered, what would have been right.";
  table.columns = {"asked", "base", "tuned", "right"};
  for (const auto& file : made.artifact.files) {
    if (file.name.rfind("samples_compare", 0) != 0) continue;
    for (const Json& row : read_json_lines(made.artifact.path(file.name), static_cast<int64_t>(most))) {
      const Json answers = row.contains("resps") && row["resps"].is_array() && !row["resps"].empty() ? row["resps"][0] : Json();
      if (!answers.is_object()) continue;
      table.rows.push_back({{shortened(question_in(get_string(row.value("doc", Json::object()), "prompt", "")))},
                            {shortened(get_string(answers, "base", ""))}, {shortened(get_string(answers, "tuned", ""))}, {shortened(get_string(row, "target", ""))}});
    }
  }
  return table;
}

}  // namespace

std::vector<DocSection> tuning_sections(const PathData& path) {
  std::vector<DocSection> out;
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind != "model" || (made.verb.rfind("finetune", 0) != 0 && !fs::exists(made.artifact.path("split.tsv")))) continue;
    out.push_back(is_classifier(made) ? classifier_section(made) : dialogue_section(made));
  }
  return out;
}

DocSection scores_section(const PathData& path) {
  DocSection section{"scores", "Scores", {}};
  Table table;
  table.caption = "Each score with its 95 % interval, beside what guessing reaches. A small model may well sit at chance, or below it.";
  table.columns = {"task", "metric", "score", "interval", "chance"};
  table.numeric = {false, false, true, true, true};
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind == "scores") add_scores(table, made);
  }
  if (!table.rows.empty()) section.blocks.push_back(table);
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind != "scores") continue;
    const Json detail = made.artifact.counts.value("detail", Json::object());
    if (!detail.contains("compare")) continue;
    section.blocks.push_back(Paragraph{made.about.empty() ? made.name : made.about + "."});
    section.blocks.push_back(comparison_table(detail["compare"]));
    if (Table answers = answers_table(made, 8); !answers.rows.empty()) section.blocks.push_back(std::move(answers));
  }
  return section;
}

}  // namespace loam
