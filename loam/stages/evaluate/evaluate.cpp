#include "loam/stages/evaluate/evaluate.h"

#include <algorithm>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {
namespace {

struct TaskRequest {
  std::string name, path;
};

TaskRequest task_named(const std::string& text) {
  const size_t equals = text.find('=');
  TaskRequest out{text.substr(0, equals), equals == std::string::npos ? "" : text.substr(equals + 1)};
  std::replace(out.name.begin(), out.name.end(), '-', '_');
  const auto& names = task_names();
  if (std::find(names.begin(), names.end(), out.name) != names.end()) return out;
  const std::string near = nearest_name(out.name, names);
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  fail(ErrorKind::usage, "there is no task \"", out.name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " (", all, ")");
}

}  // namespace

void EvaluateConfig::validate() const {
  require(!task.empty(), "loam evaluate needs --task, such as --task classify or --task bits_per_byte=tokens");
  for (const auto& t : task) task_named(t);
  require(shots >= 0 && max_tokens > 0 && (!limit || *limit >= 0), "--shots and --limit must be 0 or more, --max-tokens at least 1");
  require(prompt.empty() == answer.empty(), "--prompt and --answer go together");
}

EvaluateReport evaluate(const fs::path& model, const EvaluateConfig& config, const fs::path& out, uint64_t seed, bool force, Progress& progress) {
  config.validate();
  EvaluateReport report;
  const double began = seconds_now();
  Subject subject = open_subject(model);
  TaskOptions options;
  options.shots = config.shots;
  options.limit = config.limit;
  options.max_tokens = config.max_tokens;
  options.seed = seed;
  options.all_rows = config.all_rows;
  options.columns = {config.text_column, config.label_column, config.header};
  options.dialogues = {config.form, config.prompt, config.answer};
  Json settings = fields_to_json(config);
  settings["seed"] = seed;
  if (!out.empty() && is_artifact(out) && !force) ArtifactWriter(out, "scores", settings, {}, false);  // its constructor says why
  std::vector<ArtifactInput> inputs = {subject.input};
  for (const auto& text : config.task) {
    const TaskRequest request = task_named(text);
    TaskScores scores;
    if (request.name == "bits_per_byte") {
      scores = score_bits_per_byte(subject, request.path, options, progress, inputs);
    } else if (request.name == "classify") {
      scores = score_classify(subject, request.path, options, progress, inputs);
    } else if (request.name == "answers") {
      scores = score_answers(subject, request.path, options, progress, inputs);
    } else {
      scores = score_few_shot(subject, request.name, request.path, options, progress, inputs);
    }
    // The same task on several files: each under a name of its own.
    const auto same = std::count_if(report.tasks.begin(), report.tasks.end(), [&](const auto& t) { return t.name == scores.name || t.name.starts_with(scores.name + "_"); });
    if (same > 0) scores.name += "_" + std::to_string(same + 1);
    report.tasks.push_back(std::move(scores));
  }
  report.seconds = seconds_now() - began;
  if (!out.empty()) {
    ScoresWriter writer(out, model.string(), settings, inputs, force);
    for (const auto& task : report.tasks) writer.add(task);
    report.artifact = writer.finish(seed);
  }
  for (auto& task : report.tasks) task.samples.clear();
  return report;
}

}  // namespace loam
