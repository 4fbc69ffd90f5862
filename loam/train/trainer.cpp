#include "loam/train/trainer.h"

#include <fmt/format.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/train/checkpoint.h"

namespace loam {
namespace {

constexpr int64_t kMostNotFinite = 20;  // steps in a row that may be skipped before the run gives up

fs::path checkpoint_file(const fs::path& folder) { return folder / "state" / "checkpoint.bin"; }

}  // namespace

Trainer::Trainer(Transformer& model, Objective& objective, const TrainSettings& settings, const fs::path& folder, Progress& progress)
    : model_(model), objective_(objective), settings_(settings), folder_(folder), progress_(progress) {
  settings_.schedule.validate();
  const int64_t n = model_.params().size();
  m_ = model_.backend().allocate(n);
  v_ = model_.backend().allocate(n);
  if (keeps_best()) best_ = model_.backend().allocate(n);
  state_.schedule = settings_.schedule;
}

int64_t Trainer::state_bytes(const ParamSet& params, bool keeps_best) { return 4 * params.size() * (keeps_best ? 3 : 2); }

void Trainer::truncate_metrics(int64_t step) const {
  const fs::path file = folder_ / "metrics.jsonl";
  if (!fs::exists(file)) return;
  const std::string text = read_file(file);
  std::string kept;
  for (size_t at = 0; at < text.size();) {
    const size_t end = text.find('\n', at);
    if (end == std::string::npos) break;  // a line cut by a kill
    const std::string line = text.substr(at, end - at);
    at = end + 1;
    const Json row = Json::parse(line, nullptr, false);
    if (row.is_object() && row.value("step", int64_t{0}) <= step && row.contains("step")) kept += line + "\n";
  }
  write_file(file, kept);
}

bool Trainer::resume() {
  const int64_t n = model_.params().size();
  const TrainState arrays{model_.params().values(), Vec(m_.floats(), n), Vec(v_.floats(), n), keeps_best() ? Vec(best_.floats(), n) : Vec(), {}};
  const auto facts = load_checkpoint(checkpoint_file(folder_), model_.backend(), arrays);
  if (!facts) {
    truncate_metrics(0);
    return false;
  }
  state_.step = get_int(*facts, "step");
  state_.seconds = get_number(*facts, "seconds");
  state_.tokens = get_int(*facts, "tokens");
  state_.loss = get_number(*facts, "loss", 0.0);
  state_.schedule.steps = get_int(*facts, "steps");
  state_.schedule.cooldown = get_int(*facts, "cooldown");
  state_.shortened = get_bool(*facts, "shortened");
  state_.best_step = get_int(*facts, "best_step");
  if (facts->contains("best") && facts->at("best").is_number()) state_.best = facts->at("best").get<double>();
  state_.last_evaluation = facts->value("last_evaluation", Json::object());
  not_finite_ = get_int(*facts, "not_finite");
  evaluations_since_best_ = get_int(*facts, "since_best");
  truncate_metrics(state_.step);
  progress_.note(fmt::format("resuming at step {} of {}", with_commas(state_.step), with_commas(state_.schedule.steps)));
  return true;
}

void Trainer::save() {
  const int64_t n = model_.params().size();
  Json facts = {{"step", state_.step},           {"seconds", state_.seconds},
                {"tokens", state_.tokens},       {"loss", state_.loss},
                {"steps", state_.schedule.steps},{"cooldown", state_.schedule.cooldown},
                {"shortened", state_.shortened}, {"best_step", state_.best_step},
                {"best", state_.best ? Json(*state_.best) : Json(nullptr)},
                {"last_evaluation", state_.last_evaluation},
                {"not_finite", not_finite_},     {"since_best", evaluations_since_best_}};
  save_checkpoint(checkpoint_file(folder_), model_.backend(),
                  {model_.params().values(), Vec(m_.floats(), n), Vec(v_.floats(), n), keeps_best() ? Vec(best_.floats(), n) : Vec(), std::move(facts)});
}

double Trainer::optimizer_step(double rate, double norm) {
  const ParamSet& params = model_.params();
  AdamWStep s;
  s.rate = static_cast<float>(rate);
  s.beta1 = static_cast<float>(settings_.beta1);
  s.beta2 = static_cast<float>(settings_.beta2);
  s.epsilon = static_cast<float>(settings_.epsilon);
  // Steps that were skipped do not count: the moments did not see them either.
  const auto t = static_cast<double>(state_.step + 1);
  s.correction1 = static_cast<float>(1.0 - std::pow(settings_.beta1, t));
  s.correction2 = static_cast<float>(1.0 - std::pow(settings_.beta2, t));
  s.gradient_scale = settings_.clip > 0 && norm > settings_.clip ? static_cast<float>(settings_.clip / norm) : 1.0f;
  // Neighbours in the flat array that decay alike go in one call.
  const auto& all = params.all();
  const float *g = params.gradients().data;
  float *w = params.values().data, *m = m_.floats(), *v = v_.floats();
  for (size_t i = 0; i < all.size();) {
    size_t j = i + 1;
    while (j < all.size() && all[j].decays == all[i].decays) ++j;
    const int64_t begin = all[i].offset, size = (j < all.size() ? all[j].offset : params.size()) - begin;
    s.decay = all[i].decays ? static_cast<float>(settings_.weight_decay) : 0.0f;
    model_.backend().optimizer().adamw({w + begin, size}, {m + begin, size}, {v + begin, size}, {g + begin, size}, s);
    i = j;
  }
  return static_cast<double>(s.gradient_scale);
}

void Trainer::maybe_shorten() {
  Schedule& s = state_.schedule;
  if (settings_.budget_seconds <= 0 || recent_step_seconds_ <= 0 || state_.step >= s.cooldown_begins()) return;
  const double left = settings_.budget_seconds - state_.seconds;
  const auto fits = static_cast<int64_t>(left / recent_step_seconds_);
  // Some slack: a short disturbance is no reason to end early.
  if (static_cast<double>(s.steps - state_.step) * recent_step_seconds_ <= left + 0.03 * settings_.budget_seconds) return;
  if (fits > s.cooldown) return;  // the constant part only gets shorter; what it becomes is settled when it ends
  s.cooldown = std::max<int64_t>(1, std::min(s.cooldown, fits));
  s.steps = state_.step + s.cooldown;
  state_.shortened = true;
  progress_.warn(fmt::format("this machine is slower than planned: the cooldown begins at step {}; to repeat this run: --steps {} --cooldown-steps {}", with_commas(state_.step), s.steps,
                             s.cooldown));
}

void Trainer::remember_best(const Json& evaluation) {
  if (!keeps_best() || !evaluation.contains(objective_.best_metric())) return;
  const double value = evaluation.at(objective_.best_metric()).get<double>();
  const bool better = !state_.best || (objective_.higher_is_better() ? value > *state_.best : value < *state_.best);
  ++evaluations_since_best_;
  if (!better || !std::isfinite(value)) return;
  evaluations_since_best_ = 0;
  state_.best = value;
  state_.best_step = state_.step;
  const int64_t n = model_.params().size();
  model_.backend().elementwise().copy(Mat(best_.floats(), 1, n), ConstMat(model_.params().values().data, 1, n));
}

TrainResult Trainer::run() {
  const Backend& backend = model_.backend();
  resume();
  LineLog metrics(folder_ / "metrics.jsonl");
  const double peak = backend.peak_flops();
  // SIGKILL must not lose more than save_minutes, whatever a step takes.
  double last_save = seconds_now(), mark = seconds_now(), marked_seconds = state_.seconds;
  while (state_.step < state_.schedule.steps) {
    if (stop_requested()) {
      save();
      fail_interrupted("stopped on request at step ", state_.step, " of ", state_.schedule.steps, "; the same command goes on from there");
    }
    const double step_began = seconds_now();
    backend.elementwise().fill(model_.params().gradients(), 0.0f);
    const StepLoss step_loss = objective_.accumulate(model_, state_.step);
    const double norm = std::sqrt(backend.optimizer().sum_of_squares(model_.params().gradients()));
    const double rate = state_.schedule.rate(state_.step);
    const bool finite = std::isfinite(step_loss.loss) && std::isfinite(norm);
    if (finite) {
      optimizer_step(rate, norm);
      not_finite_ = 0;
    } else if (++not_finite_ >= kMostNotFinite) {
      // The checkpoint before it still stands: it is not overwritten by weights that lead nowhere.
      fail(ErrorKind::internal, "the loss was not finite in ", kMostNotFinite, " steps in a row, up to step ", state_.step, "; try a lower --lr (now ", rate, ") or --clip 0.5");
    } else {
      progress_.warn(fmt::format("step {}: loss {} and gradient norm {} are not finite; the update is left out", state_.step + 1, step_loss.loss, norm));
    }
    ++state_.step;
    state_.tokens += step_loss.tokens;
    const double now = seconds_now();
    state_.seconds = marked_seconds + (now - mark);
    const double took = now - step_began;
    recent_step_seconds_ = recent_step_seconds_ == 0 ? took : 0.95 * recent_step_seconds_ + 0.05 * took;
    if (finite) state_.loss = state_.loss == 0 ? step_loss.loss : 0.98 * state_.loss + 0.02 * step_loss.loss;
    const double tokens_per_s = static_cast<double>(step_loss.tokens) / took;
    const double utilization = objective_.flops(model_, step_loss.tokens) / took / peak;
    const bool last = state_.step == state_.schedule.steps;

    const bool evaluates = settings_.eval_every > 0 && (state_.step % settings_.eval_every == 0 || last);
    const bool logs = settings_.log_every > 0 && (state_.step % settings_.log_every == 0 || last || state_.step == 1);
    const bool due = seconds_now() - last_save >= settings_.save_minutes * 60.0;
    Json row;
    if (logs || evaluates) {
      row = {{"step", state_.step},
             {"tokens", state_.tokens},
             {"seconds", state_.seconds},
             {"loss", finite ? Json(step_loss.loss) : Json(nullptr)},
             {"lr", rate},
             {"grad_norm", std::isfinite(norm) ? Json(norm) : Json(nullptr)},
             {"tokens_per_s", tokens_per_s},
             {"flops_utilization", utilization}};
    }
    if (evaluates) {
      state_.last_evaluation = objective_.evaluate(model_);
      for (const auto& [key, value] : state_.last_evaluation.items()) row[key] = value;
      remember_best(state_.last_evaluation);
    }
    std::string sample;
    if (settings_.sample_every > 0 && (state_.step % settings_.sample_every == 0 || last)) {
      sample = objective_.sample(model_);
      if (row.is_null()) row = {{"step", state_.step}, {"tokens", state_.tokens}, {"seconds", state_.seconds}};
      row["sample"] = sample;
    }
    if (!row.is_null()) metrics.append(to_line(row));
    const double left = static_cast<double>(state_.schedule.steps - state_.step) * recent_step_seconds_;
    const std::string line = fmt::format("step {:>6}/{} | loss {:.4f} | grad {:.2f} | lr {:.2e} | {} tok/s | {:.0f} % of peak | {} left", state_.step, state_.schedule.steps,
                                         step_loss.loss, norm, rate, human_count(tokens_per_s), 100.0 * utilization, human_time(left));
    progress_.status(line);
    if (evaluates && !state_.last_evaluation.empty()) {
      std::string text = fmt::format("step {:>6}/{} | loss {:.4f}", state_.step, state_.schedule.steps, state_.loss);
      for (const auto& [key, value] : state_.last_evaluation.items()) {
        if (value.is_number()) text += fmt::format(" | {} {:.4f}", key, value.get<double>());
      }
      progress_.note(text + fmt::format(" | {}", human_time(state_.seconds)));
    }
    if (!sample.empty()) progress_.note("        " + sample);
    if (settings_.patience > 0 && evaluates && evaluations_since_best_ >= settings_.patience && !last) {
      progress_.note(fmt::format("no better {} in {} evaluations: ending at step {}", objective_.best_metric(), settings_.patience, state_.step));
      state_.schedule.steps = state_.step;
    }
    maybe_shorten();
    if (due && !last) {
      save();
      last_save = seconds_now();
    }
  }
  if (keeps_best() && state_.best) {
    const int64_t n = model_.params().size();
    backend.elementwise().copy(Mat(model_.params().values().data, 1, n), ConstMat(best_.floats(), 1, n));
  }
  return state_;
}

}  // namespace loam
