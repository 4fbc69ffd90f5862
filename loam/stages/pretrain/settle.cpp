// What a run shall be: from flags, or from minutes and this machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/threads.h"
#include "loam/kernels/backend.h"
#include "loam/model/weights.h"
#include "loam/stages/pretrain/pretrain.h"
#include "loam/train/muon.h"

namespace loam {
namespace {

constexpr int64_t kPairRows = 1 << 14;

/// The shape of a width: heads of 32 or 64, feed-forward 4 C, or 8/3 C of a gated one in steps of 32.
ModelConfig shape(const std::string& family, int64_t layers, int64_t channels, int64_t context) {
  ModelConfig c;
  c.family = family == "gpt2" ? Family::gpt2 : Family::llama;
  if (family == "loam") {
    c.model_type = "loam";
    c.qk_norm = true;
    c.pair_rows = kPairRows;
  }
  c.layers = layers;
  c.channels = channels;
  c.head_size = channels >= 384 ? 64 : 32;
  c.heads = channels / c.head_size;
  c.kv_heads = c.heads;
  c.hidden = c.family == Family::gpt2 ? 4 * channels : (channels * 8 / 3 + 31) / 32 * 32;
  c.context = context;
  c.tied = family != "loam";
  return c;
}

/// Tokens a second of training steps of this shape, timed.
double timed_rate(const ModelConfig& config, int64_t batch, int64_t context, bool with_muon, Precision precision) {
  const Backend& b = backend("cpu", precision);
  Transformer model(config, b);
  model.params().allocate(b, true);
  model.params().initialize(b, 1);
  model.plan(batch, context, true);
  const int64_t n = batch * context, size = model.params().size();
  const Buffer ints = b.allocate(3 * n), floats = b.allocate(2 * n), moments = b.allocate(2 * size);
  std::vector<int32_t> host(static_cast<size_t>(3 * n));
  for (int64_t i = 0; i < n; ++i) {
    host[static_cast<size_t>(i)] = static_cast<int32_t>((i * 7919) % config.vocab);
    host[static_cast<size_t>(n + i)] = static_cast<int32_t>((i * 104729) % config.vocab);
    host[static_cast<size_t>(2 * n + i)] = static_cast<int32_t>(i % context);
  }
  b.upload(ints.ints(), host.data(), 3 * n);
  b.elementwise().fill(Vec(floats.floats() + n, n), 1.0f / static_cast<float>(n));
  TokenBatch batch_view;
  batch_view.batch = batch;
  batch_view.time = context;
  batch_view.ids = ints.ints();
  batch_view.positions = ints.ints() + 2 * n;
  std::optional<Muon> muon;
  if (with_muon) muon.emplace(model.params(), b);
  double best = 1e9;
  for (int repeat = 0; repeat < 4; ++repeat) {  // the first one touches the memory
    const double began = seconds_now();
    b.elementwise().fill(model.params().gradients(), 0.0f);
    const ConstMat hidden = model.forward(batch_view);
    b.head().loss(Vec(floats.floats(), n), model.hidden_gradient(), model.head_gradient(), hidden, model.head(), ints.ints() + n, ConstVec(floats.floats() + n, n));
    model.backward(batch_view);
    b.optimizer().sum_of_squares(model.params().gradients());
    b.optimizer().adamw(model.params().values(), Vec(moments.floats(), size), Vec(moments.floats() + size, size), model.params().gradients(), {});
    if (muon) muon->step(model.params(), {moments.floats(), size}, {});
    if (repeat > 0) best = std::min(best, seconds_now() - began);
  }
  return static_cast<double>(n) / best;
}

constexpr double kMuonRate = 2;      // times AdamW's rate (docs/experiments.md)
/// The rate of the table of tokens, times that of Muon's matrices: 10 was best for 350 steps; for 2,100 it cost 2.5 %,
/// and 3 cost 0.4 % (docs/experiments.md).
double embedding_rate(int64_t steps) { return std::clamp(3500.0 / static_cast<double>(steps), 1.0, 10.0); }
double default_rate(int64_t channels) { return 3e-3 * std::pow(128.0 / static_cast<double>(channels), 0.75); }

/// Sequences a step for runs of minutes to days: many small steps beat few large ones while the run is short.
int64_t default_batch(double total_tokens, int64_t context) {
  const double tokens = std::clamp(2048.0 * std::pow(total_tokens / 10e6, 0.4), 1024.0, 524288.0);
  return std::max<int64_t>(1, static_cast<int64_t>(tokens / static_cast<double>(context) + 0.5));
}

struct Choice {
  ModelConfig model;
  double tokens_per_s;
};

/// The largest rung whose run still reads enough tokens for its size.
Choice choose_shape(const PretrainConfig& config, double seconds, int64_t vocab, int64_t context, bool muon, Precision precision, Progress& progress) {
  // Tokens a parameter of the matrix products: Hoffmann et al. 2022 find about 20 for all parameters; at this size fewer
  // are better on wall clock (docs/experiments.md).
  constexpr double kTokensPerParameter = 4;
  std::optional<Choice> best;
  std::string tried;
  for (const ModelSize& rung : usual_sizes()) {
    if (rung.channels < 64) continue;  // those are for ladders: half a minute has room for more
    ModelConfig c = shape(config.family, rung.layers, rung.channels, context);
    c.vocab = vocab;
    const double work = training_flops_per_token(c, context);
    // Not worth timing: even at the machine's peak it would read too little.
    if (best && seconds * backend("cpu", precision).peak_flops() / work < kTokensPerParameter * static_cast<double>(matmul_parameters(c))) break;
    const int64_t batch = std::max<int64_t>(1, 2048 / context);
    if (best && plan_training_memory(c, batch, context, threads(), {.muon = muon, .products = backend("cpu", precision).products()}).total() > 3LL << 33) break;
    const double rate = timed_rate(c, batch, context, muon, precision);
    const double tokens = rate * seconds;
    tried += fmt::format("{}{}x{}: {} tok/s", tried.empty() ? "" : ", ", rung.layers, rung.channels, human_count(rate));
    const bool enough = tokens >= kTokensPerParameter * static_cast<double>(matmul_parameters(c));
    if (best && !enough) break;
    best = Choice{c, rate};
    if (!enough) break;
  }
  progress.note("timed on this machine: " + tried);
  return *best;
}

}  // namespace

ModelConfig family_shape(const std::string& family, int64_t layers, int64_t channels, int64_t context) { return shape(family, layers, channels, context); }

double measured_rate(const PretrainPlan& plan) { return timed_rate(plan.model, std::min(plan.micro_batch, std::max<int64_t>(1, 4096 / plan.context)), plan.context, plan.muon, plan.precision); }

void require_family(const std::string& family) {
  require(family == "llama" || family == "gpt2" || family == "loam", "--family is \"", family, "\"; there are llama, gpt2 and loam");
}

void PretrainConfig::validate() const {
  require(optimizer == "auto" || optimizer == "adamw" || optimizer == "muon", "--optimizer is \"", optimizer, "\"; there are auto, adamw and muon");
  parse_precision(precision);
  require(schedule == "trapezoid" || schedule == "cosine", "--schedule is \"", schedule, "\"; there are trapezoid and cosine");
  require_family(family);
  const int sizes = !model.empty() + !arch.empty() + !init.empty() + depth.has_value();
  require(sizes <= 1, "--model, --arch, --init and --depth each name a size: give one");
  require(sizes == 1 || minutes, "say how large: --minutes (fits everything to this machine), --depth, --model, --arch or --init");
  require(!(steps && token_budget), "--steps and --token-budget both give the length: give one");
  require(steps || token_budget || minutes || depth, "say how long: --steps, --token-budget or --minutes");
  auto positive = [](const std::optional<int64_t>& value, const char* flag) { require(!value || *value >= 1, flag, " must be at least 1"); };
  positive(steps, "--steps");
  positive(token_budget, "--token-budget");
  positive(batch, "--batch");
  positive(context, "--context");
  positive(depth, "--depth");
  require(!minutes || (*minutes > 0 && *minutes < 1e6), "--minutes must be above 0");
  require(!lr || (*lr > 0 && *lr < 10), "--lr must be above 0 (and below 10)");
  require(!embedding_lr || (*embedding_lr > 0 && *embedding_lr < 10), "--embedding-lr must be above 0 (and below 10)");
  require(micro_batch >= 0 && log_every >= 0 && (!eval_every || *eval_every >= 0) && (!sample_every || *sample_every >= 0), "--micro-batch, --log-every, --eval-every and --sample-every are 0 or more");
  require(save_minutes > 0, "--save-minutes must be above 0");
  require(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1 && epsilon > 0 && weight_decay >= 0 && clip >= 0, "an AdamW setting is out of range: betas in [0, 1), epsilon above 0, decay and clip 0 or more");
  require(dropout >= 0 && dropout < 1, "--dropout ", dropout, " is not in [0, 1)");
}

PretrainPlan settle(const PretrainConfig& config, int64_t vocab, int64_t eot, int64_t train_tokens, Progress& progress) {
  PretrainPlan plan;
  const double seconds = config.minutes ? *config.minutes * 60.0 : 0;
  plan.budget_seconds = config.steps || config.token_budget ? 0 : seconds;
  bool chosen = false;
  plan.precision = parse_precision(config.precision);
  plan.muon = config.optimizer == "muon" || (config.optimizer == "auto" && config.arch.empty() && config.model.empty() && config.init.empty());
  if (!config.arch.empty()) {
    try {
      plan.model = config_from_json(read_json(config.arch, int64_t{1} << 26));
    } catch (Error& e) {
      e.during("reading ", config.arch);
      throw;
    }
    require_input(plan.model.vocab >= vocab, config.arch, ": vocab_size = ", plan.model.vocab, " is smaller than the tokenizer's ", vocab);
    require_input(plan.model.labels.empty(), config.arch, " describes a classifier; pretrain makes language models");
  } else if (!config.model.empty()) {
    plan.model = named_shape(config.model);
    plan.model.vocab = vocab;
  } else if (!config.init.empty()) {
    plan.model = load_config(config.init);
    require_input(plan.model.labels.empty(), config.init, " is a classifier; --init wants a language model");
    require_input(plan.model.vocab >= vocab, config.init, ": its vocabulary of ", plan.model.vocab, " is smaller than the tokenizer's ", vocab, "; make the tokens with the model's own tokenizer");
  } else if (config.depth) {
    plan.model = shape(config.family, *config.depth, 64 * *config.depth, config.context.value_or(512));
    plan.model.vocab = vocab;
  } else {
    const Choice choice = choose_shape(config, seconds, vocab, config.context.value_or(256), plan.muon, plan.precision, progress);
    plan.model = choice.model;
    plan.expected_tokens_per_s = choice.tokens_per_s;
    chosen = true;
  }
  plan.model.bos = plan.model.eos = eot;
  if (config.dropout > 0 || !config.init.empty()) plan.model.dropout = config.dropout;
  plan.model.validate();
  plan.context = config.context.value_or(std::min<int64_t>(plan.model.context, 1024));
  require(plan.context <= plan.model.context, "--context ", plan.context, " is longer than the model's ", plan.model.context);

  if (!chosen && plan.budget_seconds > 0) {
    plan.expected_tokens_per_s = timed_rate(plan.model, config.batch.value_or(std::max<int64_t>(1, 2048 / plan.context)), plan.context, plan.muon, plan.precision);
  }
  // Evaluations, samples and checkpoints take their share of the minutes.
  constexpr double kTrainingShare = 0.93;
  double total_tokens = 0;
  if (config.token_budget) {
    total_tokens = static_cast<double>(*config.token_budget);
  } else if (plan.budget_seconds > 0) {
    total_tokens = plan.expected_tokens_per_s * plan.budget_seconds * kTrainingShare;
  } else if (!config.steps) {
    total_tokens = 12.0 * static_cast<double>(matmul_parameters(plan.model));  // --depth alone: nanochat's ratio
  }
  plan.batch = config.batch.value_or(total_tokens > 0 ? default_batch(total_tokens, plan.context) : std::max<int64_t>(1, 4096 / plan.context));
  plan.micro_batch = config.micro_batch > 0 ? std::min(config.micro_batch, plan.batch) : plan.batch;
  // A batch that no memory could hold is refused before any arithmetic with it.
  const TrainingExtras extras = plan.extras();
  require_memory(plan_training_memory(plan.model, plan.micro_batch, plan.context, threads(), extras), plan.model, plan.micro_batch, plan.context, threads(), extras);
  const double step_tokens = static_cast<double>(plan.batch) * static_cast<double>(plan.context);
  Schedule& s = plan.schedule;
  s.steps = config.steps ? *config.steps : std::max<int64_t>(1, static_cast<int64_t>(total_tokens / step_tokens));
  s.shape = config.schedule == "cosine" ? Schedule::Shape::cosine : Schedule::Shape::trapezoid;
  s.peak = config.lr.value_or(default_rate(plan.model.channels) * (plan.muon ? kMuonRate : 1.0) * (config.init.empty() ? 1.0 : 0.3));
  plan.embedding_rate = config.embedding_lr ? *config.embedding_lr / s.peak : plan.muon ? embedding_rate(s.steps) : 1.0;
  s.warmup = config.warmup_steps.value_or(std::min<int64_t>(std::max<int64_t>(100, s.steps / 50), s.steps / 4));
  s.cooldown = s.shape == Schedule::Shape::cosine ? 0 : config.cooldown_steps.value_or(std::min(s.steps - s.warmup, s.steps * 3 / 5));
  s.validate();
  plan.eval_every = config.eval_every.value_or(std::max<int64_t>(1, s.steps / 10));
  plan.sample_every = config.sample_every.value_or(config.minutes ? std::max<int64_t>(1, s.steps / 4) : 0);
  const double epochs = static_cast<double>(s.steps) * step_tokens / static_cast<double>(std::max<int64_t>(1, train_tokens));
  plan.why = fmt::format("{} layers of {} channels, {} parameters; {} steps of {} x {} tokens = {} tokens ({:.2f} epochs); {}, rate {:.2e}", plan.model.layers, plan.model.channels,
                         human_count(static_cast<double>(parameter_count(plan.model))), with_commas(s.steps), plan.batch, plan.context,
                         human_count(static_cast<double>(s.steps) * step_tokens), epochs, plan.muon ? "Muon" : "AdamW", s.peak) +
             (plan.embedding_rate == 1.0 ? "" : fmt::format(" (embedding {:.2e})", s.peak * plan.embedding_rate));
  if (epochs > 4) progress.warn(fmt::format("the text is read {:.1f} times: past about 4 epochs repeats teach little (Muennighoff et al. 2023); more text would help", epochs));
  return plan;
}

}  // namespace loam
