#include "loam/stages/finetune/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {

void refuse_finished(const fs::path& out, const FinetuneRun& run) {
  if (is_artifact(out) && !run.force) ArtifactWriter(out, "model", Json::object(), {}, false);  // its constructor says why
}

void note_data(const DataSummary& summary, int64_t rows, Progress& progress) {
  for (const auto& line : summary.described) progress.note(line);
  progress.note(fmt::format("{} rows", with_commas(rows)));
  if (summary.skipped > 0) progress.warn(fmt::format("{} rows are skipped; the first: {}", with_commas(summary.skipped), summary.first_fault));
  if (summary.redecoded > 0) progress.note(fmt::format("{} rows were not UTF-8 and were read as Windows-1252", with_commas(summary.redecoded)));
}

Validation parse_validation(const std::string& val) {
  char* end = nullptr;
  const double share = std::strtod(val.c_str(), &end);
  if (!val.empty() && *end == '\0') {
    require(share >= 0 && share < 1, "--val ", val, ": a share of the rows is in [0, 1); or give a file");
    return {share, ""};
  }
  require(!val.empty(), "--val is empty; wanted a share such as 0.1, or a file");
  return {0, val};
}

double default_tuning_rate(const ModelConfig& config) { return 0.08 / static_cast<double>(config.channels); }

double median_seconds(int times, const std::function<void()>& call) {
  call();
  std::vector<double> took;
  for (int i = 0; i < times; ++i) {
    const double began = seconds_now();
    call();
    took.push_back(seconds_now() - began);
  }
  std::sort(took.begin(), took.end());
  return took[took.size() / 2];
}

TuningLength settle_length(const LengthRequest& request, const fs::path& state, Progress& progress) {
  const fs::path file = state / "plan.json";
  if (fs::exists(file)) {
    const Json plan = read_json(file);
    return {get_int(plan, "steps"), get_int(plan, "eval_every")};
  }
  const double epochs = request.epochs.value_or(request.minutes ? 20.0 : request.default_epochs);
  require(epochs > 0, "--epochs ", epochs, " must be more than 0");
  require(!request.minutes || *request.minutes > 0, "--minutes must be more than 0");
  TuningLength out;
  out.steps = request.steps(epochs);
  const int64_t an_epoch = request.steps(1.0);
  out.eval_every = request.eval_every.value_or(std::max<int64_t>(1, an_epoch / request.evaluations_an_epoch));
  if (request.minutes) {
    const double step = request.step_seconds(), evaluation = out.eval_every > 0 ? request.evaluation_seconds() : 0;
    const double budget = 60 * *request.minutes * 0.97;  // the rest is for loading and writing
    // Evaluations take a sixth of the time at most.
    if (!request.eval_every) out.eval_every = std::max(out.eval_every, static_cast<int64_t>(std::ceil(5 * evaluation / step)));
    const double with_evaluation = step + (out.eval_every > 0 ? evaluation / static_cast<double>(out.eval_every) : 0);
    const auto fits = std::max<int64_t>(1, static_cast<int64_t>((budget - evaluation) / with_evaluation));
    out.steps = std::min(out.steps, fits);
    progress.note(fmt::format("a step takes {:.2f} s and an evaluation {:.1f} s here: {} steps ({:.1f} epochs) in {:.1f} minutes", step, evaluation, with_commas(out.steps),
                              static_cast<double>(out.steps) / static_cast<double>(an_epoch), static_cast<double>(out.steps) * with_evaluation / 60));
  }
  make_folder(state);
  write_file(file, to_pretty({{"steps", out.steps}, {"eval_every", out.eval_every}}));
  return out;
}

Schedule tuning_schedule(double peak, int64_t steps) {
  Schedule s;
  s.peak = peak;
  s.steps = steps;
  s.warmup = std::min<int64_t>(steps / 2, (steps * 6 + 99) / 100);
  s.cooldown = std::min<int64_t>(steps - s.warmup, steps * 7 / 10);
  return s;
}

void warn_if_unjudged(double validation_share, int64_t validation, double test_share, int64_t held_out, Progress& progress) {
  const bool no_choice = validation_share > 0 && validation == 0, no_test = test_share > 0 && held_out == 0;
  if (!no_choice && !no_test) return;
  progress.warn(fmt::format("no row is left {}{}{}: there are too few, or they are near duplicates of one another, which stay on one side (--near-duplicate 2 parts all but equal ones; --val takes a file)",
                            no_choice ? "to choose the best checkpoint by" : "", no_choice && no_test ? ", nor " : "", no_test ? "to judge the model by" : ""));
}

std::string best_text(const TrainResult& training, const std::string& metric) {
  return training.best ? fmt::format("Best checkpoint by {}: step {}.", metric, with_commas(training.best_step)) : "The last step's weights.";
}

std::string file_names(const std::vector<std::string>& paths) {
  std::string out;
  for (const std::string& path : paths) {
    const fs::path whole = fs::path(path).lexically_normal();
    out += (out.empty() ? "`" : ", `") + (whole.has_filename() ? whole.filename() : whole.parent_path().filename()).string() + "`";
  }
  return out;
}

std::string percent_text(double value, double low, double high) { return fmt::format("{:.1f} % ({:.1f} to {:.1f})", 100 * value, 100 * low, 100 * high); }

}  // namespace loam
