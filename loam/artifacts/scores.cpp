#include "loam/artifacts/scores.h"

#include <algorithm>
#include <ctime>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/progress.h"
#include "loam/base/version.h"

namespace loam {
namespace {

/// "2026-01-31T12-00-00": the time as it may stand in a file's name.
std::string file_time() {
  std::string text = iso_time_now();
  std::replace(text.begin(), text.end(), ':', '-');
  if (!text.empty() && text.back() == 'Z') text.pop_back();
  return text;
}

/// A name as it may stand in a file's name.
std::string plain(std::string name) {
  for (char& c : name) {
    const bool fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
    if (!fine) c = '_';
  }
  return name;
}

}  // namespace

Json results_json(const std::vector<TaskScores>& tasks, const std::string& model, const std::string& model_content, uint64_t seed, double seconds) {
  Json out = {{"results", Json::object()}, {"group_subtasks", Json::object()}, {"configs", Json::object()},  {"versions", Json::object()},
              {"n-shot", Json::object()},  {"higher_is_better", Json::object()}, {"n-samples", Json::object()}};
  Json detail = Json::object();
  for (const auto& task : tasks) {
    Json scores = {{"alias", task.name}};
    Json better = Json::object(), metric_list = Json::array();
    for (const auto& m : task.metrics) {
      scores[m.name + ",none"] = m.value;
      scores[m.name + "_stderr,none"] = m.standard_error ? Json(*m.standard_error) : Json("N/A");
      better[m.name] = m.higher_is_better;
      metric_list.push_back({{"metric", m.name}, {"aggregation", "mean"}, {"higher_is_better", m.higher_is_better}});
    }
    out["results"][task.name] = std::move(scores);
    out["group_subtasks"][task.name] = Json::array();
    out["configs"][task.name] = {{"task", task.name}, {"dataset_path", task.dataset}, {"num_fewshot", task.shots}, {"output_type", task.output_type}, {"metric_list", std::move(metric_list)}};
    out["versions"][task.name] = 1;
    out["n-shot"][task.name] = task.shots;
    out["higher_is_better"][task.name] = std::move(better);
    out["n-samples"][task.name] = {{"original", task.original}, {"effective", task.examples}};
    detail[task.name] = task.detail;
  }
  out["config"] = {{"model", "loam"}, {"model_args", "pretrained=" + model}, {"batch_size", 1}, {"device", "cpu"}, {"limit", nullptr}, {"bootstrap_iters", 2000},
                   {"random_seed", seed}, {"numpy_seed", seed}, {"torch_seed", seed}, {"fewshot_seed", seed}};
  out["git_hash"] = commit();
  out["date"] = static_cast<double>(std::time(nullptr));
  out["model_source"] = "loam";
  out["model_name"] = model;
  out["model_name_sanitized"] = plain(model);
  out["model_content"] = model_content;
  out["total_evaluation_time_seconds"] = std::to_string(seconds);
  out["loam"] = std::move(detail);
  return out;
}

std::string sample_line(const SampleRow& row) {
  Json json = {{"doc_id", row.id},      {"doc", row.doc},        {"target", row.target}, {"arguments", row.arguments},
               {"resps", row.responses}, {"filtered_resps", row.responses}, {"filter", "none"}, {"metrics", Json::array()},
               {"doc_hash", sha256(to_line(row.doc))}, {"prompt_hash", sha256(row.arguments.empty() ? "" : to_line(row.arguments[0]))}, {"target_hash", sha256(row.target)}};
  for (const auto& [name, value] : row.metrics.items()) {
    json["metrics"].push_back(name);
    json[name] = value;
  }
  return to_line(json) + "\n";
}

ScoresWriter::ScoresWriter(const fs::path& folder, const std::string& model, const Json& settings, const std::vector<ArtifactInput>& inputs, bool force)
    : out_(folder, "scores", settings, inputs, force), model_(model), content_(inputs.empty() ? "" : inputs[0].sha256), time_(file_time()), began_(seconds_now()) {
  // Scores are made in one go: what an earlier, broken-off run left has another time in its name.
  for (const auto& entry : fs::directory_iterator(out_.folder())) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("samples_") || name.starts_with("results_")) fs::remove(entry.path());
  }
}

void ScoresWriter::add(TaskScores task) {
  const std::string name = "samples_" + plain(task.name) + "_" + time_ + ".jsonl";
  AtomicFile file(out_.path(name));
  for (const auto& row : task.samples) file.write(sample_line(row));
  file.commit();
  out_.promise(name);
  task.samples.clear();
  tasks_.push_back(std::move(task));
}

Artifact ScoresWriter::finish(uint64_t seed) {
  const std::string name = "results_" + time_ + ".json";
  const Json results = results_json(tasks_, model_, content_, seed, seconds_now() - began_);
  write_file(out_.path(name), to_pretty(results));
  out_.promise(name);
  Json counts = {{"tasks", Json::array()}, {"results", results["results"]}, {"detail", results["loam"]}};
  for (const auto& task : tasks_) counts["tasks"].push_back({{"name", task.name}, {"examples", task.examples}, {"shots", task.shots}});
  return out_.finish(counts);
}

}  // namespace loam
