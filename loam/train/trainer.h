// The loop that pre-training and fine-tuning share: steps, optimizer, schedule, checkpoints, metrics, resume.
//
//   class MyObjective : public Objective { ... forward, loss, backward of one step's batch ... };
//   Trainer trainer(model, objective, settings, folder, progress);
//   TrainResult result = trainer.run();      // resumes from folder/state/checkpoint.bin if that stands
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/model/transformer.h"
#include "loam/train/guard.h"
#include "loam/train/muon.h"
#include "loam/train/schedule.h"

namespace loam {

/// What one step's batch gave.
struct StepLoss {
  double loss = 0;     ///< nats a counted token (or row), mean
  int64_t tokens = 0;  ///< that went through the model
};

/// What is learnt: the data and the loss. The same step gives the same batch, whatever came before.
class Objective {
 public:
  virtual ~Objective() = default;
  /// Forward and backward over the batch of `step` (0-based): adds into model.params().gradients(), which are zero.
  virtual StepLoss accumulate(Transformer& model, int64_t step) = 0;
  /// Members for metrics.jsonl ("val_loss", "bits_per_byte", "accuracy"...); an empty object if there is nothing to
  /// evaluate on. Must not change the model.
  virtual Json evaluate(Transformer& model) = 0;
  /// The member of evaluate() that chooses the best checkpoint, and whether more is better; "" keeps none.
  virtual std::string best_metric() const { return ""; }
  virtual bool higher_is_better() const { return false; }
  /// A line to show now and then (a sample of the model's text); "" for none.
  virtual std::string sample(Transformer& /*model*/) { return ""; }
  /// Where the batch of `step` came from, for the record of a step gone wrong.
  virtual Json origin(int64_t /*step*/) const { return nullptr; }
  /// FLOP of a training step over `tokens`, for the share of the machine's peak.
  virtual double flops(const Transformer& model, int64_t tokens) const = 0;
};

struct TrainSettings {
  Schedule schedule;
  double beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8;
  double weight_decay = 0.1;  ///< on matrices
  bool muon = false;          ///< the matrices of the layers by Muon, the rest by AdamW
  double muon_momentum = 0.95;
  double embedding_rate = 1;  ///< of the table of tokens (which may be the head too), times the schedule's
  double clip = 1.0;          ///< largest gradient norm; 0: none
  int64_t eval_every = 0;     ///< steps; 0: never
  int64_t log_every = 1;      ///< steps between lines of metrics.jsonl; 0: only evaluations
  int64_t sample_every = 0;   ///< steps; 0: never
  double save_minutes = 5;    ///< between checkpoints
  /// Seconds of training; when the machine turns out slower than planned, the cooldown begins earlier so that it ends
  /// in time. 0: as many steps as the schedule has, however long they take.
  double budget_seconds = 0;
  /// Stop after this many evaluations without a better one; 0: never.
  int64_t patience = 0;
  /// Leave out steps whose loss or gradient is far from what it was (see Guard), and go back to the last snapshot, at
  /// half the rate, when that does not end it. Steps that are not finite are left out in any case.
  bool watch_spikes = false;
  /// Steps between snapshots to go back to, state/snapshot.bin; 0: none. They are made at steps that no clock chooses, so
  /// that going back gives the same weights in a run that was killed and taken up again.
  int64_t snapshot_every = 0;
  /// Ends as if stopped from outside once this many steps are done; 0: never. For proving that a resumed run is the same.
  int64_t stop_at = 0;
  /// More for the progress line: "" or text that begins with " | ". `loss` is the running mean over about 50 steps.
  std::function<std::string(int64_t step, int64_t steps, double loss)> remark;
  /// Called with each step's gradients before they are looked at: faults, for tests of what keeps a run alive.
  std::function<void(int64_t step, Vec gradients)> disturb;
};

struct TrainResult {
  int64_t step = 0;          ///< steps done
  double seconds = 0;        ///< of training, over all resumes
  int64_t tokens = 0;
  double loss = 0;           ///< mean over the last steps
  std::optional<double> best;///< of the best metric
  int64_t best_step = 0;
  Json last_evaluation = Json::object();
  Schedule schedule;         ///< as it was in the end
  bool shortened = false;    ///< the cooldown began early
  int64_t skipped = 0;       ///< steps left out as not sane
  int64_t rollbacks = 0;     ///< times the weights went back to a snapshot
  double rate_scale = 1;     ///< of the learning rate, halved at each
};

class Trainer {
 public:
  /// `folder` gets metrics.jsonl and state/. The model's parameters are allocated with gradients, and hold the start.
  Trainer(Transformer& model, Objective& objective, const TrainSettings& settings, const std::filesystem::path& folder, Progress& progress);

  /// Runs to the end; the model then holds the final weights, or the best ones if the objective names a metric.
  /// Throws Error{interrupted} on Ctrl-C or SIGTERM, after saving; Error{internal} if the loss stays not finite.
  TrainResult run();

  /// Bytes the optimizer's state takes beside parameters and gradients.
  static int64_t state_bytes(const ParamSet& params, bool keeps_best);

 private:
  bool resume();
  Json facts() const;
  void restore_facts(const Json& facts);
  void save(const char* name);
  void save_in_time();
  void truncate_log(const char* name, int64_t step) const;
  double optimizer_step(double rate, double gradient_norm);
  bool step_is_sane(const StepLoss& loss, double norm, double rate);
  void go_back();
  void snapshot_if_due();
  void begin_cooldown(int64_t steps, const char* why);
  void maybe_shorten();
  void remember_best(const Json& evaluation);
  bool keeps_best() const { return !objective_.best_metric().empty(); }

  Transformer& model_;
  Objective& objective_;
  TrainSettings settings_;
  std::filesystem::path folder_;
  Progress& progress_;
  Buffer m_, v_, best_;
  TrainResult state_;
  Guard guard_;
  std::optional<Muon> muon_;
  double recent_step_seconds_ = 0, last_save_ = 0;
  int64_t steps_here_ = 0;  ///< by this process
  int64_t evaluations_since_best_ = 0;
};

}  // namespace loam
