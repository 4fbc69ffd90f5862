// Models that answer: greedy answers held against the right ones, and how likely those were.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/infer/answerer.h"
#include "loam/metrics/paired.h"
#include "loam/metrics/scores_json.h"
#include "loam/model/packing.h"
#include "loam/stages/evaluate/tasks.h"

namespace loam {
namespace {


std::vector<ChatMessage> question_of(const InstructionRow& row) {
  std::vector<ChatMessage> out;
  for (size_t i = 0; i + 1 < row.turns.size(); ++i) out.push_back({row.turns[i].role, row.turns[i].content});
  return out;
}

AnswerSettings greedy(int64_t max_tokens) {
  AnswerSettings settings;
  settings.max_tokens = max_tokens;
  settings.sampling.temperature = 0;
  return settings;
}

Answered held_against(std::string prompt, std::string given, const std::string& wanted) {
  Answered out{std::move(prompt), std::move(given), wanted, {}, false};
  out.chrf = chrf_counts(out.given, wanted);
  out.exact = exact_match(out.given, wanted);
  return out;
}

/// Scores of a set of answers, in the harness' names, and their intervals in `detail`.
void add_overlap_scores(TaskScores& task, const std::vector<Answered>& answers, uint64_t seed) {
  int64_t exact = 0;
  std::vector<BleuCounts> bleu;
  for (const auto& a : answers) {
    exact += a.exact;
    bleu.push_back(bleu_counts(a.given, std::span(&a.wanted, 1)));
  }
  auto whole = [&](std::span<const int32_t> rows, double* to) {
    ChrfCounts chrf;
    BleuCounts words;
    for (const int32_t r : rows) {
      chrf += answers[static_cast<size_t>(r)].chrf;
      words += bleu[static_cast<size_t>(r)];
    }
    to[0] = chrf.score();
    to[1] = words.score();
  };
  std::vector<int32_t> all(answers.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  double values[2] = {};
  whole(all, values);
  const auto intervals = bootstrap_intervals(static_cast<int64_t>(answers.size()), 2, whole, {.seed = seed});
  const Estimate match = proportion(exact, static_cast<int64_t>(answers.size()));
  task.metrics.push_back({"exact_match", match.value, match.standard_error, true});
  task.metrics.push_back({"chrf", values[0], (intervals[0].high - intervals[0].low) / 3.92, true});
  task.metrics.push_back({"bleu", values[1], (intervals[1].high - intervals[1].low) / 3.92, true});
  task.detail["exact_match"] = to_json(match);
  task.detail["chrf"] = to_json(Estimate{values[0], intervals[0], 0});
  task.detail["bleu"] = to_json(Estimate{values[1], intervals[1], 0});
}

SampleRow sample_of(int64_t id, const Answered& a) {
  SampleRow row{id, {{"prompt", a.prompt}, {"answer", a.wanted}}, a.wanted};
  row.arguments.push_back({a.prompt});
  row.responses.push_back({a.given});
  row.metrics = {{"exact_match", a.exact ? 1 : 0}, {"chrf", a.chrf.score()}};
  return row;
}

std::string one_line(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

/// What a model that knew nothing of the question would get: each answer held against another row's.
Json chance_level(const std::vector<Answered>& answers, uint64_t seed) {
  const auto n = static_cast<int64_t>(answers.size());
  if (n < 2) return nullptr;
  const Permutation shuffle(n, stream_key(seed, "evaluate.chance"));
  ChrfCounts chrf;
  int64_t exact = 0;
  std::vector<double> rouge;
  for (int64_t i = 0; i < n; ++i) {
    const std::string& other = answers[static_cast<size_t>(shuffle.at(i) == i ? (i + 1) % n : shuffle.at(i))].wanted;
    const std::string& wanted = answers[static_cast<size_t>(i)].wanted;
    chrf += chrf_counts(other, wanted);
    exact += exact_match(other, wanted);
    rouge.push_back(rouge_l(other, wanted).f1);
  }
  return {{"chrf", chrf.score()}, {"exact_match", static_cast<double>(exact) / static_cast<double>(n)}, {"rougeL", mean_of(rouge).value}};
}

}  // namespace

std::vector<Answered> answer_rows(Subject& subject, const std::vector<const InstructionRow*>& rows, const TaskOptions& options, Progress& progress) {
  Answerer answerer(*subject.model, subject.tokenizer, subject.ends);
  std::vector<Answered> out;
  for (const auto* row : rows) {
    const auto messages = question_of(*row);
    out.push_back(held_against(answerer.chat().render(messages, true), answerer.answer(messages, greedy(options.max_tokens)), row->turns.back().content));
    progress.update(static_cast<int64_t>(out.size()), static_cast<int64_t>(rows.size()), "answers");
  }
  return out;
}

std::vector<Answered> answer_few_shot(Subject& subject, const std::vector<const InstructionRow*>& rows, const std::vector<const InstructionRow*>& pool, const TaskOptions& options,
                                      Progress& progress) {
  Answerer answerer(*subject.model, subject.tokenizer, subject.ends);
  const int64_t context = subject.model->config().context;
  const int64_t shots = std::min<int64_t>(options.shots, static_cast<int64_t>(pool.size()));
  const int64_t longest = std::min(options.max_tokens, context / 4);
  const int64_t room = (context - longest) / (shots + 1) - 4;
  require_input(room >= 16, "the model's context of ", context, " tokens is too short for ", shots, " examples and a question (--shots)");
  auto question = [&](const InstructionRow& row, int64_t limit) { return shortened(subject.tokenizer, one_line(dialogue_text(row.turns, false)), limit); };
  std::vector<Answered> out;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string prompt;
    Random random(options.seed + i, "evaluate.shots");
    for (int64_t k = 0; k < shots; ++k) {
      const InstructionRow& shot = *pool[static_cast<size_t>(random.below(static_cast<int64_t>(pool.size())))];
      prompt += question(shot, room * 3 / 5) + "\n" + shortened(subject.tokenizer, one_line(shot.turns.back().content), room * 2 / 5) + "\n\n";
    }
    prompt += question(*rows[i], room) + "\n";
    AnswerSettings settings = greedy(longest);
    out.push_back(held_against(prompt, answerer.complete(prompt, settings, {"\n"}), rows[i]->turns.back().content));
    progress.update(static_cast<int64_t>(out.size()), static_cast<int64_t>(rows.size()), "answers");
  }
  return out;
}

std::vector<AnswerLikelihood> answer_likelihoods(Subject& subject, const std::vector<const InstructionRow*>& rows) {
  const ChatTemplate chat(subject.tokenizer);
  Transformer& model = *subject.model;
  const Backend& cpu = model.backend();
  const int64_t context = model.config().context;
  std::vector<AnswerLikelihood> out(rows.size());
  std::vector<TokenRow> tokens;
  std::vector<int32_t> lengths;
  std::vector<size_t> which;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::vector<ChatMessage> messages = question_of(*rows[i]);
    const size_t before = chat.encode(messages, /*open_answer=*/true).ids.size();
    messages.push_back({"assistant", rows[i]->turns.back().content});
    ChatTokens all = chat.encode(messages);
    for (size_t t = 0; t < std::min(before, all.answer.size()); ++t) all.answer[t] = 0;  // earlier answers are given
    TokenRow row{std::move(all.ids), std::move(all.answer)};
    bool cut = false;
    if (!trim_row(row, context, cut)) continue;
    lengths.push_back(static_cast<int32_t>(row.places()));
    tokens.push_back(std::move(row));
    which.push_back(i);
  }
  BatchBuffers buffers(cpu);
  std::vector<float> losses;
  for (const auto& group : batch_rows(lengths, 4096, context)) {
    const PackedBatch packed = lay_out(tokens, group.sequences, group.time, static_cast<int32_t>(model.config().eos));
    model.plan(packed.batch, packed.time, /*training=*/false);
    const ConstMat hidden = model.forward(buffers.load(packed));
    model.losses(buffers.losses(), hidden, buffers.targets());
    losses.resize(static_cast<size_t>(packed.batch * packed.time));
    cpu.download(losses.data(), buffers.losses().data, static_cast<int64_t>(losses.size()));
    size_t next = 0;
    for (const auto& sequence : group.sequences) {
      for (const int32_t row : sequence) {
        const int64_t end = packed.ends[next++];
        AnswerLikelihood& likelihood = out[which[static_cast<size_t>(row)]];
        for (int64_t place = end - lengths[static_cast<size_t>(row)] + 1; place <= end; ++place) {
          if (packed.targets[static_cast<size_t>(place)] < 0) continue;
          likelihood.log_prob -= static_cast<double>(losses[static_cast<size_t>(place)]);
          ++likelihood.tokens;
        }
      }
    }
  }
  return out;
}

TaskScores score_answers(Subject& subject, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs) {
  std::vector<std::string> paths = {path};
  InstructionOptions dialogues = options.dialogues;
  if (path.empty()) {
    require(subject.settings.is_object() && subject.settings.contains("data"), "say which dialogues: --task answers=FILE");
    paths = subject.settings.at("data").get<std::vector<std::string>>();
    dialogues = {subject.settings.value("form", ""), subject.settings.value("prompt", ""), subject.settings.value("answer", ""), subject.settings.value("system", "")};
  }
  const DialogueData data = load_dialogues(paths, dialogues);
  inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
  std::vector<uint64_t> keys;
  for (const auto& row : data.rows) keys.push_back(text_key(dialogue_text(row.turns, false)));
  const auto chosen = rows_to_score(subject, keys, options, options.limit.value_or(kGenerated), "answers", progress);
  std::vector<const InstructionRow*> rows;
  for (const int32_t r : chosen) rows.push_back(&data.rows[static_cast<size_t>(r)]);

  TaskScores out;
  out.name = "answers";
  out.dataset = paths[0];
  out.examples = static_cast<int64_t>(rows.size());
  out.original = static_cast<int64_t>(data.rows.size());
  const auto answers = answer_rows(subject, rows, options, progress);
  add_overlap_scores(out, answers, options.seed);
  const auto likelihoods = answer_likelihoods(subject, rows);
  double nats = 0;
  int64_t tokens = 0;
  for (const auto& l : likelihoods) nats -= l.log_prob, tokens += l.tokens;
  const double loss = nats / static_cast<double>(std::max<int64_t>(1, tokens));
  out.metrics.push_back({"answer_loss", loss, {}, false});
  out.detail["chance"] = chance_level(answers, options.seed);
  for (size_t i = 0; i < answers.size(); ++i) out.samples.push_back(sample_of(chosen[i], answers[i]));
  return out;
}

TaskScores score_few_shot(Subject& subject, const std::string& kind, const std::string& path, const TaskOptions& options, Progress& progress, std::vector<ArtifactInput>& inputs) {
  require_input(!subject.classifier(), subject.folder, " is a classifier; --task ", kind, " asks a language model");
  require(!path.empty(), "say which examples: --task ", kind, "=FILE");
  TaskScores out;
  out.name = kind;
  out.dataset = path;
  out.shots = options.shots;
  if (kind == "sentiment") {
    const ClassData data = load_class_data({path}, options.columns);
    inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
    require_input(static_cast<int64_t>(data.rows.size()) > options.shots, path, " has ", data.rows.size(), " rows, too few for ", options.shots, " examples and a question");
    // The last fifth gives the examples, the rest is asked.
    const size_t asked = options.shots > 0 ? data.rows.size() - std::max<size_t>(static_cast<size_t>(options.shots), data.rows.size() / 5) : data.rows.size();
    std::vector<ClassRow> order = data.rows;
    Random random(stream_key(options.seed, "sentiment"), "evaluate.order");
    random.shuffle(std::span(order));
    const std::vector<ClassRow> pool(order.begin() + static_cast<int64_t>(asked), order.end());
    const size_t count = options.limit && *options.limit > 0 ? std::min<size_t>(asked, static_cast<size_t>(*options.limit)) : asked;
    std::vector<std::string> texts, labels;
    for (const auto& row : data.rows) labels.push_back(row.label);
    std::sort(labels.begin(), labels.end());
    labels.erase(std::unique(labels.begin(), labels.end()), labels.end());
    for (size_t i = 0; i < count; ++i) texts.push_back(order[i].text);
    auto scores = label_texts(subject, texts, labels, pool, options, progress);
    std::vector<Prediction> predictions;
    for (size_t i = 0; i < count; ++i) {
      predictions.push_back({static_cast<int32_t>(std::find(labels.begin(), labels.end(), order[i].label) - labels.begin()), std::move(scores[i])});
      SampleRow row{order[i].number, {{"text", texts[i]}, {"label", order[i].label}}, order[i].label};
      row.arguments.push_back({texts[i]});
      row.responses.push_back({labels[static_cast<size_t>(predictions.back().chosen())]});
      row.metrics = {{"acc", predictions.back().right() ? 1 : 0}};
      out.samples.push_back(std::move(row));
    }
    const ClassificationScores whole = score_classifier(predictions, labels, {.seed = options.seed});
    out.output_type = "multiple_choice";
    out.examples = whole.rows;
    out.original = static_cast<int64_t>(data.rows.size());
    out.metrics = {{"acc", whole.accuracy.value, whole.accuracy.standard_error, true}};
    out.detail = {{"accuracy", to_json(whole.accuracy)}, {"chance", {{"acc", 1.0 / static_cast<double>(labels.size())}, {"majority", whole.majority}}}, {"confusion", whole.confusion}, {"labels", labels}};
    return out;
  }
  InstructionOptions dialogues = options.dialogues;
  if (kind == "summary" && dialogues.prompt.empty() && dialogues.form.empty()) {
    RowReader peek(path);
    Json row;
    if (peek.next(row) && row.is_object() && row.contains("summary")) {
      for (const char* name : {"text", "dialogue", "document", "article"}) {
        if (row.contains(name) && dialogues.prompt.empty()) dialogues.prompt = std::string("{") + name + "}\nSummary:", dialogues.answer = "{summary}";
      }
    }
  }
  const DialogueData data = load_dialogues({path}, dialogues);
  inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
  require_input(static_cast<int64_t>(data.rows.size()) > options.shots, path, " has ", data.rows.size(), " rows, too few for ", options.shots, " examples and a question");
  std::vector<const InstructionRow*> order;
  for (const auto& row : data.rows) order.push_back(&row);
  Random random(stream_key(options.seed, kind), "evaluate.order");
  random.shuffle(std::span(order));
  const size_t examples = options.shots > 0 ? std::max<size_t>(static_cast<size_t>(options.shots), order.size() / 5) : 0;
  const auto limit = static_cast<size_t>(options.limit.value_or(kGenerated));
  const size_t count = std::min(order.size() - examples, limit > 0 ? limit : order.size());
  const std::vector<const InstructionRow*> rows(order.begin(), order.begin() + static_cast<int64_t>(count)), pool(order.end() - static_cast<int64_t>(examples), order.end());
  const auto answers = answer_few_shot(subject, rows, pool, options, progress);
  out.examples = static_cast<int64_t>(answers.size());
  out.original = static_cast<int64_t>(data.rows.size());
  if (kind == "summary") {
    std::vector<double> r1, r2, rl;
    for (const auto& a : answers) {
      r1.push_back(rouge_n(a.given, a.wanted, 1).f1);
      r2.push_back(rouge_n(a.given, a.wanted, 2).f1);
      rl.push_back(rouge_l(a.given, a.wanted).f1);
    }
    auto within = [](std::span<const double> shares) {  // a share's interval ends at 0 and 1
      Estimate e = mean_of(shares);
      e.interval = {std::max(0.0, e.interval.low), std::min(1.0, e.interval.high)};
      return e;
    };
    const Estimate one = within(r1), two = within(r2), longest = within(rl);
    out.metrics = {{"rouge1", one.value, one.standard_error, true}, {"rouge2", two.value, two.standard_error, true}, {"rougeL", longest.value, longest.standard_error, true}};
    out.detail = {{"rouge1", to_json(one)}, {"rouge2", to_json(two)}, {"rougeL", to_json(longest)}};
  } else {
    add_overlap_scores(out, answers, options.seed);
  }
  out.detail["chance"] = chance_level(answers, options.seed);
  for (size_t i = 0; i < answers.size(); ++i) out.samples.push_back(sample_of(rows[i]->number, answers[i]));
  return out;
}

}  // namespace loam
