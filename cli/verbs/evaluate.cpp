// loam evaluate: a model to scores with their error bars.
#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"
#include "loam/stages/evaluate/evaluate.h"

namespace loam {
namespace {

std::string estimate_text(const Json& e, bool percent) {
  const double scale = percent ? 100 : 1;
  return percent ? fmt::format("{:.1f} % ({:.1f} to {:.1f})", scale * e["value"].get<double>(), scale * e["low"].get<double>(), scale * e["high"].get<double>())
                 : fmt::format("{:.4f} ({:.4f} to {:.4f})", e["value"].get<double>(), e["low"].get<double>(), e["high"].get<double>());
}

/// The confusion table: rows are the true labels.
void add_confusion(std::vector<std::string>& lines, const Json& model) {
  const size_t n = model["classes"].size();
  if (n > 12) {
    lines.push_back(fmt::format("    (the confusion table of {} labels is in --json)", n));
    return;
  }
  std::string head = fmt::format("    {:<16}{:>8}", "truth \\ said", "rows");
  for (const auto& c : model["classes"]) head += fmt::format("{:>12}", c["label"].get<std::string>().substr(0, 11));
  lines.push_back(head + "   precision  recall      F1");
  for (size_t t = 0; t < n; ++t) {
    const Json& c = model["classes"][t];
    std::string line = fmt::format("    {:<16}{:>8}", c["label"].get<std::string>().substr(0, 15), c["rows"].get<int64_t>());
    for (size_t p = 0; p < n; ++p) line += fmt::format("{:>12}", model["confusion"][t][p].get<int64_t>());
    lines.push_back(line + fmt::format("       {:.3f}   {:.3f}   {:.3f}", c["precision"]["value"].get<double>(), c["recall"]["value"].get<double>(), c["f1"]["value"].get<double>()));
  }
}

void add_classifier(std::vector<std::string>& lines, const Json& detail) {
  const Json& m = detail["model"];
  const bool floor = detail.contains("logistic");
  lines.push_back(fmt::format("    {:<20}{:<26}{}", "", "the model", floor ? "logistic regression on words" : ""));
  for (const auto& [key, name] : {std::pair{"accuracy", "accuracy"}, {"macro_f1", "macro F1"}, {"macro_precision", "macro precision"}, {"macro_recall", "macro recall"}, {"mcc", "MCC"}, {"ece", "calibration error"}, {"brier", "Brier score"}}) {
    const bool percent = std::string_view(key) != "brier" && std::string_view(key) != "mcc";
    lines.push_back(fmt::format("    {:<20}{:<26}{}", name, estimate_text(m[key], percent), floor ? estimate_text(detail["logistic"][key], percent) : ""));
  }
  lines.push_back(fmt::format("    always the commonest label: {:.1f} %", 100 * m["majority"].get<double>()));
  add_confusion(lines, m);
  if (!floor) return;
  const Json& t = detail["mcnemar_logistic_to_model"];
  lines.push_back(fmt::format("    McNemar: {} rows only the model got right, {} only the regression; mid-p {:.3g}: {}", t["only_b"].get<int64_t>(), t["only_a"].get<int64_t>(), t["mid_p"].get<double>(),
                              t["mid_p"].get<double>() >= 0.05 ? "no significant difference" : t["difference"].get<double>() > 0 ? "the model is better" : "the regression is better"));
}

std::vector<std::string> task_lines(const TaskScores& task) {
  std::vector<std::string> lines = {fmt::format("{}: {} examples of {}{}", task.name, with_commas(task.examples), task.dataset, task.shots > 0 ? fmt::format(", {} shots", task.shots) : "")};
  if (task.detail.contains("model")) {
    add_classifier(lines, task.detail);
    return lines;
  }
  for (const auto& metric : task.metrics) {
    std::string line = fmt::format("    {:<16}{:.4f}", metric.name, metric.value);
    if (metric.standard_error) line += fmt::format(" +- {:.4f}", *metric.standard_error);
    const Json& detail = task.detail;
    const std::string name = metric.name == "acc" ? "accuracy" : metric.name;
    if (detail.contains(name) && detail[name].is_object() && detail[name].contains("low")) {
      line += fmt::format("   95 %: {:.4f} to {:.4f}", detail[name]["low"].get<double>(), detail[name]["high"].get<double>());
    }
    if (detail.contains("chance") && detail["chance"].is_object() && detail["chance"].contains(metric.name)) {
      const double chance = detail["chance"][metric.name].get<double>();
      line += fmt::format("   chance {:.4f}", chance);
      if (detail.contains(name) && detail[name].contains("low")) {
        const bool above = detail[name]["low"].get<double>() > chance, below = detail[name]["high"].get<double>() < chance;
        line += above ? ": above it" : below ? ": below it" : ": at chance";
      }
    }
    lines.push_back(line);
  }
  return lines;
}

}  // namespace

void add_evaluate(Cli& cli) {
  Verb& verb = cli.add("evaluate", "scores of a model, with their error bars",
                       "loam evaluate run/spam --task classify --out run/scores\n"
                       "  loam evaluate run/base --task bits_per_byte=run/tokens --task translation=held-out.jsonl --task sentiment=reviews.tsv --shots 4");
  auto model = verb.positional("model", "a model folder");
  auto config = verb.config<EvaluateConfig>("evaluate");
  verb.out("folder for results_<time>.json and samples_<task>_<time>.jsonl", /*required=*/false);
  verb.run([=](Run& run) {
    const EvaluateReport r = evaluate(*model, *config, run.out(), run.seed(), run.force(), run.progress());
    Json json = {{"model", *model}, {"seconds", r.seconds}, {"tasks", Json::array()}};
    if (r.artifact) json["out"] = run.out().string(), json["content"] = r.artifact->content;
    std::vector<std::string> lines;
    for (const auto& task : r.tasks) {
      Json scores = {{"name", task.name}, {"examples", task.examples}, {"shots", task.shots}, {"dataset", task.dataset}, {"metrics", Json::object()}, {"detail", task.detail}};
      for (const auto& m : task.metrics) scores["metrics"][m.name] = m.value;
      json["tasks"].push_back(std::move(scores));
      for (auto& line : task_lines(task)) lines.push_back(std::move(line));
    }
    return report(json, lines);
  });
}

}  // namespace loam
