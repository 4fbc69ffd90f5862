// Two models on the same rows.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/metrics/scores_json.h"
#include "loam/stages/evaluate/evaluate.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {
namespace {


Comparison right_or_wrong(const std::string& metric, const std::vector<uint8_t>& base, const std::vector<uint8_t>& tuned) {
  const McNemar m = mcnemar(base, tuned);
  Comparison out;
  out.metric = metric;
  const double n = static_cast<double>(std::max<int64_t>(1, m.rows));
  out.base = static_cast<double>(m.both + m.only_a) / n;
  out.tuned = static_cast<double>(m.both + m.only_b) / n;
  out.difference = m.difference;
  out.interval = m.interval;
  out.p = m.mid_p;
  out.test = "McNemar, mid-p";
  out.detail = to_json(m);
  return out;
}

Comparison scored(const std::string& metric, const PairedDifference& d) {
  Comparison out;
  out.metric = metric;
  out.base = d.a;
  out.tuned = d.b;
  out.difference = d.difference;
  out.interval = d.interval;
  out.p = d.p;
  out.test = "paired bootstrap";
  out.detail = to_json(d);
  return out;
}

std::vector<Comparison> compare_labels(Subject& base, Subject& tuned, const ClassData& data, const std::vector<int32_t>& rows, const TaskOptions& options, Progress& progress,
                                       TaskScores& task) {
  std::vector<std::string> labels = tuned.classifier() ? tuned.model->config().labels : base.model->config().labels;
  std::vector<std::string> texts;
  std::vector<bool> asked(data.rows.size());
  for (const int32_t r : rows) {
    texts.push_back(data.rows[static_cast<size_t>(r)].text);
    asked[static_cast<size_t>(r)] = true;
    const std::string& label = data.rows[static_cast<size_t>(r)].label;
    if (labels.empty() || std::find(labels.begin(), labels.end(), label) == labels.end()) labels.push_back(label);
  }
  std::vector<ClassRow> pool;  // examples for a language model: rows that are not asked
  for (size_t i = 0; i < data.rows.size(); ++i) {
    if (!asked[i]) pool.push_back(data.rows[i]);
  }
  auto answers_of = [&](Subject& subject) {
    std::vector<std::string> out;
    const auto& own = subject.classifier() ? subject.model->config().labels : labels;
    for (const auto& scores : label_texts(subject, texts, labels, pool, options, progress)) {
      out.push_back(own[static_cast<size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin())]);
    }
    return out;
  };
  const auto a = answers_of(base), b = answers_of(tuned);
  std::vector<uint8_t> a_right, b_right;
  for (size_t i = 0; i < texts.size(); ++i) {
    const ClassRow& row = data.rows[static_cast<size_t>(rows[i])];
    a_right.push_back(a[i] == row.label);
    b_right.push_back(b[i] == row.label);
    SampleRow sample{rows[i], {{"text", row.text}, {"label", row.label}}, row.label};
    sample.arguments.push_back({row.text});
    sample.responses.push_back({{"base", a[i]}, {"tuned", b[i]}});
    sample.metrics = {{"base_acc", a_right.back()}, {"tuned_acc", b_right.back()}};
    task.samples.push_back(std::move(sample));
  }
  return {right_or_wrong("accuracy", a_right, b_right)};
}

