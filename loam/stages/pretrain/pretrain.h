// tokens -> base model.
//
//   PretrainConfig config;  config.minutes = 5;
//   PretrainReport report = pretrain(config, "run/tokens", "run/base", seed, force, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/kernels/backend.h"
#include "loam/model/config.h"
#include "loam/train/memory.h"
#include "loam/train/trainer.h"

namespace loam {

struct PretrainConfig {
  std::optional<double> minutes;
  std::optional<int64_t> depth;
  std::string model, arch, init, ladder, family = "llama";
  std::optional<int64_t> steps, token_budget, batch, context, warmup_steps, cooldown_steps, eval_every, sample_every;
  std::optional<double> lr, embedding_lr;
  int64_t micro_batch = 0, log_every = 1;
  std::string optimizer = "auto", schedule = "trapezoid", precision = "auto";
  bool no_guard = false;
  int64_t stop_at = 0;  ///< no flag: ends as if stopped from outside after so many steps (verify_resume)
  double weight_decay = 0.1, beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, clip = 1.0, dropout = 0.0, save_minutes = 5;
  bool measures_floor = true;  ///< not a flag: many small runs on one text do without the byte model

  static void fields(auto&& f) {
    f("minutes", &PretrainConfig::minutes, "minutes of training: shape, batch, steps and rate are fitted to this machine");
    f("depth", &PretrainConfig::depth, "one dial for the size: layers; the width and the rest follow");
    f("model", &PretrainConfig::model, "a published shape by name, such as gpt2-124m");
    f("arch", &PretrainConfig::arch, "a shape as a Hugging Face config.json");
    f("init", &PretrainConfig::init, "go on from this model's weights, on new text");
    f("ladder", &PretrainConfig::ladder, "folder of loam ladder on these tokens: says what loss to expect, and whether this one is normal");
    f("family", &PretrainConfig::family, "shape for --minutes and --depth: llama, gpt2, or loam (our own, which no other program reads: 1.8 % fewer bits a byte after half a minute; longer runs were not compared, docs/experiments.md)");
    f("steps", &PretrainConfig::steps, "optimizer steps");
    f("token_budget", &PretrainConfig::token_budget, "length of the run in tokens, instead of --steps");
    f("batch", &PretrainConfig::batch, "sequences a step");
    f("micro_batch", &PretrainConfig::micro_batch, "sequences at once, gradients added up; 0: the whole batch");
    f("context", &PretrainConfig::context, "tokens a sequence");
    f("lr", &PretrainConfig::lr, "peak learning rate; by default from the width");
    f("embedding_lr", &PretrainConfig::embedding_lr, "peak rate of the table of tokens (which may be the head too); by default with muon --lr times 3,500 / steps, 1 to 10 times; else --lr");
    f("optimizer", &PretrainConfig::optimizer, "adamw; muon (for the matrices of the layers; the rest stay with adamw); auto: muon where --minutes or --depth choose the shape, else adamw");
    f("schedule", &PretrainConfig::schedule, "trapezoid (constant, then a linear cooldown) or cosine");
    f("warmup_steps", &PretrainConfig::warmup_steps, "linear rise; by default 2 % of the steps, at least 100 (but a quarter at most)");
    f("cooldown_steps", &PretrainConfig::cooldown_steps, "linear fall of the trapezoid; by default 60 % of the steps");
    f("weight_decay", &PretrainConfig::weight_decay, "on matrices");
    f("beta1", &PretrainConfig::beta1, "AdamW's mean of gradients");
    f("beta2", &PretrainConfig::beta2, "AdamW's mean of squares");
    f("epsilon", &PretrainConfig::epsilon, "AdamW's epsilon");
    f("clip", &PretrainConfig::clip, "largest gradient norm; 0: none");
    f("no_guard", &PretrainConfig::no_guard, "take every step, also where loss or gradient jump; steps that are not finite are left out all the same");
    f("precision", &PretrainConfig::precision, "factors of matrix products, attention's too: float32; bfloat16, with sums and all else in float32; auto: bfloat16 where this CPU multiplies it in tiles (AMX), else float32");
    f("dropout", &PretrainConfig::dropout, "share of activations dropped while training");
    f("eval_every", &PretrainConfig::eval_every, "steps between evaluations on the validation split; 0: never; by default ten a run");
    f("sample_every", &PretrainConfig::sample_every, "steps between samples of the model's text; 0: never; by default four a run with --minutes");
    f("log_every", &PretrainConfig::log_every, "steps between lines of metrics.jsonl");
    f("save_minutes", &PretrainConfig::save_minutes, "minutes between checkpoints");
  }
  void validate() const;
};

/// What a run was settled to be before its first step: enough to repeat it without a clock.
struct PretrainPlan {
  ModelConfig model;
  int64_t batch = 0, micro_batch = 0, context = 0;
  bool muon = false;
  Precision precision = Precision::float32;  ///< of products' factors
  double embedding_rate = 1;  ///< of the table of tokens, times the schedule's
  Schedule schedule;
  int64_t eval_every = 0, sample_every = 0;
  double budget_seconds = 0;      ///< 0: no clock decides
  double expected_tokens_per_s = 0;
  std::string why;                ///< how --minutes chose, for the report
  TrainingExtras extras() const { return {.muon = muon, .products = backend("cpu", precision).products()}; }
};

/// Throws Error{usage} with the names there are.
void require_family(const std::string& family);
/// The shape of a width as --depth and --minutes have it; the vocabulary is left to the caller.
ModelConfig family_shape(const std::string& family, int64_t layers, int64_t channels, int64_t context);

/// Settles everything; with --minutes it times a few steps on this machine. Throws Error{usage, input, resource}.
PretrainPlan settle(const PretrainConfig& config, int64_t vocab, int64_t eot, int64_t train_tokens, Progress& progress);

/// Tokens a second of such a run's steps on this machine, by timing a few.
double measured_rate(const PretrainPlan& plan);

struct PretrainReport {
  Artifact artifact;
  PretrainPlan plan;
  TrainResult result;
  TrainingMemory memory;
  int64_t parameters = 0;
  int64_t peak_memory = 0;  ///< bytes held at most while training, mapped files left out
  /// Bits per byte on the same held-out documents of an order-3 byte model of (the first 32 MB of) the same training text.
  std::optional<double> floor_bits_per_byte;
  /// With --ladder and a validation split: the loss to expect, its band, and where the run came to lie; null otherwise.
  Json expected;
  std::string expected_text;
};

PretrainReport pretrain(const PretrainConfig& config, const std::filesystem::path& tokens, const std::filesystem::path& out, uint64_t seed, bool force, Progress& progress);

}  // namespace loam
