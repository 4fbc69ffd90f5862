#include "loam/train/trainer.h"

#include <fmt/format.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/train/checkpoint.h"
#include "loam/train/incident.h"

namespace loam {
namespace {

constexpr int64_t kMostBad = 20;        // steps in a row that may be left out before the run gives up
constexpr int64_t kBadBeforeReturn = 3;  // and before it goes back to a snapshot
constexpr int64_t kMostReturns = 12;    // a rate halved so often is not what is wrong
constexpr int64_t kCalm = 5;            // sane steps in a row before a snapshot is made

// checkpoint.bin: made by the clock, or when the run is stopped. snapshot.bin: made at steps that no clock chooses; a run
// goes back to it when its weights are lost. A killed run goes on from the later of the two.
constexpr const char* kCheckpoint = "checkpoint.bin";
constexpr const char* kSnapshot = "snapshot.bin";

fs::path state_file(const fs::path& folder, const char* name) { return folder / "state" / name; }

}  // namespace

Trainer::Trainer(Transformer& model, Objective& objective, const TrainSettings& settings, const fs::path& folder, Progress& progress)
    : model_(model), objective_(objective), settings_(settings), folder_(folder), progress_(progress) {
  settings_.schedule.validate();
  const int64_t n = model_.params().size();
  m_ = model_.backend().allocate(n);
  v_ = model_.backend().allocate(n);
  if (keeps_best()) best_ = model_.backend().allocate(n);
  if (settings_.muon) muon_.emplace(model_.params(), model_.backend());
  state_.schedule = settings_.schedule;
}

int64_t Trainer::state_bytes(const ParamSet& params, bool keeps_best) { return 4 * params.size() * (keeps_best ? 3 : 2); }

void Trainer::truncate_log(const char* name, int64_t step) const {
  const fs::path file = folder_ / name;
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

Json Trainer::facts() const {
  return {{"step", state_.step},
          {"seconds", state_.seconds},
          {"tokens", state_.tokens},
          {"loss", state_.loss},
          {"steps", state_.schedule.steps},
          {"cooldown", state_.schedule.cooldown},
          {"shortened", state_.shortened},
          {"best_step", state_.best_step},
          {"best", state_.best ? Json(*state_.best) : Json(nullptr)},
          {"last_evaluation", state_.last_evaluation},
          {"since_best", evaluations_since_best_},
          {"skipped", state_.skipped},
          {"rollbacks", state_.rollbacks},
          {"rate_scale", state_.rate_scale},
          {"guard", guard_.state()}};
}

void Trainer::restore_facts(const Json& facts) {
  state_.step = get_int(facts, "step");
  state_.seconds = get_number(facts, "seconds");
  state_.tokens = get_int(facts, "tokens");
  state_.loss = get_number(facts, "loss", 0.0);
  state_.schedule.steps = get_int(facts, "steps");
  state_.schedule.cooldown = get_int(facts, "cooldown");
  state_.shortened = get_bool(facts, "shortened");
  state_.best_step = get_int(facts, "best_step");
  state_.best = facts.at("best").is_number() ? std::optional(facts.at("best").get<double>()) : std::nullopt;
  state_.last_evaluation = facts.value("last_evaluation", Json::object());
  evaluations_since_best_ = get_int(facts, "since_best");
  state_.skipped = get_int(facts, "skipped");
  state_.rollbacks = get_int(facts, "rollbacks");
  state_.rate_scale = get_number(facts, "rate_scale");
  guard_.restore(facts.at("guard"));
}

bool Trainer::resume() {
  const int64_t n = model_.params().size();
  const TrainState arrays{model_.params().values(), Vec(m_.floats(), n), Vec(v_.floats(), n), keeps_best() ? Vec(best_.floats(), n) : Vec(), {}};
  const fs::path checkpoint = state_file(folder_, kCheckpoint), snapshot = state_file(folder_, kSnapshot);
  const int64_t timed = checkpoint_step(checkpoint), fixed = checkpoint_step(snapshot);
  if (timed < 0 && fixed <= 0) {
    truncate_log("metrics.jsonl", 0);
    truncate_log("incidents.jsonl", 0);
    return false;
  }
  restore_facts(*load_checkpoint(timed >= fixed ? checkpoint : snapshot, model_.backend(), arrays));
  truncate_log("metrics.jsonl", state_.step);
  truncate_log("incidents.jsonl", state_.step);
  progress_.note(fmt::format("resuming at step {} of {}", with_commas(state_.step), with_commas(state_.schedule.steps)));
  return true;
}

void Trainer::save(const char* name) {
  const int64_t n = model_.params().size();
  save_checkpoint(state_file(folder_, name), model_.backend(),
                  {model_.params().values(), Vec(m_.floats(), n), Vec(v_.floats(), n), keeps_best() ? Vec(best_.floats(), n) : Vec(), facts()});
  last_save_ = seconds_now();
}

void Trainer::save_in_time() {
  try {
    save(kCheckpoint);
  } catch (const Error& e) {
    // A full disk is no reason to lose the run: the checkpoint before still stands, and space may be made meanwhile.
    if (e.kind() != ErrorKind::io) throw;
    progress_.warn(cat("this checkpoint could not be written, the one before still stands: ", e.what()));
    last_save_ = seconds_now() - 0.8 * settings_.save_minutes * 60.0;
  }
}

void Trainer::snapshot_if_due() {
  const bool due = settings_.snapshot_every > 0 && state_.step % settings_.snapshot_every == 0 && state_.step < state_.schedule.steps;
  if (!due || (state_.step > 0 && (guard_.fine_in_a_row() < kCalm || guard_.diverged()))) return;
  try {
    save(kSnapshot);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::io) throw;
    progress_.warn(cat("this snapshot could not be written, the one before still stands: ", e.what()));
  }
}

void Trainer::go_back() {
  const fs::path snapshot = state_file(folder_, kSnapshot);
  const int64_t n = model_.params().size();
  // The best weights so far stay: what went wrong came after them.
  const Buffer aside = keeps_best() ? model_.backend().allocate(n) : Buffer();
  const auto before = load_checkpoint(snapshot, model_.backend(), {model_.params().values(), Vec(m_.floats(), n), Vec(v_.floats(), n), keeps_best() ? Vec(aside.floats(), n) : Vec(), {}});
  guard_.restore(before->at("guard"));
  guard_.forget_streak();
  ++state_.rollbacks;
  state_.rate_scale *= 0.5;
  progress_.warn(fmt::format("step {}: back to the weights of step {}, at {:.3g} times the learning rate; the text goes on from here", state_.step + 1, get_int(*before, "step"),
                             state_.rate_scale));
}

bool Trainer::step_is_sane(const StepLoss& loss, double norm, double rate) {
  const Guard::Verdict verdict = guard_.look(loss.loss, norm);
  const bool spike = verdict.kind == Guard::Kind::loss_spike || verdict.kind == Guard::Kind::gradient_spike;
  const bool may_return = state_.rollbacks < kMostReturns && checkpoint_step(state_file(folder_, kSnapshot)) >= 0;
  const bool led_away = settings_.watch_spikes && may_return && verdict.kind == Guard::Kind::fine && guard_.diverged();
  if (!led_away && (verdict.kind == Guard::Kind::fine || (spike && !settings_.watch_spikes))) return true;
  ++state_.skipped;
  const bool returns = may_return && (led_away || guard_.bad_in_a_row() >= kBadBeforeReturn);
  const char* what = led_away ? "diverged" : name_of(verdict.kind);
  Json incident = {{"step", state_.step + 1}, {"what", what}, {"loss", finite_or_null(loss.loss)}, {"grad_norm", finite_or_null(norm)}, {"deviations", verdict.deviations}, {"lr", rate}};
  incident["parameters"] = norms_by_parameter(model_);
  incident["batch"] = objective_.origin(state_.step);
  progress_.warn(fmt::format("step {}: {} (loss {:.4g}, gradient norm {:.4g}): its update is left out", state_.step + 1, what, loss.loss, norm));
  const int64_t bad = guard_.bad_in_a_row();
  incident["action"] = returns ? "left out, and the weights taken back" : "left out";
  LineLog(folder_ / "incidents.jsonl").append(to_line(incident));
  if (returns) {
    go_back();
  } else if (bad >= kMostBad && verdict.kind == Guard::Kind::not_finite) {
    // The checkpoint before it still stands: it is not overwritten by weights that lead nowhere.
    fail(ErrorKind::internal, "no sane loss in ", kMostBad, " steps in a row, up to step ", state_.step + 1, "; try a lower --lr (now ", rate, ") or --clip 0.5; `loam explain` on this folder says more");
  }
  return false;
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
  // Neighbours in the flat array that decay and learn alike go in one call.
  const auto& all = params.all();
  const float *g = params.gradients().data;
  float *w = params.values().data, *m = m_.floats(), *v = v_.floats();
  auto rate_of = [&](size_t i) { return i == params.tokens ? rate * settings_.embedding_rate : rate; };
  auto by_muon = [&](size_t i) { return muon_ && muon_->takes(i); };
  if (muon_) {
    muon_->step(params, {m, params.size()}, {static_cast<float>(rate), static_cast<float>(settings_.muon_momentum), static_cast<float>(settings_.weight_decay), s.gradient_scale});
  }
  for (size_t i = 0; i < all.size();) {
    if (by_muon(i)) {
      ++i;
      continue;
    }
    size_t j = i + 1;
    while (j < all.size() && all[j].decays == all[i].decays && rate_of(j) == rate_of(i) && !by_muon(j)) ++j;
    s.rate = static_cast<float>(rate_of(i));
    const int64_t begin = all[i].offset, size = (j < all.size() ? all[j].offset : params.size()) - begin;
    s.decay = all[i].decays ? static_cast<float>(settings_.weight_decay) : 0.0f;
    model_.backend().optimizer().adamw({w + begin, size}, {m + begin, size}, {v + begin, size}, {g + begin, size}, s);
    i = j;
  }
  return static_cast<double>(s.gradient_scale);
}

void Trainer::begin_cooldown(int64_t steps, const char* why) {
  Schedule& s = state_.schedule;
  s.cooldown = std::max<int64_t>(1, steps);
  s.steps = state_.step + s.cooldown;
  state_.shortened = true;
  progress_.warn(fmt::format("{}: the cooldown begins at step {} and takes {} steps; to repeat this run: --steps {} --cooldown-steps {}", why, with_commas(state_.step),
                             with_commas(s.cooldown), s.steps, s.cooldown));
}

void Trainer::maybe_shorten() {
  const Schedule& s = state_.schedule;
  if (state_.step >= s.cooldown_begins()) return;
  if (wrap_up_requested() && s.shape == Schedule::Shape::trapezoid) {
    // Long enough to gain what a cooldown gains, short enough for somebody who waits.
    return begin_cooldown(std::min(s.cooldown, std::max<int64_t>(10, state_.step / 4)), "asked to come to an end");
  }
  // The first steps touch the memory and warm the caches: they say nothing about the others.
  constexpr int64_t kColdSteps = 20;
  if (settings_.budget_seconds <= 0 || steps_here_ < kColdSteps) return;
  constexpr double kAim = 0.97;  // the machine may get slower still once the cooldown has begun, when nothing can be changed
  const double left = kAim * settings_.budget_seconds - state_.seconds;
  const auto fits = static_cast<int64_t>(left / recent_step_seconds_);
  if (static_cast<double>(s.steps - state_.step) * recent_step_seconds_ <= left) return;
  if (fits > s.cooldown) return;  // the constant part only gets shorter; what it becomes is settled when it ends
  begin_cooldown(std::min(s.cooldown, fits), "this machine is slower than planned");
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
  double mark = seconds_now(), marked_seconds = state_.seconds;
  last_save_ = mark;
  if (state_.step == 0) snapshot_if_due();
  while (state_.step < state_.schedule.steps) {
    if (stop_requested() || (settings_.stop_at > 0 && state_.step >= settings_.stop_at)) {
      save(kCheckpoint);
      fail_interrupted("stopped on request at step ", state_.step, " of ", state_.schedule.steps, "; the same command goes on from there");
    }
    const double step_began = seconds_now();
    backend.elementwise().fill(model_.params().gradients(), 0.0f);
    const StepLoss step_loss = objective_.accumulate(model_, state_.step);
    if (settings_.disturb) settings_.disturb(state_.step, model_.params().gradients());
    const double norm = std::sqrt(backend.optimizer().sum_of_squares(model_.params().gradients()));
    const double rate = state_.rate_scale * state_.schedule.rate(state_.step);
    const bool finite = std::isfinite(step_loss.loss) && std::isfinite(norm);
    if (step_is_sane(step_loss, norm, rate)) optimizer_step(rate, norm);
    ++state_.step;
    ++steps_here_;
    state_.tokens += step_loss.tokens;
    const double now = seconds_now();
    state_.seconds = marked_seconds + (now - mark);
    const double took = now - step_began;
    if (steps_here_ <= 5) {
      recent_step_seconds_ = took;
    } else {
      recent_step_seconds_ = 0.95 * recent_step_seconds_ + 0.05 * took;
    }
    if (finite) {  // over some 50 steps; over fewer while the run is young, or its first losses would show for long
      const double share = state_.loss == 0 ? 1.0 : std::max(0.02, 10.0 / static_cast<double>(state_.step + 10));
      state_.loss += share * (step_loss.loss - state_.loss);
    }
    const double tokens_per_s = static_cast<double>(step_loss.tokens) / took;
    const double utilization = objective_.flops(model_, step_loss.tokens) / took / peak;
    const bool last = state_.step == state_.schedule.steps;

    const bool evaluates = settings_.eval_every > 0 && (state_.step % settings_.eval_every == 0 || last);
    const bool logs = settings_.log_every > 0 && (state_.step % settings_.log_every == 0 || last || state_.step == 1);
    Json row;
    if (logs || evaluates) {
      row = {{"step", state_.step},
             {"tokens", state_.tokens},
             {"seconds", state_.seconds},
             {"loss", finite_or_null(step_loss.loss)},
             {"lr", rate},
             {"grad_norm", finite_or_null(norm)},
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
    progress_.status(settings_.remark ? line + settings_.remark(state_.step, state_.schedule.steps, state_.loss) : line);
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
    snapshot_if_due();
    // At the end of a step, when all that belongs to it is done and written down. The last step before an evaluation is a
    // good one: what comes is another piece of work that can go wrong.
    const bool evaluates_next = settings_.eval_every > 0 && (state_.step + 1) % settings_.eval_every == 0;
    const double unsaved = seconds_now() - last_save_, longest = settings_.save_minutes * 60.0;
    if (!last && (unsaved >= longest || (evaluates_next && unsaved >= std::min(20.0, longest)))) save_in_time();
  }
  if (keeps_best() && state_.best) {
    const int64_t n = model_.params().size();
    backend.elementwise().copy(Mat(model_.params().values().data, 1, n), ConstMat(best_.floats(), 1, n));
  }
  return state_;
}

}  // namespace loam
