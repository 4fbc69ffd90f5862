// A language model learns to answer.
//
//   InstructConfig config;
//   config.base = "runs/x/base";
//   config.data = {"pairs.tsv"};
//   config.prompt = "Translate to French: {en}";
//   config.answer = "{fr}";
//   TunedModel tuned = finetune_instruct(config, "runs/x/translator", {.seed = 1234}, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/stages/finetune/tuning.h"
#include "loam/train/trainer.h"

namespace loam {

struct InstructConfig {
  std::string base;
  std::vector<std::string> data;
  std::string form, prompt, answer, system;
  std::string val = "0.05";
  double test_fraction = 0.05, near_duplicate = 0.8;
  std::optional<double> epochs, minutes, lr, dropout;
  int64_t batch = 8, micro_batch = 0;
  std::optional<int64_t> context, eval_every;
  std::string metric = "val_loss";
  double weight_decay = 0.1;
  int64_t patience = 0, log_every = 1, generate_rows = 32, max_tokens = 128;
  double save_minutes = 5;

  static void fields(auto&& f) {
    using C = InstructConfig;
    f("base", &C::base, "the language model to start from");
    f("data", &C::data, "dialogues: a file of rows or a corpus folder; may be given several times");
    f("form", &C::form, "form of the rows: alpaca, messages, sharegpt, prompt (recognised if not given)");
    f("prompt", &C::prompt, "template of the question over the rows' columns, such as \"Translate to French: {en}\"");
    f("answer", &C::answer, "template of the answer, such as \"{fr}\"");
    f("system", &C::system, "a system message for rows that have none");
    f("val", &C::val, "what chooses the best checkpoint: a share of the rows, or a file of its own");
    f("test_fraction", &C::test_fraction, "share of the rows that training never sees, for loam evaluate and loam compare");
    f("near_duplicate", &C::near_duplicate, "likeness from which two questions count as one and stay on one side of the split; above 1: only equal ones");
    f("epochs", &C::epochs, "times to go over the rows");
    f("minutes", &C::minutes, "time to take; the number of steps follows from it");
    f("lr", &C::lr, "highest learning rate");
    f("dropout", &C::dropout, "share of activations left out while training (the base model's if not given)");
    f("batch", &C::batch, "sequences of packed rows a step");
    f("micro_batch", &C::micro_batch, "sequences at once, to save memory; 0: the whole batch");
    f("context", &C::context, "tokens of a sequence (the model's context if not given); longer rows are cut at the end");
    f("eval_every", &C::eval_every, "steps between evaluations; 0: never");
    f("metric", &C::metric, "what the best checkpoint is chosen by: val_loss, val_accuracy, exact_match, chrf");
    f("generate_rows", &C::generate_rows, "validation rows answered at each evaluation where the metric is exact_match or chrf");
    f("max_tokens", &C::max_tokens, "longest answer then, in tokens");
    f("weight_decay", &C::weight_decay, "decoupled weight decay of the matrices");
    f("patience", &C::patience, "evaluations without a better one after which to end; 0: never");
    f("log_every", &C::log_every, "steps between lines of metrics.jsonl");
    f("save_minutes", &C::save_minutes, "minutes between checkpoints");
  }
  void validate() const;
};

struct TunedModel {
  Artifact artifact;
  TrainResult training;
  Json before = Json::object();  ///< the base model on the validation rows
  int64_t train = 0, validation = 0, held_out = 0;
  int64_t cut = 0, dropped = 0;  ///< rows cut at the context; rows whose answer lay wholly behind it
  double packed = 0;             ///< share of the sequences' places that hold tokens
};

/// Writes a model artifact with the chat template in tokenizer_config.json, split.tsv (which row went where) and
/// metrics.jsonl. Resumes an unfinished one.
/// Throws Error{input}: no rows, no form, what loading throws; Error{usage}; Error{resource}; Error{interrupted} with the
/// state saved.
TunedModel finetune_instruct(const InstructConfig& config, const std::filesystem::path& out, const FinetuneRun& run, Progress& progress);

}  // namespace loam
