// Labels for texts: a classifier's own, or the likelier one by a language model; and the logistic floor.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "loam/base/error.h"
#include "loam/base/json.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/infer/session.h"
#include "loam/infer/text_classifier.h"
#include "loam/metrics/logistic.h"
#include "loam/metrics/paired.h"
#include "loam/metrics/scores_json.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {
namespace {

double log_softmax_at(const std::vector<float>& logits, int32_t at) {
  const double top = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float z : logits) sum += std::exp(static_cast<double>(z) - top);
  return static_cast<double>(logits[static_cast<size_t>(at)]) - top - std::log(sum);
}

std::vector<std::vector<float>> label_by_likelihood(Subject& subject, const std::vector<std::string>& texts, const std::vector<std::string>& labels, const std::vector<ClassRow>& pool,
                                                    const TaskOptions& options, Progress& progress) {
  const Tokenizer& tokenizer = subject.tokenizer;
  int64_t longest = 0;
  for (const auto& label : labels) longest = std::max(longest, static_cast<int64_t>(tokenizer.encode(" " + label).size()));
  const int64_t context = subject.model->config().context;
  const int64_t shots = std::min<int64_t>(options.shots, static_cast<int64_t>(pool.size()));
  const int64_t room = (context - longest - 2) / (shots + 1) - longest - 12;
  require_input(room >= 8, "the model's context of ", context, " tokens is too short for ", shots, " examples and a text (--shots)");
  Session session(*subject.model);
  std::vector<std::vector<float>> out;
  for (size_t i = 0; i < texts.size(); ++i) {
    stop_if_requested("nothing was written");
    std::string prompt;
    Random random(options.seed + i, "evaluate.shots");
    for (int64_t k = 0; k < shots; ++k) {
      const ClassRow& row = pool[static_cast<size_t>(random.below(static_cast<int64_t>(pool.size())))];
      prompt += "Text: " + shortened(tokenizer, row.text, room) + "\nLabel: " + row.label + "\n\n";
    }
    prompt += "Text: " + shortened(tokenizer, texts[i], room) + "\nLabel:";
    const std::vector<int32_t> before = tokenizer.encode(prompt);
    session.rewind(0);
    session.feed(before);
    const std::vector<float> after = session.logits();
    std::vector<double> log_probs;
    for (const auto& label : labels) {
      // The pair is encoded whole and cut where the prompt alone ends, as the harness does it.
      std::vector<int32_t> whole = tokenizer.encode(prompt + " " + label);
      double sum = 0;
      for (size_t t = before.size(); t < whole.size(); ++t) {
        sum += log_softmax_at(t == before.size() ? after : session.logits(), whole[t]);
        if (t + 1 < whole.size()) session.feed(std::span(&whole[t], 1));
      }
      log_probs.push_back(sum);
      if (session.size() > static_cast<int64_t>(before.size())) session.rewind(static_cast<int64_t>(before.size()));
    }
    const double top = *std::max_element(log_probs.begin(), log_probs.end());
    double all = 0;
    for (const double l : log_probs) all += std::exp(l - top);
    out.emplace_back();
    for (const double l : log_probs) out.back().push_back(static_cast<float>(std::exp(l - top) / all));
    progress.update(static_cast<int64_t>(i + 1), static_cast<int64_t>(texts.size()), "texts");
  }
  return out;
}

/// What the subject was tuned on, for the floor: rows of its data by part; nothing where that cannot be had any more.
struct TunedOn {
  std::vector<LabelledText> train, validation;
};

std::optional<TunedOn> tuned_on(const Subject& subject, const std::vector<std::string>& labels, Progress& progress) {
  const Json& settings = subject.settings;
  if (!settings.is_object() || !settings.contains("data")) return std::nullopt;
  try {
    const ClassOptions columns{settings.value("text_column", std::vector<std::string>()), settings.value("label_column", ""), settings.value("header", "auto")};
    ClassData data = load_class_data(settings.at("data").get<std::vector<std::string>>(), columns);
    const std::string val = settings.value("val", "");
    if (!val.empty() && val.find_first_not_of("0123456789.") != std::string::npos) {
      ClassData more = load_class_data({val}, columns);
      data.rows.insert(data.rows.end(), more.rows.begin(), more.rows.end());
    }
    const auto split = read_split(subject.folder / "split.tsv");
    require_input(split.size() == data.rows.size(), "there are ", data.rows.size(), " rows now, were ", split.size());
    std::map<std::string, int32_t> number;
    for (size_t k = 0; k < labels.size(); ++k) number[labels[k]] = static_cast<int32_t>(k);
    TunedOn out;
    for (size_t i = 0; i < split.size(); ++i) {
      require_input(split[i].key == text_key(data.rows[i].text), "row ", i + 1, " is another one now");
      const auto it = number.find(data.rows[i].label);
      if (it == number.end()) continue;
      if (split[i].part == "train") out.train.push_back({std::move(data.rows[i].text), it->second});
      else if (split[i].part == "validation") out.validation.push_back({std::move(data.rows[i].text), it->second});
    }
    return out;
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::interrupted) throw;
    progress.warn(fmt::format("no logistic regression beside it: the data {} was tuned on cannot be read as it was ({})", subject.folder.string(), e.what()));
    return std::nullopt;
  }
}

}  // namespace

