#include "loam/stages/pretrain/pretrain.h"

#include <fmt/format.h>

#include <algorithm>

#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/infer/session.h"
#include "loam/metrics/byte_model.h"
#include "loam/model/weights.h"
#include "loam/stages/pretrain/expected.h"
#include "loam/stages/pretrain/machine.h"
#include "loam/text/tokenizer.h"
#include "loam/train/faults.h"
#include "loam/train/lm_objective.h"
#include "loam/train/model_card.h"
#include "loam/train/model_folder.h"

namespace loam {
namespace {

Json plan_to_json(const PretrainPlan& p) {
  return {{"model", config_to_json(p.model)},
          {"batch", p.batch},
          {"micro_batch", p.micro_batch},
          {"context", p.context},
          {"schedule", p.schedule.shape == Schedule::Shape::cosine ? "cosine" : "trapezoid"},
          {"optimizer", p.muon ? "muon" : "adamw"},
          {"precision", p.precision == Precision::bfloat16 ? "bfloat16" : "float32"},
          {"lr", p.schedule.peak},
          {"embedding_rate", p.embedding_rate},
          {"steps", p.schedule.steps},
          {"warmup_steps", p.schedule.warmup},
          {"cooldown_steps", p.schedule.cooldown},
          {"eval_every", p.eval_every},
          {"sample_every", p.sample_every},
          {"budget_seconds", p.budget_seconds},
          {"expected_tokens_per_s", p.expected_tokens_per_s},
          {"why", p.why}};
}

PretrainPlan plan_from_json(const Json& j) {
  PretrainPlan p;
  p.model = config_from_json(j.at("model"));
  p.batch = get_int(j, "batch");
  p.micro_batch = get_int(j, "micro_batch");
  p.context = get_int(j, "context");
  p.schedule.shape = get_string(j, "schedule") == "cosine" ? Schedule::Shape::cosine : Schedule::Shape::trapezoid;
  p.muon = get_string(j, "optimizer") == "muon";
  p.precision = parse_precision(get_string(j, "precision", "float32"));
  p.schedule.peak = get_number(j, "lr");
  p.embedding_rate = get_number(j, "embedding_rate", 1.0);
  p.schedule.steps = get_int(j, "steps");
  p.schedule.warmup = get_int(j, "warmup_steps");
  p.schedule.cooldown = get_int(j, "cooldown_steps");
  p.eval_every = get_int(j, "eval_every");
  p.sample_every = get_int(j, "sample_every");
  p.budget_seconds = get_number(j, "budget_seconds");
  p.expected_tokens_per_s = get_number(j, "expected_tokens_per_s");
  p.why = get_string(j, "why");
  return p;
}

/// Steps between snapshots: twenty a run, none in a short one.
int64_t snapshot_steps(int64_t steps) { return steps < 100 ? 0 : std::max<int64_t>(50, steps / 20); }

/// One line of the model's own text, to see how it comes along.
std::string sample_text(Transformer& model, const Tokenizer& tokenizer, uint64_t seed) {
  const int32_t start = tokenizer.eot_id();
  if (start >= model.config().vocab) return "";
  Session session(model);
  std::vector<int32_t> ids;
  SampleSettings settings;
  settings.seed = seed;
  generate(session, {&start, 1}, 48, settings, {&start, 1}, [&](int32_t id) {
    if (id < tokenizer.vocab_size() && tokenizer.has(id)) ids.push_back(id);
    return true;
  });
  std::string text = tokenizer.decode(ids);
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 32) c = ' ';
  }
  return text;
}

/// Tokens a second from this machine's roofline; 0 if it was never measured and the run is too short to pay for that.
double rate_to_expect(const PretrainPlan& plan, Progress& progress) {
  constexpr double kLongRun = 5e12;  // operations a thread: about a minute
  const double operations = training_flops_per_token(plan.model, plan.context) * static_cast<double>(plan.batch) * static_cast<double>(plan.context) * static_cast<double>(plan.schedule.steps);
  std::optional<Machine> machine = known_machine(plan.precision);
  if (!machine && operations > kLongRun * threads()) machine = this_machine(plan.precision, /*again=*/false, progress);
  return machine ? predicted_rate(*machine, plan.model, plan.batch, plan.context, plan.muon) : 0;
}

/// Calls f with the text of each document of a split, until it returns false.
void each_text(const TokenSplit& split, const Tokenizer& tokenizer, const std::function<bool(const std::string&)>& f) {
  const std::vector<int64_t> starts = split.document_starts();
  std::vector<int32_t> ids;
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t begin = starts[i] + 1, end = i + 1 < starts.size() ? starts[i + 1] : split.token_count();
    ids.resize(static_cast<size_t>(end - begin));
    split.copy(begin, end - begin, ids.data());
    if (!f(tokenizer.decode(ids))) return;
  }
}

