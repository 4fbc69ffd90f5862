// Scores on disk, in lm-evaluation-harness' layout, so that what reads its results reads ours.
//
//   ScoresWriter scores(folder, model, settings, inputs, force);
//   TaskScores task{.name = "spam", ...};  task.metrics.push_back({"acc", .973, .006, true});
//   scores.add(task);                       // samples_spam_<time>.jsonl
//   Artifact done = scores.finish();        // results_<time>.json, manifest.json
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/json.h"

namespace loam {

struct MetricScore {
  std::string name;       ///< as the harness calls it: "acc", "exact_match", "chrf", "bits_per_byte"
  double value = 0;
  std::optional<double> standard_error = {};
  bool higher_is_better = true;
};

/// One example as it was asked and answered.
struct SampleRow {
  int64_t id = 0;
  Json doc = Json::object();       ///< the example
  std::string target;              ///< the right answer
  Json arguments = Json::array();  ///< what the model was asked, a list a request
  Json responses = Json::array();  ///< what it gave, likewise
  Json metrics = Json::object();   ///< its own scores by metric
};

struct TaskScores {
  std::string name;
  int64_t shots = 0, examples = 0, original = 0;  ///< scored, and there were
  std::string output_type = "generate_until";     ///< "loglikelihood_rolling", "multiple_choice"...
  std::string dataset;                            ///< where the examples are from
  std::vector<MetricScore> metrics;
  Json detail = Json::object();                   ///< intervals, confusion, floors: all that the harness has no place for
  std::vector<SampleRow> samples;
};

/// The results object: "results", "configs", "versions", "n-shot", "n-samples", "higher_is_better", "config"... and under
/// "loam" the details of each task.
Json results_json(const std::vector<TaskScores>& tasks, const std::string& model, const std::string& model_content, uint64_t seed, double seconds);
/// A line of samples_<task>_<time>.jsonl, hashes of document, prompt and target included.
std::string sample_line(const SampleRow& row);

class ScoresWriter {
 public:
  ScoresWriter(const std::filesystem::path& folder, const std::string& model, const Json& settings, const std::vector<ArtifactInput>& inputs, bool force);
  void add(TaskScores task);
  Artifact finish(uint64_t seed);

 private:
  ArtifactWriter out_;
  std::string model_, content_, time_;
  double began_;
  std::vector<TaskScores> tasks_;
};

}  // namespace loam