std::vector<Comparison> compare_answers(Subject& base, Subject& tuned, const DialogueData& data, const std::vector<int32_t>& chosen, const TaskOptions& options, Progress& progress,
                                        TaskScores& task) {
  std::vector<const InstructionRow*> rows, pool;
  std::vector<bool> asked(data.rows.size());
  for (const int32_t r : chosen) {
    rows.push_back(&data.rows[static_cast<size_t>(r)]);
    asked[static_cast<size_t>(r)] = true;
  }
  for (size_t i = 0; i < data.rows.size(); ++i) {
    if (!asked[i]) pool.push_back(&data.rows[i]);
  }
  require_input(options.shots == 0 || !pool.empty(), "all rows are asked: none is left for the ", options.shots, " examples (--limit)");
  const auto a = options.shots > 0 ? answer_few_shot(base, rows, pool, options, progress) : answer_rows(base, rows, options, progress);
  const auto b = answer_rows(tuned, rows, options, progress);
  std::vector<uint8_t> a_right, b_right;
  for (size_t i = 0; i < rows.size(); ++i) {
    a_right.push_back(a[i].exact);
    b_right.push_back(b[i].exact);
    SampleRow sample{chosen[i], {{"prompt", b[i].prompt}, {"answer", b[i].wanted}}, b[i].wanted};
    sample.arguments.push_back({a[i].prompt});
    sample.arguments.push_back({b[i].prompt});
    sample.responses.push_back({{"base", a[i].given}, {"tuned", b[i].given}});
    sample.metrics = {{"base_exact_match", a_right.back()}, {"tuned_exact_match", b_right.back()}, {"base_chrf", a[i].chrf.score()}, {"tuned_chrf", b[i].chrf.score()}};
    task.samples.push_back(std::move(sample));
  }
  std::vector<Comparison> out = {right_or_wrong("exact_match", a_right, b_right)};
  out.push_back(scored("chrf", paired_bootstrap(
                                   static_cast<int64_t>(rows.size()),
                                   [&](std::span<const int32_t> sample, double* to) {
                                     ChrfCounts ours, theirs;
                                     for (const int32_t r : sample) {
                                       theirs += a[static_cast<size_t>(r)].chrf;
                                       ours += b[static_cast<size_t>(r)].chrf;
                                     }
                                     to[0] = theirs.score();
                                     to[1] = ours.score();
                                   },
                                   {.resamples = 10'000, .seed = options.seed})));
  // Nats an answer token: both models read the same tokens only where they have the same tokenizer.
  const auto la = answer_likelihoods(base, rows), lb = answer_likelihoods(tuned, rows);
  bool same = true;
  for (size_t i = 0; i < rows.size(); ++i) same = same && la[i].tokens == lb[i].tokens;
  if (same) {
    out.push_back(scored("log_prob_a_token", paired_bootstrap(
                                                 static_cast<int64_t>(rows.size()),
                                                 [&](std::span<const int32_t> sample, double* to) {
                                                   double sums[2] = {};
                                                   int64_t tokens = 0;
                                                   for (const int32_t r : sample) {
                                                     sums[0] += la[static_cast<size_t>(r)].log_prob;
                                                     sums[1] += lb[static_cast<size_t>(r)].log_prob;
                                                     tokens += la[static_cast<size_t>(r)].tokens;
                                                   }
                                                   to[0] = sums[0] / static_cast<double>(std::max<int64_t>(1, tokens));
                                                   to[1] = sums[1] / static_cast<double>(std::max<int64_t>(1, tokens));
                                                 },
                                                 {.resamples = 10'000, .seed = options.seed})));
  } else {
    progress.note("the models cut the answers into different tokens: their log probabilities are not compared");
  }
  return out;
}

}  // namespace

void CompareConfig::validate() const {
  require(!data.empty(), "loam compare needs --data, the rows both models are asked");
  require(shots >= 0 && max_tokens > 0 && (!limit || *limit >= 0), "--shots and --limit must be 0 or more, --max-tokens at least 1");
  require(prompt.empty() == answer.empty(), "--prompt and --answer go together");
}

CompareReport compare(const fs::path& base_folder, const fs::path& tuned_folder, const CompareConfig& config, const fs::path& out, uint64_t seed, bool force, Progress& progress) {
  config.validate();
  Subject base = open_subject(base_folder), tuned = open_subject(tuned_folder);
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
  if (!out.empty() && is_artifact(out) && !force) ArtifactWriter(out, "scores", settings, {}, false);
  std::vector<ArtifactInput> inputs = {base.input, tuned.input};
  // A row counts if neither model has seen it.
  tuned.seen.insert(base.seen.begin(), base.seen.end());
  TaskScores task;
  task.name = "compare";
  task.dataset = config.data[0];
  task.shots = config.shots;
  CompareReport report;
  std::vector<uint64_t> keys;
  if (base.classifier() || tuned.classifier()) {
    const ClassData data = load_class_data(config.data, options.columns);
    inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
    for (const auto& row : data.rows) keys.push_back(text_key(row.text));
    const auto rows = rows_to_score(tuned, keys, options, options.limit.value_or(0), "compare", progress);
    report.rows = static_cast<int64_t>(rows.size());
    task.original = static_cast<int64_t>(data.rows.size());
    report.comparisons = compare_labels(base, tuned, data, rows, options, progress, task);
  } else {
    const DialogueData data = load_dialogues(config.data, options.dialogues);
    inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
    for (const auto& row : data.rows) keys.push_back(text_key(dialogue_text(row.turns, false)));
    const auto rows = rows_to_score(tuned, keys, options, options.limit.value_or(kGenerated), "compare", progress);
    report.rows = static_cast<int64_t>(rows.size());
    task.original = static_cast<int64_t>(data.rows.size());
    report.comparisons = compare_answers(base, tuned, data, rows, options, progress, task);
  }
  if (out.empty()) return report;
  task.examples = report.rows;
  for (const auto& c : report.comparisons) {
    task.metrics.push_back({c.metric + "_base", c.base, {}, c.higher_is_better});
    task.metrics.push_back({c.metric + "_tuned", c.tuned, {}, c.higher_is_better});
    task.detail[c.metric] = {{"base", c.base}, {"tuned", c.tuned}, {"difference", c.difference}, {"low", c.interval.low}, {"high", c.interval.high}, {"p", c.p}, {"test", c.test}, {"detail", c.detail}};
  }
  ScoresWriter writer(out, cat(base_folder.string(), " against ", tuned_folder.string()), settings, inputs, force);
  writer.add(std::move(task));
  report.artifact = writer.finish(seed);
  return report;
}

}  // namespace loam