std::vector<std::vector<float>> label_texts(Subject& subject, const std::vector<std::string>& texts, const std::vector<std::string>& labels, const std::vector<ClassRow>& pool,
                                            const TaskOptions& options, Progress& progress) {
  if (!subject.classifier()) return label_by_likelihood(subject, texts, labels, pool, options, progress);
  const int64_t context = subject.model->config().context;
  const Json& settings = subject.tokenizer.config();
  const int64_t limit = std::clamp<int64_t>(get_int(settings, "model_max_length", context), 1, context);
  const bool keep_start = get_string(settings, "truncation_side", "right") != "left";
  std::vector<std::vector<float>> out;
  constexpr size_t kAtOnce = 256;
  for (size_t first = 0; first < texts.size(); first += kAtOnce) {
    stop_if_requested("nothing was written");
    std::vector<TokenRow> rows;
    for (size_t i = first; i < std::min(texts.size(), first + kAtOnce); ++i) rows.push_back({classifier_ids(subject.tokenizer, texts[i], limit, keep_start), {}});
    for (auto& scores : label_scores(*subject.model, rows, 4096)) out.push_back(std::move(scores));
    progress.update(static_cast<int64_t>(out.size()), static_cast<int64_t>(texts.size()), "texts");
  }
  return out;
}

TaskScores score_classify(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs) {
  require_input(subject.classifier(), subject.folder, " is a language model without labels; --task sentiment=FILE asks one for labels");
  std::vector<std::string> paths = {path};
  ClassOptions columns = options.columns;
  if (path.empty()) {
    require(subject.settings.is_object() && subject.settings.contains("data"), "say which texts: --task classify=FILE");
    paths = subject.settings.at("data").get<std::vector<std::string>>();
    columns = {subject.settings.value("text_column", std::vector<std::string>()), subject.settings.value("label_column", ""), subject.settings.value("header", "auto")};
  }
  ClassData data = load_class_data(paths, columns);
  inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
  std::vector<uint64_t> keys;
  for (const auto& row : data.rows) keys.push_back(text_key(row.text));
  const auto rows = rows_to_score(subject, keys, options, options.limit.value_or(0), "classify", progress);

  std::vector<std::string> labels = subject.model->config().labels;
  const auto known = static_cast<int64_t>(labels.size());
  std::map<std::string, int32_t> number;
  for (size_t k = 0; k < labels.size(); ++k) number[labels[k]] = static_cast<int32_t>(k);
  std::vector<std::string> texts;
  std::vector<int32_t> truths;
  for (const int32_t r : rows) {
    const ClassRow& row = data.rows[static_cast<size_t>(r)];
    const auto [it, fresh] = number.try_emplace(row.label, static_cast<int32_t>(labels.size()));
    if (fresh) labels.push_back(row.label);
    texts.push_back(row.text);
    truths.push_back(it->second);
  }
  if (static_cast<int64_t>(labels.size()) > known) progress.warn(fmt::format("{} labels are unknown to the model; their rows count as wrong", static_cast<int64_t>(labels.size()) - known));
  auto scores = label_texts(subject, texts, labels, {}, options, progress);
  std::vector<Prediction> ours;
  for (size_t i = 0; i < texts.size(); ++i) ours.push_back({truths[i], std::move(scores[i])});
  const ClassificationScores whole = score_classifier(ours, labels, {.seed = options.seed});

  TaskScores out;
  out.name = "classify";
  out.dataset = paths[0];
  out.output_type = "multiple_choice";
  out.examples = whole.rows;
  out.original = static_cast<int64_t>(data.rows.size());
  auto error_of = [](const Estimate& e) { return (e.interval.high - e.interval.low) / 3.92; };
  out.metrics = {{"acc", whole.accuracy.value, whole.accuracy.standard_error, true},
                 {"f1", whole.macro_f1.value, error_of(whole.macro_f1), true},
                 {"mcc", whole.mcc.value, error_of(whole.mcc), true},
                 {"brier_score", whole.brier.value, error_of(whole.brier), false},
                 {"ece", whole.ece.value, error_of(whole.ece), false}};
  out.detail = {{"model", to_json(whole)}};
  for (size_t i = 0; i < ours.size(); ++i) {
    SampleRow row{rows[i], {{"text", texts[i]}, {"label", labels[static_cast<size_t>(truths[i])]}}, labels[static_cast<size_t>(truths[i])]};
    row.arguments.push_back({texts[i]});
    Json by_label = Json::object();
    for (int64_t k = 0; k < known; ++k) by_label[labels[static_cast<size_t>(k)]] = ours[i].scores[static_cast<size_t>(k)];
    row.responses.push_back({by_label});
    row.metrics = {{"acc", ours[i].right() ? 1 : 0}};
    out.samples.push_back(std::move(row));
  }
  if (const auto seen = tuned_on(subject, labels, progress); seen && !seen->train.empty()) {
    const LogisticFloor floor = LogisticFloor::fit(seen->train, seen->validation, known);
    std::vector<Prediction> theirs;
    std::vector<uint8_t> a, b;
    for (size_t i = 0; i < texts.size(); ++i) {
      theirs.push_back({truths[i], floor.predict(texts[i])});
      a.push_back(theirs[i].right());
      b.push_back(ours[i].right());
    }
    out.detail["logistic"] = to_json(score_classifier(theirs, labels, {.seed = options.seed}));
    out.detail["mcnemar_logistic_to_model"] = to_json(mcnemar(a, b));
  }
  return out;
}

}  // namespace loam
