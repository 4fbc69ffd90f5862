// What the models can do: tuned models as they learned, scores beside their chance levels, pairs of models compared.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/html.h"
#include "loam/report/report.h"

namespace loam {
namespace {

bool is_classifier(const MadeArtifact& made) {
  const fs::path config = made.artifact.path("config.json");
  return fs::exists(config) && read_json(config).contains("id2label");
}

std::string number(double value) { return std::abs(value) >= 10 ? fmt::format("{:.1f}", value) : fmt::format("{:.3f}", value); }
std::string interval(const Json& from) {
  return from.contains("low") && from.contains("high") && from["low"].is_number() ? number(get_number(from, "low")) + " to " + number(get_number(from, "high")) : "";
}

/// A metric's name for a reader.
std::string metric_name(const std::string& name) {
  for (const auto& [key, words] : {std::pair{"bits_per_byte", "bits a byte (less is better)"}, {"exact_match", "exact match"}, {"chrf", "chrF, 0 to 100"}, {"bleu", "BLEU, 0 to 100"},
                                   {"rouge1", "ROUGE-1"}, {"rouge2", "ROUGE-2"}, {"rougeL", "ROUGE-L"}, {"log_prob_a_token", "log probability a token of the right answer"}}) {
    if (name == key) return words;
  }
  return name;
}

/// Where a score's interval lies beside what guessing reaches.
std::string verdict(const Json& score, double chance) {
  if (!score.contains("low") || !score["low"].is_number() || !score.contains("high") || !score["high"].is_number()) return "";
  if (get_number(score, "low") > chance) return "above chance";
  return get_number(score, "high") < chance ? "below chance" : "at chance";
}

/// Rows "task, metric, value, 95 % interval, chance, verdict" of one scores artifact.
void add_scores(Table& table, const MadeArtifact& made) {
  const Json detail = made.artifact.counts.value("detail", Json::object());
  std::map<std::string, int64_t> shots;
  for (const Json& task : made.artifact.counts.value("tasks", Json::array())) {
    if (task.is_object()) shots[get_string(task, "name", "")] = get_int(task, "shots", int64_t{0});
  }
  for (const auto& [task, metrics] : detail.items()) {
    if (!metrics.is_object() || task == "compare" || task == "classify") continue;  // these have tables of their own
    const Json chance = metrics.value("chance", Json::object());
    for (const auto& [name, value] : metrics.items()) {
      if (!value.is_object() || !value.contains("value")) continue;
      const std::string harness = name == "accuracy" ? "acc" : name;
      std::string guess, place;
      if (chance.contains(harness) && chance[harness].is_number()) {
        guess = number(chance[harness].get<double>());
        place = verdict(value, chance[harness].get<double>());
      }
      const auto shown = shots.find(task);
      const std::string examples = shown != shots.end() && shown->second > 0 ? fmt::format(" ({} examples shown)", shown->second) : "";
      std::string words = task;
      std::replace(words.begin(), words.end(), '_', ' ');
      table.rows.push_back({{words + examples}, {metric_name(name)}, {number(get_number(value, "value"))}, {interval(value)}, {guess}, {place}});
    }
  }
}

Table comparison_table(const Json& compared) {
  Table table;
  table.caption = "The same held-out rows asked of both, before tuning and after, with the 95% interval of the difference.";
  table.columns = {"metric", "before", "after", "difference", "interval", "p", "test"};
  table.numeric = {false, true, true, true, true, true, false};
  for (const auto& [name, m] : compared.items()) {
    if (!m.is_object() || !m.contains("base") || !m.contains("tuned")) continue;
    const double difference = get_number(m, "difference", 0.0);
    table.rows.push_back({{metric_name(name)}, {number(get_number(m, "base"))}, {number(get_number(m, "tuned"))}, {(difference < 0 ? "" : "+") + number(difference)}, {interval(m)},
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

/// What all texts begin with, up to the end of a word; "" if that is little.
std::string common_start(const std::vector<std::string>& texts) {
  if (texts.size() < 2) return "";
  size_t length = texts[0].size();
  for (const std::string& text : texts) {
    size_t same = 0;
    while (same < std::min(length, text.size()) && text[same] == texts[0][same]) ++same;
    length = same;
  }
  const size_t space = texts[0].substr(0, length).find_last_of(" \n");
  return space == std::string::npos || space < 5 ? "" : texts[0].substr(0, space + 1);
}

/// The first answers of a comparison side by side.
Table answers_table(const MadeArtifact& made, size_t most) {
  Table table;
  table.columns = {"asked", "before", "after", "right"};
  table.even = true;
  std::vector<std::string> asked;
  for (const auto& file : made.artifact.files) {
    if (file.name.rfind("samples_compare", 0) != 0) continue;
    for (const Json& row : read_json_lines(made.artifact.path(file.name), static_cast<int64_t>(most))) {
      const Json answers = row.contains("resps") && row["resps"].is_array() && !row["resps"].empty() ? row["resps"][0] : Json();
      if (!answers.is_object()) continue;
      asked.push_back(question_in(get_string(row.value("doc", Json::object()), "prompt", "")));
      table.rows.push_back({{}, {shorten(get_string(answers, "base", ""), 120)}, {shorten(get_string(answers, "tuned", ""), 120)}, {shorten(get_string(row, "target", ""), 160)}});
    }
  }
  const std::string start = common_start(asked);
  for (size_t i = 0; i < table.rows.size(); ++i) table.rows[i][0].text = shorten(asked[i].substr(start.size()), 160);
  table.caption = fmt::format("The first of the compared rows: what was asked{}, what each model answered, what would have been right.", start.empty() ? "" : ", each after \"" + start.substr(0, start.size() - 1) + "\"");
  return table;
}

bool compares(const MadeArtifact& made) {
  return made.artifact.kind == "scores" && made.artifact.counts.value("detail", Json::object()).contains("compare");
}

/// The model a comparison is about: the last of those it was made from.
std::optional<size_t> tuned_of(const MadeArtifact& comparison, const PathData& path) {
  std::optional<size_t> out;
  for (const size_t parent : comparison.parents) {
    if (path.made[parent].artifact.kind == "model") out = std::max(out.value_or(0), parent);
  }
  return out;
}

bool is_tuned(const MadeArtifact& made) {
  return made.artifact.kind == "model" && (made.verb.rfind("finetune", 0) == 0 || fs::exists(made.artifact.path("split.tsv")));
}

void add_comparison(DocSection& section, const MadeArtifact& made) {
  section.blocks.push_back(Paragraph{sentence(made.about.empty() ? made.name : made.about)});
  section.blocks.push_back(comparison_table(made.artifact.counts["detail"]["compare"]));
  if (Table answers = answers_table(made, 8); !answers.rows.empty()) section.blocks.push_back(std::move(answers));
}

/// A model that learned to answer: its losses, before and after.
DocSection dialogue_section(const MadeArtifact& made) {
  DocSection section{"tuned-" + made.name, made.name + ": a model that answers", {}};
  const Json& counts = made.artifact.counts;
  const Json rows = counts.value("rows", Json::object()), before = counts.value("before", Json::object()), after = counts.value("validation", Json::object());
  section.blocks.push_back(Paragraph{(made.about.empty() ? "" : sentence(made.about) + " ") +
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
    ChartFrame frame{"Loss of " + made.name, "step", "nats a token of the answers", Unit::count, Unit::plain, 560, 270};
    section.blocks.push_back(Figure{line_chart({{"training, each step", loss.step, loss.value, 1, false, true}, {"training", loss.step, smoothed(loss.value, static_cast<int64_t>(loss.value.size()) / 40), 1},
                                                {"validation", held_out.step, held_out.value, 2}}, frame),
                                    "Loss while it learned.", true});
  }
  return section;
}

}  // namespace

std::vector<DocSection> tuning_sections(const PathData& path) {
  std::vector<DocSection> out;
  for (size_t i = 0; i < path.made.size(); ++i) {
    if (!is_tuned(path.made[i])) continue;
    out.push_back(is_classifier(path.made[i]) ? classifier_section(path.made[i]) : dialogue_section(path.made[i]));
    for (const MadeArtifact& made : path.made) {
      if (compares(made) && tuned_of(made, path) == i) add_comparison(out.back(), made);
    }
  }
  return out;
}

DocSection scores_section(const PathData& path) {
  DocSection section{"scores", "Scores", {}};
  Table table;
  table.caption = "Each score with its 95% interval, beside what guessing reaches. A small model may well sit at chance, or below it.";
  table.columns = {"task", "metric", "score", "interval", "chance", ""};
  table.numeric = {false, false, true, true, true, false};
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind == "scores") add_scores(table, made);
  }
  if (!table.rows.empty()) section.blocks.push_back(table);
  for (const MadeArtifact& made : path.made) {
    if (!compares(made)) continue;
    const auto tuned = tuned_of(made, path);
    if (!tuned || !is_tuned(path.made[*tuned])) add_comparison(section, made);  // the others stand with their model
  }
  return section;
}

}  // namespace loam
