#include "loam/stages/finetune/classify/classify.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <unordered_set>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/infer/text_classifier.h"
#include "loam/metrics/logistic.h"
#include "loam/metrics/scores_json.h"
#include "loam/model/weights.h"
#include "loam/stages/finetune/classify/objective.h"
#include "loam/stages/finetune/split.h"
#include "loam/stages/finetune/tuning.h"
#include "loam/train/memory.h"
#include "loam/train/model_card.h"
#include "loam/train/model_folder.h"

namespace loam {
namespace {

constexpr const char* kSplitFile = "split.tsv";
constexpr const char* kScoresFile = "scores.json";

bool all_numbers(const std::map<std::string, int64_t>& tally) {
  return std::all_of(tally.begin(), tally.end(), [](const auto& item) {
    return item.first.size() < 18 && item.first.find_first_not_of("0123456789", item.first[0] == '-' && item.first.size() > 1 ? 1 : 0) == std::string::npos;
  });
}

/// Labels in a fixed order: as numbers if all are, else by their bytes.
std::vector<std::string> sorted_labels(const std::map<std::string, int64_t>& tally) {
  std::vector<std::string> labels;
  for (const auto& [label, n] : tally) labels.push_back(label);
  if (all_numbers(tally)) {
    std::sort(labels.begin(), labels.end(), [](const auto& a, const auto& b) { return std::stoll(a) < std::stoll(b); });
  }
  return labels;
}

/// Rows with their texts, ready to be split into the objective's and the floor's.
struct Prepared {
  std::vector<ClassRow> rows;      // of the data, then of the validation file
  std::vector<Part> parts;
  std::vector<bool> left_out;      // training rows that the validation file has too
  std::vector<std::string> labels; // of the training rows, then those only validation or test rows have
  int64_t known = 0;               // labels of the training rows
  int64_t duplicates = 0, contradictions = 0, leaks = 0;
};

Prepared prepare(ClassData data, std::optional<ClassData> validation, const ClassifyConfig& config, double share, uint64_t seed) {
  Prepared p;
  std::vector<SplitRow> split_rows;
  for (const auto& row : data.rows) split_rows.push_back({row.text, row.label});
  Split split = make_split(split_rows, {.validation = share, .test = config.test_fraction, .seed = seed, .near_duplicate = config.near_duplicate});
  p.parts = std::move(split.parts);
  p.duplicates = split.duplicates;
  p.contradictions = split.contradictions;
  p.rows = std::move(data.rows);
  p.left_out.assign(p.rows.size(), false);
  if (validation) {
    std::unordered_set<uint64_t> theirs;
    for (auto& row : validation->rows) {
      theirs.insert(text_key(row.text));
      p.parts.push_back(Part::validation);
      p.left_out.push_back(false);
      p.rows.push_back(std::move(row));
    }
    for (size_t i = 0; i < p.rows.size(); ++i) {
      if (p.parts[i] != Part::train || !theirs.contains(text_key(p.rows[i].text))) continue;
      p.left_out[i] = true;
      ++p.leaks;
    }
  }
  std::map<std::string, int64_t> trained, others;
  for (size_t i = 0; i < p.rows.size(); ++i) {
    if (p.parts[i] == Part::train && !p.left_out[i]) ++trained[p.rows[i].label];
  }
  for (const auto& row : p.rows) {
    if (!trained.contains(row.label)) ++others[row.label];
  }
  p.labels = sorted_labels(trained);
  p.known = static_cast<int64_t>(p.labels.size());
  for (const auto& [label, n] : others) p.labels.push_back(label);
  return p;
}

void check_rows(const std::vector<ClassRow>& rows, const DataSummary& summary) {
  const std::string where = summary.inputs.empty() ? "the data" : summary.inputs[0].path;
  require_input(!rows.empty(), where, " has no rows to learn from", summary.skipped > 0 ? cat("; ", summary.skipped, " were skipped, the first: ", summary.first_fault) : "");
  const bool one = std::all_of(rows.begin(), rows.end(), [&](const auto& row) { return row.label == rows[0].label; });
  require_input(!one, where, ": all ", rows.size(), " rows have the label \"", rows[0].label, "\"; a classifier needs two or more");
}

std::vector<float> class_weights(const ClassRows& train, int64_t classes, const std::string& kind) {
  std::vector<float> weights(static_cast<size_t>(classes), 1.0f);
  if (kind == "none") return weights;
  std::vector<int64_t> rows(static_cast<size_t>(classes));
  for (const int32_t c : train.classes) ++rows[static_cast<size_t>(c)];
  for (size_t c = 0; c < weights.size(); ++c) {
    weights[c] = static_cast<float>(static_cast<double>(train.size()) / static_cast<double>(classes * std::max<int64_t>(1, rows[c])));
  }
  return weights;
}

struct HeldOut {
  std::optional<ClassificationScores> test, floor;
  std::optional<McNemar> against_floor;
};

/// The rows nobody has learnt from, by the model and by the floor.
HeldOut score_held_out(Transformer& model, const ClassRows& test, const std::vector<LabelledText>& train, const std::vector<LabelledText>& validation,
                       const std::vector<LabelledText>& held_out, const Prepared& p, int64_t places) {
  HeldOut out;
  if (test.size() == 0) return out;
  const auto ours = predict_rows(model, test, places);
  out.test = score_classifier(ours, p.labels);
  const LogisticFloor floor = LogisticFloor::fit(train, validation, p.known);
  std::vector<Prediction> theirs;
  std::vector<uint8_t> a, b;
  for (size_t i = 0; i < held_out.size(); ++i) {
    theirs.push_back({held_out[i].label, floor.predict(held_out[i].text)});
    a.push_back(theirs[i].right());
    b.push_back(ours[i].right());
  }
  out.floor = score_classifier(theirs, p.labels);
  out.against_floor = mcnemar(a, b);
  return out;
}

std::string card_text(const ClassifyConfig& config, const ModelConfig& model, const Prepared& p, const TunedClassifier& tuned, const ModelFolder& base, int64_t context) {
  std::string labels;
  for (int64_t k = 0; k < p.known; ++k) labels += (k > 0 ? ", " : "") + card_cell(p.labels[static_cast<size_t>(k)]);
  ModelCard card{"A classifier of texts", "text-classification", fmt::format("Reads a text and gives the probability of each of {} labels: {}.", p.known, labels), "loam classify FOLDER texts.txt"};
  card.model = fmt::format("{} parameters. It reads the {} of a text, {} tokens at most.", with_commas(parameter_count(model)), config.keep, with_commas(context));
  card.data = fmt::format("{}: {} rows to learn from; {} more chose the checkpoint, {} were held out. Texts that are equal or nearly so (likeness {} of word triples) are on one side of "
                          "the split. {} of the texts were longer than the model reads.",
                          file_names(config.data), with_commas(tuned.train), with_commas(tuned.validation), with_commas(tuned.held_out), config.near_duplicate, with_commas(tuned.cut));
  card.training = fmt::format("From the base model `{}`, whose own card tells its texts: {} steps, {} tokens, peak rate {:.2e}. Loss: cross entropy, {}. {}",
                              base.input.sha256.substr(0, 12), with_commas(tuned.training.step), with_commas(tuned.training.tokens), tuned.training.schedule.peak,
                              config.class_weights == "balanced" ? "each label counting the same" : "each row counting the same", best_text(tuned.training, config.metric));
  if (tuned.test) {
    auto row = [](const char* name, const Estimate& ours, const Estimate& floor) {
      return fmt::format("| {} | {} | {} |\n", name, percent_text(ours.value, ours.interval.low, ours.interval.high), percent_text(floor.value, floor.interval.low, floor.interval.high));
    };
    card.scores = fmt::format("On {} held-out rows, with 95 % intervals:\n\n| | this model | logistic regression on words |\n|---|---|---|\n", with_commas(tuned.test->rows));
    card.scores += row("accuracy", tuned.test->accuracy, tuned.floor->accuracy) + row("macro F1", tuned.test->macro_f1, tuned.floor->macro_f1) + row("MCC", tuned.test->mcc, tuned.floor->mcc) +
                   row("calibration error", tuned.test->ece, tuned.floor->ece);
    card.scores += fmt::format("\nMcNemar against the regression: {} rows only this model got right, {} only the regression; mid-p {:.3g}.\n", tuned.against_floor->only_b,
                               tuned.against_floor->only_a, tuned.against_floor->mid_p);
    card.scores += "\n| label | rows | precision | recall | F1 |\n|---|---:|---:|---:|---:|\n";
    for (const auto& c : tuned.test->classes) {
      card.scores += fmt::format("| {} | {} | {:.3f} | {:.3f} | {:.3f} |\n", card_cell(c.label), c.rows, c.precision.value, c.recall.value, c.f1.value);
    }
  }
  card.limits = "It knows texts like those it was tuned on. On others its probabilities say little; measure it on your own with `loam evaluate`.";
  return card.text();
}

}  // namespace

void ClassifyConfig::validate() const {
  require(!base.empty(), "loam finetune classify needs --base, a model folder");
  require(!data.empty(), "loam finetune classify needs --data, a file of labelled texts or a corpus");
  require(batch > 0, "--batch ", batch, " must be at least 1");
  require(keep == "start" || keep == "end", "--keep ", keep, " is neither start nor end");
  require(class_weights == "balanced" || class_weights == "none", "--class-weights ", class_weights, " is neither balanced nor none");
  require(!lr || *lr > 0, "--lr must be more than 0");
  require(!dropout || (*dropout >= 0 && *dropout < 1), "--dropout must be in [0, 1)");
  require(!context || *context > 0, "--context must be at least 1");
  require(!eval_every || *eval_every >= 0, "--eval-every must be 0 or more");
  require(weight_decay >= 0 && patience >= 0 && log_every >= 0 && save_minutes >= 0, "--weight-decay, --patience, --log-every and --save-minutes must be 0 or more");
  greater_is_better(metric);
  parse_validation(val);
}

TunedClassifier finetune_classify(const ClassifyConfig& config, const fs::path& out_folder, const FinetuneRun& run, Progress& progress) {
  config.validate();
  refuse_finished(out_folder, run);
  const ModelFolder base = open_model(config.base);
  require_input(base.config.labels.empty(), config.base, " is already a classifier (", fmt::format("{}", fmt::join(base.config.labels, ", ")), "); tune from a language model");
  const Tokenizer tokenizer = Tokenizer::load(base.folder);
  const ClassOptions columns{config.text_column, config.label_column, config.header};
  const Validation val = parse_validation(config.val);
  ClassData data = load_class_data(config.data, columns);
  note_data(data.summary, static_cast<int64_t>(data.rows.size()), progress);
  check_rows(data.rows, data.summary);
  std::vector<ArtifactInput> inputs = {base.input};
  inputs.insert(inputs.end(), data.summary.inputs.begin(), data.summary.inputs.end());
  std::optional<ClassData> validation;
  if (!val.file.empty()) {
    validation = load_class_data({val.file}, columns);
    note_data(validation->summary, static_cast<int64_t>(validation->rows.size()), progress);
    inputs.insert(inputs.end(), validation->summary.inputs.begin(), validation->summary.inputs.end());
  }
  const int64_t skipped = data.summary.skipped;
  const Prepared p = prepare(std::move(data), std::move(validation), config, val.share, run.seed);
  require_input(p.known >= 2, "only one label is left to learn from: \"", p.known == 1 ? p.labels[0] : "", "\"; make --test-fraction or --val smaller, or give more rows");
  std::map<std::string, int32_t> number;
  for (size_t k = 0; k < p.labels.size(); ++k) number[p.labels[k]] = static_cast<int32_t>(k);

  ModelConfig model_config = base.config;
  model_config.labels.assign(p.labels.begin(), p.labels.begin() + p.known);
  if (config.dropout) model_config.dropout = *config.dropout;
  const int64_t context = config.context.value_or(model_config.context);
  require(context <= model_config.context, "--context ", context, " is more than the model's ", model_config.context);

  // Ids, in parallel; then each part's rows.
  std::vector<std::vector<int32_t>> ids(p.rows.size());
  std::vector<uint8_t> was_cut(p.rows.size());
  parallel_for(static_cast<int64_t>(p.rows.size()), [&](int64_t i) {
    bool cut = false;
    ids[static_cast<size_t>(i)] = classifier_ids(tokenizer, p.rows[static_cast<size_t>(i)].text, context, config.keep == "start", &cut);
    was_cut[static_cast<size_t>(i)] = cut;
  });
  ClassRows parts[3];
  std::vector<LabelledText> texts[3];
  std::vector<SplitLine> split_lines;
  for (size_t i = 0; i < p.rows.size(); ++i) {
    const auto part = static_cast<size_t>(p.parts[i]);
    split_lines.push_back({p.left_out[i] ? "left_out" : part_name(p.parts[i]), text_key(p.rows[i].text), p.rows[i].number});
    if (p.left_out[i]) continue;
    const int32_t c = number.at(p.rows[i].label);
    parts[part].texts.push_back({std::move(ids[i]), {}});
    parts[part].classes.push_back(c);
    texts[part].push_back({p.rows[i].text, c});
  }
  TunedClassifier tuned;
  tuned.train = parts[0].size();
  tuned.validation = parts[1].size();
  tuned.held_out = parts[2].size();
  tuned.cut = std::count(was_cut.begin(), was_cut.end(), 1);
  progress.note(fmt::format("{} labels; {} rows to learn from, {} to choose by, {} held out; {} of them repeat others and stay on one side", p.known, with_commas(tuned.train),
                            with_commas(tuned.validation), with_commas(tuned.held_out), with_commas(p.duplicates)));
  if (tuned.cut > 0) progress.note(fmt::format("{} texts are longer than {} tokens: their {} is read", with_commas(tuned.cut), context, config.keep));
  warn_if_unjudged(parse_validation(config.val).share, tuned.validation, config.test_fraction, tuned.held_out, progress);
  if (p.contradictions > 0) progress.warn(fmt::format("{} texts stand under two labels", with_commas(p.contradictions)));
  if (p.leaks > 0) progress.warn(fmt::format("{} rows are in the validation file too and are not learnt from", with_commas(p.leaks)));
  if (p.known < static_cast<int64_t>(p.labels.size())) progress.warn(fmt::format("{} labels occur in no row to learn from", static_cast<int64_t>(p.labels.size()) - p.known));

  const Backend& cpu = backend("cpu");
  ClassObjective objective(parts[0], parts[1], {config.batch, context, config.metric, class_weights(parts[0], p.known, config.class_weights), run.seed}, cpu);
  const bool keeps_best = parts[1].size() > 0;
  // Refused before anything large is allocated: the widest step one can be sure of.
  const int64_t sure = objective.steps(config.epochs.value_or(1));
  const int64_t widest = std::max<int64_t>(1, objective.most_places(std::min<int64_t>(sure, 2000)));
  require_memory(plan_training_memory(model_config, 1, widest, threads(), {.keeps_best = keeps_best}), model_config, 1, widest, threads(), {.keeps_best = keeps_best});
  // From here on the folder is ours: what is refused was refused before it was made.
  Json settings = fields_to_json(config);
  settings.erase("save_minutes");
  settings["seed"] = run.seed;
  ArtifactWriter out(out_folder, "model", settings, inputs, run.force);
  Transformer model(model_config, cpu);
  model.params().allocate(cpu, /*gradients=*/true);
  model.params().initialize(cpu, stream_key(run.seed, "finetune.classify.head"));
  load_weights(model, base.folder, /*fresh_head=*/true);
  model.plan((widest + context - 1) / context, context, /*training=*/true);

  const TuningLength length = settle_length({.epochs = config.epochs,
                                             .minutes = config.minutes,
                                             .eval_every = config.eval_every,
                                             .default_epochs = 3,
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

  const int64_t places = std::max<int64_t>(config.batch * context, 2048);
  HeldOut scores = score_held_out(model, parts[2], texts[0], texts[1], texts[2], p, places);
  tuned.test = std::move(scores.test);
  tuned.floor = std::move(scores.floor);
  tuned.against_floor = scores.against_floor;

  const std::string card = card_text(config, model_config, p, tuned, base, context);
  write_model_files(out, model, base.folder, card);
  Json saved = read_json(out.path("tokenizer_config.json"));
  saved["model_max_length"] = context;
  saved["truncation_side"] = config.keep == "start" ? "right" : "left";
  write_file(out.path("tokenizer_config.json"), to_pretty(saved));
  write_file(out.path(kSplitFile), split_text(split_lines));
  out.promise(kSplitFile);
  Json held_out = Json::object();
  if (tuned.test) held_out = {{"model", to_json(*tuned.test)}, {"logistic", to_json(*tuned.floor)}, {"mcnemar_logistic_to_model", to_json(*tuned.against_floor)}};
  write_file(out.path(kScoresFile), to_pretty(held_out));
  out.promise(kScoresFile);
  out.log("metrics.jsonl");
  Json counts = {{"rows", {{"train", tuned.train}, {"validation", tuned.validation}, {"test", tuned.held_out}, {"skipped", skipped}}},
                 {"labels", p.known},
                 {"duplicates", p.duplicates},
                 {"contradictions", p.contradictions},
                 {"cut", tuned.cut},
                 {"context", context},
                 {"parameters", parameter_count(model_config)},
                 {"steps", tuned.training.step},
                 {"best_step", tuned.training.best_step},
                 {"tokens", tuned.training.tokens},
                 {"seconds", tuned.training.seconds},
                 {"lr", train.schedule.peak},
                 {"isa", cpu.isa()},
                 {"peak_memory", peak_memory_bytes()},
                 {"validation", tuned.training.last_evaluation}};
  if (tuned.training.best) counts["best"] = {{"metric", config.metric}, {"value", *tuned.training.best}};
  tuned.artifact = out.finish(counts);
  return tuned;
}

}  // namespace loam