std::optional<double> byte_floor(const TokenSet& tokens, const Tokenizer& tokenizer) {
  constexpr size_t kFitBytes = 32'000'000;
  if (tokens.val().text_bytes() == 0) return std::nullopt;
  ByteModel model;
  size_t fitted = 0;
  each_text(tokens.train(), tokenizer, [&](const std::string& text) {
    model.fit(text);
    fitted += text.size();
    return fitted < kFitBytes;
  });
  double bits = 0, bytes = 0;
  each_text(tokens.val(), tokenizer, [&](const std::string& text) {
    bits += model.bits(text);
    bytes += static_cast<double>(text.size());
    return true;
  });
  return bytes > 0 ? std::optional(bits / bytes) : std::nullopt;
}

/// What README.md in the model's folder says.
std::string card(const PretrainPlan& plan, const TokenSet& tokens, const PretrainReport& report, const std::string& init) {
  const TrainResult& result = report.result;
  ModelCard card{"A base language model", "text-generation", "Continues a text. It was not taught to answer or to follow instructions.", "loam generate FOLDER --prompt \"The history of the\""};
  card.model = fmt::format("| | |\n|---|---|\n| shape | {} |\n| parameters | {} |\n| layers, width, heads | {}, {}, {} |\n| vocabulary | {} |\n| context | {} tokens |\n| products in training | {} |\n",
                           plan.model.family == Family::gpt2 ? "GPT-2" : "Llama", with_commas(parameter_count(plan.model)), plan.model.layers, plan.model.channels, plan.model.heads,
                           with_commas(plan.model.vocab), plan.model.context, plan.precision == Precision::bfloat16 ? "factors of bfloat16, sums of float32" : "float32");
  card.data = fmt::format("{} tokens of training text, {} held out by whole documents (tokens `{}`).\n", with_commas(tokens.train().token_count()),
                          with_commas(tokens.val().token_count()), tokens.artifact().content.substr(0, 12));
  const Json sources = tokens.artifact().counts.value("sources", Json::array());
  if (sources.is_array() && !sources.empty()) {
    card.data += "\n| source | documents | share of the training text | times over it |\n|---|---:|---:|---:|\n";
    for (const Json& source : sources) {
      card.data += fmt::format("| {} | {} | {:.1f} % | {:.2f} |\n", card_cell(get_string(source, "name", "")), with_commas(get_int(source, "documents", int64_t{0})),
                               100 * get_number(source, "share", 0.0), get_number(source, "epochs", 0.0));
    }
    const double read = static_cast<double>(result.tokens) / static_cast<double>(std::max<int64_t>(1, tokens.train().token_count()));
    card.data += fmt::format("\nThe last column is of the training text as it was written; training read {:.2f} times its length.\n", read);
  }
  card.training = fmt::format("{}{} steps of {} sequences of {} tokens, {} tokens in all; {}, peak rate {:.3e}, {} steps of warm-up, {} of cooldown.\n",
                              init.empty() ? "" : "From another model's weights. ", with_commas(result.step), plan.batch, plan.context, with_commas(result.tokens),
                              plan.muon ? "Muon for the layers' matrices, AdamW for the rest" : "AdamW", plan.schedule.peak,
                              with_commas(plan.schedule.warmup), with_commas(result.schedule.cooldown));
  if (result.last_evaluation.contains("bits_per_byte")) {
    card.scores = fmt::format("| on the held-out documents | |\n|---|---|\n| bits per byte | {:.4f} |\n| loss, nats a token | {:.4f} |\n",
                              result.last_evaluation["bits_per_byte"].get<double>(), result.last_evaluation["val_loss"].get<double>());
    if (report.floor_bits_per_byte) card.scores += fmt::format("| an order-3 byte model of the same text, bits per byte | {:.4f} |\n", *report.floor_bits_per_byte);
  }
  card.limits = "It repeats the mistakes and the slant of its texts, states falsehoods with confidence, and knows nothing that is not in them.";
  return card.text();
}

}  // namespace

