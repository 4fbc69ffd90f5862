// loam finetune: a base model to one that answers (instruct) or labels (classify).
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/metrics/scores_json.h"
#include "loam/stages/finetune/classify/classify.h"
#include "loam/stages/finetune/instruct/instruct.h"

namespace loam {
namespace {

Json training_json(const TrainResult& t) {
  Json json = {{"steps", t.step}, {"tokens", t.tokens}, {"seconds", t.seconds}, {"loss", t.loss}, {"best_step", t.best_step}};
  if (t.best) json["best"] = *t.best;
  for (const auto& [key, value] : t.last_evaluation.items()) json[key] = value;
  return json;
}

Report tune_classifier(const ClassifyConfig& config, Run& run) {
  const TunedClassifier t = finetune_classify(config, run.out(), {run.seed(), run.force()}, run.progress());
  const std::string out = run.out().string();
  Json json = {{"out", out}, {"content", t.artifact.content}, {"rows", {{"train", t.train}, {"validation", t.validation}, {"test", t.held_out}}}, {"cut", t.cut}};
  json.update(training_json(t.training));
  std::vector<std::string> lines = {fmt::format("{}: a classifier from {} rows, {} steps in {}{}", out, with_commas(t.train), with_commas(t.training.step), human_time(t.training.seconds),
                                                t.training.best ? fmt::format("; best {} {:.4f} at step {}", config.metric, *t.training.best, t.training.best_step) : "")};
  if (t.test) {
    json["test"] = to_json(*t.test);
    json["logistic"] = to_json(*t.floor);
    json["mcnemar_logistic_to_model"] = to_json(*t.against_floor);
    auto line = [](const char* name, const Estimate& ours, const Estimate& floor) {
      return fmt::format("  {:<10} {:<26} {}", name, percent_text(ours.value, ours.interval.low, ours.interval.high), percent_text(floor.value, floor.interval.low, floor.interval.high));
    };
    lines.push_back(fmt::format("on {} held-out rows (95 % intervals); beside it, logistic regression on words:", with_commas(t.test->rows)));
    lines.push_back(line("accuracy", t.test->accuracy, t.floor->accuracy));
    lines.push_back(line("macro F1", t.test->macro_f1, t.floor->macro_f1));
    lines.push_back(line("MCC", t.test->mcc, t.floor->mcc));
    lines.push_back(fmt::format("  McNemar: {} rows only the model got right, {} only the regression, mid-p {:.3g}", t.against_floor->only_b, t.against_floor->only_a, t.against_floor->mid_p));
  }
  return report(json, lines, fmt::format("loam evaluate {} --task classify", out));
}

Report instruct(const InstructConfig& config, Run& run) {
  const TunedModel t = finetune_instruct(config, run.out(), {run.seed(), run.force()}, run.progress());
  const std::string out = run.out().string();
  Json json = {{"out", out}, {"content", t.artifact.content}, {"rows", {{"train", t.train}, {"validation", t.validation}, {"test", t.held_out}}},
               {"cut", t.cut}, {"dropped", t.dropped}, {"packed", t.packed}, {"before", t.before}};
  json.update(training_json(t.training));
  std::vector<std::string> lines = {fmt::format("{}: a model that answers, from {} dialogues, {} steps in {}", out, with_commas(t.train), with_commas(t.training.step), human_time(t.training.seconds))};
  if (t.training.best && t.before.contains(config.metric)) {
    lines.push_back(fmt::format("  {} {:.4f} at step {}, the base model's was {:.4f}", config.metric, *t.training.best, with_commas(t.training.best_step), t.before[config.metric].get<double>()));
  }
  return report(json, lines, fmt::format("loam chat {}", out));
}

}  // namespace

void add_finetune(Cli& cli) {
  Verb& dialogue = cli.add("finetune instruct", "a base model learns to answer",
                           "loam finetune instruct --base run/base --data instructions.json --out run/chat\n"
                           "  loam finetune instruct --base run/base --data pairs.tsv --prompt \"Translate to French: {en}\" --answer \"{fr}\" --minutes 4 --out run/translator");
  auto answers = dialogue.config<InstructConfig>("finetune.instruct");
  dialogue.out();
  dialogue.run([=](Run& run) { return instruct(*answers, run); });

  Verb& verb = cli.add("finetune classify", "a base model becomes a classifier of texts",
                       "loam finetune classify --base run/base --data mails.csv --label-column label --minutes 3 --out run/spam\n"
                       "  loam finetune classify --base run/base --data run/mails --label-column source --out run/spam");
  auto config = verb.config<ClassifyConfig>("finetune.classify");
  verb.out();
  verb.run([=](Run& run) { return tune_classifier(*config, run); });
}

}  // namespace loam
