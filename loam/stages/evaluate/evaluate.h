// Any model to scores with their error bars; two models to what is certain about their difference.
//
//   EvaluateConfig config;
//   config.task = {"classify", "bits_per_byte=runs/x/tokens"};
//   EvaluateReport r = evaluate("runs/x/spam", config, "runs/x/scores", seed, force, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/scores.h"
#include "loam/base/error.h"
#include "loam/base/progress.h"
#include "loam/metrics/paired.h"

namespace loam {

struct EvaluateConfig {
  std::vector<std::string> task;
  int64_t shots = 0, max_tokens = 128;
  std::optional<int64_t> limit;
  bool all_rows = false;
  std::vector<std::string> text_column;
  std::string label_column, header = "auto", form, prompt, answer;

  static void fields(auto&& f) {
    using C = EvaluateConfig;
    f("task", &C::task, "NAME or NAME=FILE; several: bits_per_byte, classify, answers, translation, sentiment, summary");
    f("shots", &C::shots, "examples before each question of translation, sentiment and summary");
    f("limit", &C::limit, "examples of a task; 0: all (200 of those that generate text if not given)");
    f("max_tokens", &C::max_tokens, "longest answer, in tokens");
    f("all_rows", &C::all_rows, "score rows too that the model was tuned on");
    f("text_column", &C::text_column, "column that holds the text");
    f("label_column", &C::label_column, "column that holds the label");
    f("header", &C::header, "does a table's first line name its columns: auto, yes, no");
    f("form", &C::form, "form of dialogues: alpaca, messages, sharegpt, prompt (recognised if not given)");
    f("prompt", &C::prompt, "template of the question over the rows' columns");
    f("answer", &C::answer, "template of the answer");
  }
  void validate() const;
};

struct EvaluateReport {
  std::vector<TaskScores> tasks;     ///< without their samples
  std::optional<Artifact> artifact;  ///< if a folder was given
  double seconds = 0;
};

/// Runs the tasks in order. With `out` not empty, writes a scores artifact there.
/// Throws Error{usage} for an unknown task (with the nearest name), what the tasks throw.
EvaluateReport evaluate(const std::filesystem::path& model, const EvaluateConfig& config, const std::filesystem::path& out, uint64_t seed, bool force, Progress& progress);

struct CompareConfig {
  std::vector<std::string> data;
  int64_t shots = 0, max_tokens = 128;
  std::optional<int64_t> limit;
  bool all_rows = false;
  std::vector<std::string> text_column;
  std::string label_column, header = "auto", form, prompt, answer;

  static void fields(auto&& f) {
    using C = CompareConfig;
    f("data", &C::data, "labelled texts or dialogues both models are asked");
    f("shots", &C::shots, "examples before each question to a model that was not tuned (then without its chat template)");
    f("limit", &C::limit, "rows compared; 0: all (200 where text is generated if not given)");
    f("max_tokens", &C::max_tokens, "longest answer, in tokens");
    f("all_rows", &C::all_rows, "compare on rows too that a model was tuned on");
    f("text_column", &C::text_column, "column that holds the text");
    f("label_column", &C::label_column, "column that holds the label");
    f("header", &C::header, "does a table's first line name its columns: auto, yes, no");
    f("form", &C::form, "form of dialogues: alpaca, messages, sharegpt, prompt (recognised if not given)");
    f("prompt", &C::prompt, "template of the question over the rows' columns");
    f("answer", &C::answer, "template of the answer");
  }
  void validate() const;
};

/// One paired comparison: either right-or-wrong rows or scored ones.
struct Comparison {
  std::string metric;
  double base = 0, tuned = 0, difference = 0, p = 1;
  Interval interval = {};
  std::string test;        ///< "McNemar, mid-p", "paired bootstrap"
  Json detail;
  bool higher_is_better = true;
};

struct CompareReport {
  int64_t rows = 0;
  std::vector<Comparison> comparisons;
  std::optional<Artifact> artifact;
};

/// Classifiers (or a language model that is asked for the label) by accuracy; models that answer by exact match, chrF
/// and the log probability of the right answers. Throws as evaluate().
CompareReport compare(const std::filesystem::path& base, const std::filesystem::path& tuned, const CompareConfig& config, const std::filesystem::path& out, uint64_t seed, bool force,
                      Progress& progress);

}  // namespace loam
