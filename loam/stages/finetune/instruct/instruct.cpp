#include "loam/stages/finetune/instruct/instruct.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/infer/answerer.h"
#include "loam/metrics/overlap.h"
#include "loam/model/weights.h"
#include "loam/stages/finetune/instruct/objective.h"
#include "loam/stages/finetune/split.h"
#include "loam/train/memory.h"
#include "loam/train/model_card.h"
#include "loam/train/model_folder.h"

namespace loam {
namespace {

constexpr const char* kSplitFile = "split.tsv";
const std::vector<std::string> kMetrics = {"val_loss", "val_accuracy", "exact_match", "chrf"};

std::vector<ChatMessage> messages_of(const std::vector<Turn>& turns) {
  std::vector<ChatMessage> out;
  for (const auto& turn : turns) out.push_back({turn.role, turn.content});
  return out;
}

struct Prepared {
  std::vector<InstructionRow> rows;  // of the data, then of the validation file
  std::vector<Part> parts;
  std::vector<bool> left_out;        // training rows whose question the validation file asks too
  int64_t duplicates = 0, leaks = 0;
};

Prepared prepare(DialogueData data, std::optional<DialogueData> validation, const InstructConfig& config, double share, uint64_t seed) {
  Prepared p;
  std::vector<std::string> questions;
  for (const auto& row : data.rows) questions.push_back(dialogue_text(row.turns, /*answers=*/false));
  std::vector<SplitRow> split_rows;
  for (const auto& question : questions) split_rows.push_back({question, ""});
  Split split = make_split(split_rows, {.validation = share, .test = config.test_fraction, .seed = seed, .near_duplicate = config.near_duplicate});
  p.parts = std::move(split.parts);
  p.duplicates = split.duplicates;
  p.rows = std::move(data.rows);
  p.left_out.assign(p.rows.size(), false);
  if (!validation) return p;
  std::unordered_set<uint64_t> theirs;
  for (auto& row : validation->rows) {
    theirs.insert(text_key(dialogue_text(row.turns, false)));
    p.parts.push_back(Part::validation);
    p.left_out.push_back(false);
    p.rows.push_back(std::move(row));
  }
  for (size_t i = 0; i < questions.size(); ++i) {
    if (p.parts[i] != Part::train || !theirs.contains(text_key(questions[i]))) continue;
    p.left_out[i] = true;
    ++p.leaks;
  }
  return p;
}

/// Answers to the first validation rows, held against theirs.
Json score_answers(Transformer& model, const Tokenizer& tokenizer, const std::vector<const InstructionRow*>& rows, int64_t max_tokens) {
  Answerer answerer(model, tokenizer);
  AnswerSettings settings;
  settings.max_tokens = max_tokens;
  settings.sampling.temperature = 0;
  settings.stoppable = false;  // the trainer saves first
  ChrfCounts counts;
  int64_t exact = 0;
  for (const auto* row : rows) {
    auto messages = messages_of(row->turns);
    const std::string wanted = messages.back().content;
    messages.pop_back();
    const std::string given = answerer.answer(messages, settings);
    exact += exact_match(given, wanted);
    counts += chrf_counts(given, wanted);
  }
  return {{"exact_match", rows.empty() ? 0.0 : static_cast<double>(exact) / static_cast<double>(rows.size())}, {"chrf", counts.score()}};
}

std::string card_text(const InstructConfig& config, const ModelConfig& model, const TunedModel& tuned, const ModelFolder& base, const char* chat, int64_t context) {
  ModelCard card{"A language model that answers", "text-generation", "Answers in a dialogue, as the rows that it was tuned on do.", "loam chat FOLDER"};
  card.model = fmt::format("{} parameters, vocabulary {}, context {} tokens, chat template {}.", with_commas(parameter_count(model)), with_commas(model.vocab), with_commas(model.context), chat);
  card.data = fmt::format("{}: {} dialogues to learn from; {} more chose the checkpoint, {} were held out. Questions that are equal or nearly so (likeness {} of word triples) are on one "
                          "side of the split.",
                          file_names(config.data), with_commas(tuned.train), with_commas(tuned.validation), with_commas(tuned.held_out), config.near_duplicate);
  card.training = fmt::format("From the base model `{}`, whose own card tells its texts: {} steps, {} tokens, peak rate {:.2e}. The loss is on the answers alone, the token that ends them included; "
                              "dialogues are packed into sequences of {} tokens that do not see each other. {}",
                              base.input.sha256.substr(0, 12), with_commas(tuned.training.step), with_commas(tuned.training.tokens), tuned.training.schedule.peak, context, best_text(tuned.training, config.metric));
  if (tuned.training.best) {
    const std::string name = config.metric == "val_loss" ? "loss, nats a token of the right answers" : config.metric;
    card.scores = fmt::format("| on the rows that chose the checkpoint | before tuning | after |\n|---|---:|---:|\n| {} | {} | {:.4f} |\n", name,
                              tuned.before.contains(config.metric) ? fmt::format("{:.4f}", tuned.before[config.metric].get<double>()) : "", *tuned.training.best);
    card.scores += "\n`loam evaluate` and `loam compare` measure it on rows it never saw.\n";
  }
  card.limits = "It repeats the mistakes and the slant of its data and states wrong things with confidence. What it was not tuned on it does badly.";
  return card.text();
}

}  // namespace

void InstructConfig::validate() const {
  require(!base.empty(), "loam finetune instruct needs --base, a model folder");
  require(!data.empty(), "loam finetune instruct needs --data, a file of dialogues");
  require(batch > 0 && micro_batch >= 0, "--batch must be at least 1 and --micro-batch 0 or more");
  require(!lr || *lr > 0, "--lr must be more than 0");
  require(!dropout || (*dropout >= 0 && *dropout < 1), "--dropout must be in [0, 1)");
  require(!context || *context > 1, "--context must be at least 2");
  require(!eval_every || *eval_every >= 0, "--eval-every must be 0 or more");
  require(weight_decay >= 0 && patience >= 0 && log_every >= 0 && save_minutes >= 0, "--weight-decay, --patience, --log-every and --save-minutes must be 0 or more");
  require(generate_rows > 0 && max_tokens > 0, "--generate-rows and --max-tokens must be at least 1");
  if (std::find(kMetrics.begin(), kMetrics.end(), metric) == kMetrics.end()) {
    const std::string near = nearest_name(metric, kMetrics);
    fail(ErrorKind::usage, "there is no metric \"", metric, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " (val_loss, val_accuracy, exact_match, chrf)");
  }
  require(prompt.empty() == answer.empty(), "--prompt and --answer go together");
  parse_validation(val);
}

TunedModel finetune_instruct(const InstructConfig& config, const fs::path& out_folder, const FinetuneRun& run, Progress& progress) {
  config.validate();
  refuse_finished(out_folder, run);
  const ModelFolder base = open_model(config.base);
  require_input(base.config.labels.empty(), config.base, " is a classifier; a model that answers is tuned from a language model");
  const Tokenizer tokenizer = Tokenizer::load(base.folder);
  const ChatTemplate chat(tokenizer);
  const InstructionOptions options{config.form, config.prompt, config.answer, config.system};
  const Validation val = parse_validation(config.val);
  DialogueData data = load_dialogues(config.data, options);
  note_data(data.summary, static_cast<int64_t>(data.rows.size()), progress);
  require_input(!data.rows.empty(), config.data[0], " has no rows to learn from",
                data.summary.skipped > 0 ? cat("; ", data.summary.skipped, " were skipped, the first: ", data.summary.first_fault) : "");
  std::vector<ArtifactInput> inputs = {base.input};
  inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
  std::optional<DialogueData> validation;
  if (!val.file.empty()) {
    validation = load_dialogues({val.file}, options);
    note_data(validation->summary, static_cast<int64_t>(validation->rows.size()), progress);
    inputs.insert(inputs.end(), validation->summary.inputs.begin(), validation->summary.inputs.end());
  }
  const int64_t skipped = data.summary.skipped;
  const Prepared p = prepare(std::move(data), std::move(validation), config, val.share, run.seed);

  ModelConfig model_config = base.config;
  if (config.dropout) model_config.dropout = *config.dropout;
  const int64_t context = config.context.value_or(model_config.context);
  require(context <= model_config.context, "--context ", context, " is more than the model's ", model_config.context);

  TunedModel tuned;
  std::vector<TokenRow> all(p.rows.size());
  std::vector<uint8_t> kept(p.rows.size()), was_cut(p.rows.size());
  parallel_for(static_cast<int64_t>(p.rows.size()), [&](int64_t i) {
    const auto at = static_cast<size_t>(i);
    ChatTokens tokens = chat.encode(messages_of(p.rows[at].turns));
    all[at] = {std::move(tokens.ids), std::move(tokens.answer)};
    bool cut = false;
    kept[at] = trim_row(all[at], context, cut);
    was_cut[at] = cut;
  });
  std::vector<TokenRow> parts[3];
  std::vector<const InstructionRow*> asked;  // validation rows that are answered, where the metric wants it
  std::vector<SplitLine> split_lines;
  for (size_t i = 0; i < p.rows.size(); ++i) {
    const bool dropped = kept[i] == 0;
    split_lines.push_back({p.left_out[i] ? "left_out" : dropped ? "too_long" : part_name(p.parts[i]), text_key(dialogue_text(p.rows[i].turns, false)), p.rows[i].number});
    tuned.cut += was_cut[i] != 0 && !dropped;
    tuned.dropped += dropped;
    if (dropped || p.left_out[i]) continue;
    const auto part = static_cast<size_t>(p.parts[i]);
    parts[part].push_back(std::move(all[i]));
    if (p.parts[i] == Part::validation && static_cast<int64_t>(asked.size()) < config.generate_rows) asked.push_back(&p.rows[i]);
  }
  require_input(!parts[0].empty(), "no row is left to learn from: ", with_commas(tuned.dropped), " have their answer behind the first ", context, " tokens (--context), ",
                with_commas(p.leaks), " are in the validation file");
  tuned.train = static_cast<int64_t>(parts[0].size());
  tuned.validation = static_cast<int64_t>(parts[1].size());
  tuned.held_out = static_cast<int64_t>(parts[2].size());
  progress.note(fmt::format("{} dialogues to learn from, {} to choose by, {} held out; {} ask what others ask and stay on one side; chat template: {}", with_commas(tuned.train),
                            with_commas(tuned.validation), with_commas(tuned.held_out), with_commas(p.duplicates), chat.name()));
  warn_if_unjudged(parse_validation(config.val).share, tuned.validation, config.test_fraction, tuned.held_out, progress);
  if (tuned.cut > 0) progress.note(fmt::format("{} dialogues are longer than {} tokens: their end is left out", with_commas(tuned.cut), context));
  if (tuned.dropped > 0) progress.warn(fmt::format("{} dialogues are left out: their answer begins behind the first {} tokens", with_commas(tuned.dropped), context));
  if (p.leaks > 0) progress.warn(fmt::format("{} questions are in the validation file too and are not learnt from", with_commas(p.leaks)));

  const Backend& cpu = backend("cpu");
  std::function<Json(Transformer&)> scorer;
  if (config.metric == "exact_match" || config.metric == "chrf") {
    scorer = [&](Transformer& m) { return score_answers(m, tokenizer, asked, config.max_tokens); };
  }
  AnswerObjective objective(parts[0], parts[1], {config.batch, config.micro_batch, context, config.metric, run.seed}, cpu, scorer);
  const bool keeps_best = !parts[1].empty();
  require_memory(plan_training_memory(model_config, objective.micro_batch(), context, threads(), {.keeps_best = keeps_best}), model_config, objective.micro_batch(), context, threads(), {.keeps_best = keeps_best});

  Json settings = fields_to_json(config);
  settings.erase("save_minutes");
  settings["seed"] = run.seed;
  ArtifactWriter out(out_folder, "model", settings, inputs, run.force);
  Transformer model(model_config, cpu);
  model.params().allocate(cpu, /*gradients=*/true);
  load_weights(model, base.folder);
  model.plan(objective.micro_batch(), context, /*training=*/true);
  if (keeps_best) {
    tuned.before = objective.evaluate(model);
    std::string text = "before:";
    for (const auto& [key, value] : tuned.before.items()) text += fmt::format(" {} {:.4f}", key, value.get<double>());
    progress.note(text);
  }
  const TuningLength length = settle_length({.epochs = config.epochs,
                                             .minutes = config.minutes,
                                             .eval_every = config.eval_every,
                                             .default_epochs = 2,
                                             .evaluations_an_epoch = 4,
                                             .steps = [&](double epochs) { return objective.steps(epochs); },
                                             .step_seconds = [&] { return median_seconds(5, [&, s = int64_t{0}]() mutable { objective.accumulate(model, s++); }); },
                                             .evaluation_seconds = [&] { return median_seconds(1, [&] { objective.evaluate(model); }); }},
                                            out.state(), progress);
  TrainSettings train;
  train.schedule = tuning_schedule(config.lr.value_or(default_tuning_rate(model_config)), length.steps);
  train.weight_decay = config.weight_decay;
  train.beta2 = 0.98;
  train.eval_every = length.eval_every;
  train.log_every = config.log_every;
  train.save_minutes = config.save_minutes;
  train.patience = config.patience;
  train.budget_seconds = config.minutes ? 60 * *config.minutes : 0;
  Trainer trainer(model, objective, train, out.folder(), progress);
  tuned.training = trainer.run();

  int64_t held = 0;
  for (const auto& row : parts[0]) held += row.places();
  tuned.packed = static_cast<double>(held) / static_cast<double>(std::max<int64_t>(1, objective.steps(1.0) * config.batch * context));
  write_model_files(out, model, base.folder, card_text(config, model_config, tuned, base, chat.name(), context), chat.jinja(), chat.stop_ids());
  write_file(out.path(kSplitFile), split_text(split_lines));
  out.promise(kSplitFile);
  out.log("metrics.jsonl");
  Json counts = {{"rows", {{"train", tuned.train}, {"validation", tuned.validation}, {"test", tuned.held_out}, {"skipped", skipped}, {"dropped", tuned.dropped}}},
                 {"duplicates", p.duplicates},
                 {"cut", tuned.cut},
                 {"context", context},
                 {"chat_template", chat.name()},
                 {"parameters", parameter_count(model_config)},
                 {"steps", tuned.training.step},
                 {"best_step", tuned.training.best_step},
                 {"tokens", tuned.training.tokens},
                 {"seconds", tuned.training.seconds},
                 {"lr", train.schedule.peak},
                 {"isa", cpu.isa()},
                 {"peak_memory", peak_memory_bytes()},
                 {"before", tuned.before},
                 {"validation", tuned.training.last_evaluation}};
  if (tuned.training.best) counts["best"] = {{"metric", config.metric}, {"value", *tuned.training.best}};
  tuned.artifact = out.finish(counts);
  return tuned;
}

}  // namespace loam
