// "Is my loss normal?": what a ladder of small runs says a run's loss should be, at its end and on the way.
//
//   const ExpectedLoss expected = ExpectedLoss::of("run/ladder", tokens, plan, notes);
//   expected.band(all_tokens);                   // the final held-out loss, with its 95 % interval
//   expected.remark(step, steps, smoothed_loss); // for the progress line
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/tokens.h"
#include "loam/metrics/scaling_law.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {

class ExpectedLoss {
 public:
  /// Reads ladder.json of a finished ladder. `notes` gets a line for each way in which the run is unlike the ladder's: far
  /// beyond its sizes, another context or family. Throws Error{input}: no ladder, a malformed one, or one of other tokens,
  /// whose losses are not comparable; Error{usage} with --init, of which no ladder of fresh models can speak.
  static ExpectedLoss of(const std::filesystem::path& ladder, const TokenSet& tokens, const PretrainPlan& plan, bool from_weights, std::vector<std::string>& notes);

  /// Of the held-out loss after `tokens` tokens and the cooldown.
  LossBand band(double tokens) const;
  /// What the smoothed training loss should be once `share` of the steps are done; none before the ladder can tell.
  std::optional<LossBand> on_the_way(double share) const;
  /// " | expect 3.21 (3.15 to 3.27), normal": for the progress line. `loss` is a running mean over about 50 steps.
  std::string remark(int64_t step, int64_t steps, double loss) const;
  /// The end of a run: expected, band, and where its held-out loss came to lie.
  std::string verdict(double tokens, double loss) const;
  Json json(double tokens, double loss) const;

 private:
  ScalingLaw law_;
  ScalingRow run_;  ///< parameters, tokens and operations as planned
  LossBand end_;    ///< at the planned end
  std::vector<double> share_, mean_, deviation_;
};

}  // namespace loam