PretrainReport pretrain(const PretrainConfig& config, const fs::path& tokens_folder, const fs::path& out_folder, uint64_t seed, bool force, Progress& progress) {
  const double began = seconds_now();
  const TokenSet tokens = TokenSet::open(tokens_folder);
  std::vector<ArtifactInput> inputs = {tokens.artifact().as_input()};
  if (!config.arch.empty()) {
    require_input(fs::is_regular_file(config.arch), "there is no --arch ", config.arch);
    inputs.push_back(file_input(config.arch));
  }
  if (!config.init.empty()) inputs.push_back(open_model(config.init).input);
  Json settings = fields_to_json(config);
  settings["seed"] = seed;
  for (const char* key : {"save_minutes", "ladder"}) settings.erase(key);  // what is saved when, and what is said, changes nothing

  // What does not fit is refused before a folder is made: an --out that stays empty would be in the way.
  std::optional<PretrainPlan> plan;
  const fs::path plan_file = out_folder / "state" / "plan.json";
  if (!fs::exists(plan_file) || force) plan = settle(config, tokens.vocab_size(), tokens.eot_id(), tokens.train().token_count(), progress);
  std::optional<ExpectedLoss> expected;
  if (!config.ladder.empty()) {
    std::vector<std::string> notes;
    expected = ExpectedLoss::of(config.ladder, tokens, plan ? *plan : plan_from_json(read_json(plan_file)), !config.init.empty(), notes);
    for (const std::string& note : notes) progress.warn("--ladder: " + note);
  }
  ArtifactWriter out(out_folder, "model", settings, inputs, force);
  if (!plan) {
    plan = plan_from_json(read_json(plan_file));
  } else {
    Json written = plan_to_json(*plan);
    written["tokens"] = fs::absolute(tokens_folder).string();  // for those who look at the run afterwards
    write_file(plan_file, to_pretty(written));
  }
  progress.note(plan->why);
  if (plan->expected_tokens_per_s <= 0) plan->expected_tokens_per_s = rate_to_expect(*plan, progress);
  reset_peak_memory();  // what was timed, and what an earlier stage of a path held, is not this run's

  PretrainReport report;
  const TrainingExtras extras = plan->extras();
  report.memory = plan_training_memory(plan->model, plan->micro_batch, plan->context, threads(), extras);
  require_memory(report.memory, plan->model, plan->micro_batch, plan->context, threads(), extras);
  const Backend& cpu = backend("cpu", plan->precision);
  if (plan->precision == Precision::bfloat16) {
    progress.note(cpu.products() == "bfloat16" ? "products of bfloat16 in this CPU's tiles (AMX)" : "this CPU has no AMX: products' factors are rounded to bfloat16 and multiplied as floats, which is slower than --precision float32");
  }
  Transformer model(plan->model, cpu);
  model.params().allocate(cpu, true);
  if (config.init.empty()) {
    model.params().initialize(cpu, seed);
  } else {
    load_weights(model, config.init);
  }
  model.plan(plan->micro_batch, plan->context, true);

  const Tokenizer tokenizer = Tokenizer::load(tokens_folder);
  LmSettings lm;
  lm.batch = plan->batch;
  lm.micro_batch = plan->micro_batch;
  lm.context = plan->context;
  lm.seed = seed;
  LmObjective objective(tokens, lm, [&](Transformer& m) { return sample_text(m, tokenizer, seed); });
  TrainSettings train;
  train.schedule = plan->schedule;
  train.beta1 = config.beta1;
  train.beta2 = config.beta2;
  train.epsilon = config.epsilon;
  train.weight_decay = config.weight_decay;
  train.clip = config.clip;
  train.muon = plan->muon;
  train.embedding_rate = plan->embedding_rate;
  train.eval_every = plan->eval_every;
  train.log_every = config.log_every;
  train.sample_every = plan->sample_every;
  train.save_minutes = config.save_minutes;
  // What was spent on finding the shape is gone from the minutes.
  train.budget_seconds = plan->budget_seconds > 0 ? std::max(0.5 * plan->budget_seconds, plan->budget_seconds - (seconds_now() - began)) : 0;
  train.watch_spikes = !config.no_guard;
  train.snapshot_every = snapshot_steps(plan->schedule.steps);
  train.stop_at = config.stop_at;
  train.disturb = faults_from_environment();
  if (expected) {
    train.remark = [&](int64_t step, int64_t steps, double loss) { return expected->remark(step, steps, loss); };
  }
  Trainer trainer(model, objective, train, out.folder(), progress);
  // At a terminal the first Ctrl-C anneals what there is, the second stops. Elsewhere the first one stops.
  interrupt_wraps_up(progress.live() && plan->schedule.shape == Schedule::Shape::trapezoid);
  report.result = trainer.run();
  interrupt_wraps_up(false);

  // Token files are mapped, not read in: what of them is in memory is the system's to take back, and no part of the plan.
  report.peak_memory = peak_memory_bytes() - mapped_file_bytes();
  if (config.measures_floor) report.floor_bits_per_byte = byte_floor(tokens, tokenizer);
  write_model_files(out, model, tokens_folder, card(*plan, tokens, report, config.init));
  out.log("metrics.jsonl");
  out.log("state");
  if (fs::exists(out.folder() / "incidents.jsonl")) out.log("incidents.jsonl");
  report.parameters = parameter_count(plan->model);
  Json counts = {{"parameters", report.parameters},
                 {"steps", report.result.step},
                 {"tokens", report.result.tokens},
                 {"seconds", report.result.seconds},
                 {"plan", plan_to_json(*plan)},
                 {"shortened", report.result.shortened},
                 {"steps_left_out", report.result.skipped},
                 {"returns_to_a_snapshot", report.result.rollbacks},
                 {"cooldown_steps", report.result.schedule.cooldown},
                 {"isa", cpu.isa()},
                 {"predicted_memory", to_json(report.memory)},
                 {"peak_memory", report.peak_memory}};
  for (const auto& [key, value] : report.result.last_evaluation.items()) counts[key] = value;
  if (report.floor_bits_per_byte) counts["floor_bits_per_byte"] = *report.floor_bits_per_byte;
  if (expected && report.result.last_evaluation.contains("val_loss")) {
    const double loss = report.result.last_evaluation["val_loss"].get<double>(), read = static_cast<double>(report.result.tokens);
    report.expected = counts["expected"] = expected->json(read, loss);
    report.expected_text = expected->verdict(read, loss);
  }
  report.artifact = out.finish(counts);
  report.plan = *plan;
  return report;
}

}  // namespace loam
