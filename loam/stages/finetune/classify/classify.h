// A language model becomes a classifier of texts.
//
//   ClassifyConfig config;
//   config.base = "runs/x/base";
//   config.data = {"mails.csv"};
//   TunedClassifier tuned = finetune_classify(config, "runs/x/spam", {.seed = 1234}, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/metrics/classification.h"
#include "loam/metrics/paired.h"
#include "loam/stages/finetune/tuning.h"
#include "loam/train/trainer.h"

namespace loam {

struct ClassifyConfig {
  std::string base;
  std::vector<std::string> data;
  std::vector<std::string> text_column;
  std::string label_column, header = "auto";
  std::string val = "0.1";
  double test_fraction = 0.1, near_duplicate = 0.8;
  std::optional<double> epochs, minutes, lr, dropout;
  int64_t batch = 16;
  std::optional<int64_t> context, eval_every;
  std::string keep = "start", class_weights = "balanced", metric = "macro_f1";
  double weight_decay = 0.1;
  int64_t patience = 0, log_every = 1;
  double save_minutes = 5;

  static void fields(auto&& f) {
    using C = ClassifyConfig;
    f("base", &C::base, "the language model to start from");
    f("data", &C::data, "labelled texts: a file of rows, a corpus folder, or LABEL=PATH; may be given several times");
    f("text_column", &C::text_column, "column that holds the text (found by its name if not given; several are joined)");
    f("label_column", &C::label_column, "column that holds the label; of a corpus: source, or a member of its metadata");
    f("header", &C::header, "does a table's first line name its columns: auto, yes, no");
    f("val", &C::val, "what chooses the best checkpoint: a share of the rows, or a file of its own");
    f("test_fraction", &C::test_fraction, "share of the rows that training never sees, for loam evaluate");
    f("near_duplicate", &C::near_duplicate, "likeness from which two texts count as one and stay on one side of the split; above 1: only equal ones");
    f("epochs", &C::epochs, "times to go over the rows");
    f("minutes", &C::minutes, "time to take; the number of steps follows from it");
    f("lr", &C::lr, "highest learning rate");
    f("dropout", &C::dropout, "share of activations left out while training (the base model's if not given)");
    f("batch", &C::batch, "texts a step");
    f("context", &C::context, "tokens of a text that are read (the model's context if not given)");
    f("eval_every", &C::eval_every, "steps between evaluations; 0: never");
    f("keep", &C::keep, "which part of a text over the context is read: start, end");
    f("class_weights", &C::class_weights, "balanced: each label counts the same in the loss; none: each row does");
    f("metric", &C::metric, "what the best checkpoint is chosen by: macro_f1, accuracy, mcc, balanced_accuracy, log_loss");
    f("weight_decay", &C::weight_decay, "decoupled weight decay of the matrices");
    f("patience", &C::patience, "evaluations without a better one after which to end; 0: never");
    f("log_every", &C::log_every, "steps between lines of metrics.jsonl");
    f("save_minutes", &C::save_minutes, "minutes between checkpoints");
  }
  void validate() const;
};

struct TunedClassifier {
  Artifact artifact;
  TrainResult training;
  std::optional<ClassificationScores> test;  ///< on the rows held out, if there are any
  std::optional<ClassificationScores> floor; ///< logistic regression on the same
  std::optional<McNemar> against_floor;      ///< a: the floor, b: the model
  int64_t train = 0, validation = 0, held_out = 0, cut = 0;
};

/// Writes a model artifact: the folder of a Hugging Face classifier, with split.tsv (which row went where),
/// scores.json and metrics.jsonl. Resumes an unfinished one.
/// Throws Error{input}: no rows, one label only (naming it), what loading throws; Error{usage}: settings that do not
/// fit; Error{resource}; Error{interrupted} with the state saved.
TunedClassifier finetune_classify(const ClassifyConfig& config, const std::filesystem::path& out, const FinetuneRun& run, Progress& progress);

}  // namespace loam
