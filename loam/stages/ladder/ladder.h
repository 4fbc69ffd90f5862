// A family of small models to a scaling law, and the law put to the test: the loss of the next size is foretold and
// written down, then that size is trained.
//
//   LadderConfig config;  config.minutes = 30;
//   LadderReport report = ladder(config, "run/tokens", trainer, "run/ladder", seed, force, progress);
//
// The room trains nothing itself: a LadderTrainer does, which is `loam pretrain` in the program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/progress.h"
#include "loam/metrics/scaling_law.h"
#include "loam/model/config.h"

namespace loam {

struct LadderConfig {
  std::optional<double> minutes, ratio;
  std::vector<std::string> rungs, lengths;
  std::string target, family = "llama", optimizer = "muon";
  int64_t context = 256;
  std::optional<int64_t> batch;
  double save_minutes = 5;

  static void fields(auto&& f) {
    f("minutes", &LadderConfig::minutes, "minutes for all of it: sizes and lengths are fitted to this machine");
    f("rungs", &LadderConfig::rungs, "sizes to fit the law to, layers x channels: 2x64,3x96,4x128");
    f("target", &LadderConfig::target, "size to foretell, then train; by default the next after the last rung");
    f("ratio", &LadderConfig::ratio, "tokens a parameter of the longest runs [20, or what --minutes allow]");
    f("lengths", &LadderConfig::lengths, "shares of that length each rung is also trained for [0.25,0.5,1]");
    f("family", &LadderConfig::family, "shape: llama, gpt2 or loam");
    f("optimizer", &LadderConfig::optimizer, "muon, as loam pretrain takes for the shapes it chooses, or adamw");
    f("context", &LadderConfig::context, "tokens a sequence");
    f("batch", &LadderConfig::batch, "sequences a step; by default from the length of each run, as loam pretrain does");
    f("save_minutes", &LadderConfig::save_minutes, "minutes between checkpoints");
  }
  void validate() const;
};

/// "3x96". Throws Error{usage} naming `flag`.
ModelSize parse_size(const std::string& text, const char* flag);

/// What one size costs.
struct SizeFacts {
  int64_t parameters = 0;      ///< N: of the matrix products, the head with them
  double flops_per_token = 0;  ///< forward and backward
};

/// What a finished run gave.
struct RungResult {
  double loss = 0;             ///< held out, nats a token, after the cooldown
  std::optional<double> bits_per_byte = {};
  int64_t tokens = 0, steps = 0, batch = 0;
  double seconds = 0;          ///< of training
  std::string content;         ///< of the model's artifact
};

/// Who trains the rungs.
class LadderTrainer {
 public:
  virtual ~LadderTrainer() = default;
  virtual SizeFacts facts(const ModelSize& size) = 0;
  /// Tokens a second this machine reaches with that size, by timing a few steps.
  virtual double tokens_per_s(const ModelSize& size) = 0;
  virtual int64_t train_tokens() const = 0;       ///< of the training text
  virtual int64_t validation_tokens() const = 0;  ///< of the held-out text; 0: none
  /// A run of `tokens` tokens in the folder `out`: resumed if begun, only read if finished. Throws Error{interrupted}
  /// after saving.
  virtual RungResult train(const ModelSize& size, int64_t tokens, const std::filesystem::path& out, Progress& progress) = 0;
};

/// One run of the ladder, planned.
struct PlannedRung {
  ModelSize size;
  double share = 1;    ///< of the full length
  int64_t tokens = 0;
  bool is_target = false;
  std::string name() const;  ///< "3x96-0.25": its folder below rungs/
};

struct LadderPlan {
  std::vector<PlannedRung> runs;  ///< small to large, the target last
  double ratio = 0;
  double seconds = 0;             ///< expected for all of it; 0: not timed
};

/// Which runs there will be. With minutes it times sizes on this machine. Throws Error{usage} where the flags do not
/// fit together.
LadderPlan plan_ladder(const LadderConfig& config, LadderTrainer& trainer, Progress& progress);

struct LadderRow {
  PlannedRung rung;
  ScalingRow at;       ///< loss: the truth
  RungResult result;
  double fitted = 0;   ///< the first law's loss here
};

struct LadderReport {
  Artifact artifact;
  LadderPlan plan;
  std::vector<LadderRow> rows;  ///< the target last
  ScalingLaw law;               ///< of the rungs alone: what the prediction came from
  ScalingLaw whole;             ///< with the target too: for runs to come
  LossBand prediction;
  double truth = 0, error = 0;  ///< error: prediction / truth - 1
  std::vector<std::string> table() const;
};

/// Plans, trains the rungs that are not finished, fits, writes prediction.json and shows it, trains the target, and writes
/// ladder.json and ladder.md: an artifact of kind "scores". `tokens`: the artifact trained on.
LadderReport ladder(const LadderConfig& config, const Artifact& tokens, LadderTrainer& trainer, const std::filesystem::path& out, uint64_t seed, bool force, Progress& progress);

/// How the smoothed training loss stands above the final held-out loss on the way, over finished runs: log ratios at
/// shares 1/20, 2/20, ... 1 of the steps. From metrics.jsonl of each run.
struct LossCourse {
  std::vector<double> share, mean, deviation;
};
LossCourse loss_course(const std::vector<std::filesystem::path>& runs, const std::vector<double>& final_losses);

}  // namespace loam
