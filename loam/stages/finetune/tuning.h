// What both kinds of tuning do around the training loop: lengths, rates, notes about data, cards.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/model/config.h"
#include "loam/train/trainer.h"

namespace loam {

struct FinetuneRun {
  uint64_t seed = 1234;
  bool force = false;
};

/// Throws Error{usage} naming --force if `out` is finished; before any work is done.
void refuse_finished(const std::filesystem::path& out, const FinetuneRun& run);

/// Says what was loaded, line by line, and warns of skipped rows.
void note_data(const DataSummary& summary, int64_t rows, Progress& progress);

/// "0.1" is a share of the rows, anything else a file of its own.
struct Validation {
  double share = 0;
  std::string file;
};
Validation parse_validation(const std::string& val);

/// Highest learning rate where none is given: 0.08 / C, which suits full tuning of models of 1M to 1B parameters.
double default_tuning_rate(const ModelConfig& config);

/// How long a tuning is, settled once and written to state/plan.json, so that a resumed run has the same.
struct TuningLength {
  int64_t steps = 1, eval_every = 0;
};
struct LengthRequest {
  std::optional<double> epochs, minutes;
  std::optional<int64_t> eval_every;
  double default_epochs = 3;
  int64_t evaluations_an_epoch = 4;              ///< where eval_every is not given
  std::function<int64_t(double epochs)> steps;   ///< in so many epochs
  std::function<double()> step_seconds;          ///< times a few steps; asked for only with minutes
  std::function<double()> evaluation_seconds;    ///< times one evaluation
};
/// With minutes, as many steps as fit beside the evaluations, at most `epochs` (20 if none are given).
TuningLength settle_length(const LengthRequest& request, const std::filesystem::path& state, Progress& progress);

/// Linear warm-up over 6 %, then constant, then linear decay over the last 70 % of the steps.
Schedule tuning_schedule(double peak, int64_t steps);

/// Seconds a call takes, the median of `times` calls after a first one that does not count.
double median_seconds(int times, const std::function<void()>& call);

/// Warns if rows to choose by or to be judged by were asked for and the split has none: all rows of a label in one or two
/// groups of near duplicates, as in a table made from a template, or too few rows.
void warn_if_unjudged(double validation_share, int64_t validation, double test_share, int64_t held_out, Progress& progress);

/// For a model card: which step's weights these are.
std::string best_text(const TrainResult& training, const std::string& metric);

/// The last parts of the paths, for a model card: "`mails`, `more.csv`"; a card names no folder of one machine.
std::string file_names(const std::vector<std::string>& paths);

/// A markdown table row's worth of "97.3 % (95.8 to 98.4)".
std::string percent_text(double value, double low, double high);

}  // namespace loam
