// What keeps a run alive: the guard's judgement, steps left out, the way back to a snapshot.
#include "loam/train/guard.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/train/checkpoint.h"
#include "loam/train/faults.h"
#include "loam/train/trainer.h"

namespace loam {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// A training loss that falls and is noisy, as small batches make it.
double noisy(int64_t step) { return 2.0 + 3.0 * std::exp(-static_cast<double>(step) / 100) + 0.15 * (2 * uniform01(7, static_cast<uint64_t>(step)) - 1); }

TEST(Guard, NoiseAndAFallingLossAreFine) {
  Guard guard;
  for (int64_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(guard.look(noisy(i), 1.0 + 0.5 * uniform01(9, static_cast<uint64_t>(i))).kind, Guard::Kind::fine) << i;
  }
  EXPECT_FALSE(guard.diverged());
}

TEST(Guard, SpikesAreSeenAndDoNotMoveThePicture) {
  Guard guard;
  for (int64_t i = 0; i < 500; ++i) guard.look(noisy(i), 1.0);
  EXPECT_EQ(guard.look(6.0, 1.0).kind, Guard::Kind::loss_spike);
  EXPECT_EQ(guard.look(noisy(500), 400.0).kind, Guard::Kind::gradient_spike);
  EXPECT_EQ(guard.look(std::nan(""), 1.0).kind, Guard::Kind::not_finite);
  EXPECT_EQ(guard.look(2.0, kInfinity).kind, Guard::Kind::not_finite);
  EXPECT_EQ(guard.bad_in_a_row(), 4);
  EXPECT_EQ(guard.look(noisy(501), 1.0).kind, Guard::Kind::fine);
  EXPECT_EQ(guard.look(6.0, 1.0).kind, Guard::Kind::loss_spike);  // still one: the first did not make it usual
}

TEST(Guard, ALevelThatStaysIsAcceptedInTheEnd) {
  Guard guard;
  for (int64_t i = 0; i < 500; ++i) guard.look(noisy(i), 1.0);
  int64_t refused = 0;
  for (int64_t i = 0; i < 400; ++i) refused += guard.look(4.0 + 0.1 * uniform01(3, static_cast<uint64_t>(i)), 1.0).kind != Guard::Kind::fine;
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 100);
}

TEST(Guard, ALossThatSettlesAboveItsStartHasDiverged) {
  Guard guard;
  for (int64_t i = 0; i < 20; ++i) guard.look(5.5, 1.0);
  for (int64_t i = 0; i < 200; ++i) guard.look(8.0 + 0.1 * uniform01(3, static_cast<uint64_t>(i)), 1.0);
  EXPECT_TRUE(guard.diverged());
  Guard copy;
  copy.restore(guard.state());
  EXPECT_TRUE(copy.diverged());
  EXPECT_EQ(copy.state(), guard.state());
}

TEST(Faults, AreParsedAndPutInOnce) {
  EXPECT_FALSE(parse_faults(""));
  for (const char* bad : {"nan", "nan@", "nan@x", "zap@3", "nan@1,", ",nan@1", "nan@-1", "nan@99999999999999999999999"}) EXPECT_THROW(parse_faults(bad), Error) << bad;
  const auto put = parse_faults("nan@3,inf@4,huge@5,flip@6");
  std::vector<float> g(50, 0.25f);
  const Vec view(g.data(), 50);
  put(2, view);
  EXPECT_EQ(std::count(g.begin(), g.end(), 0.25f), 50);
  put(3, view);
  EXPECT_EQ(std::count_if(g.begin(), g.end(), [](float x) { return std::isnan(x); }), 1);
  put(5, view);
  EXPECT_EQ(std::count(g.begin(), g.end(), 2500.0f), 49);
}

/// Least squares on a model's own numbers: the loss falls as the weights near a target. No transformer runs.
struct Pulling : Objective {
  int64_t break_weights_at = -1, last = -1;
  double lift_from = 1e9, lift = 0;
  StepLoss accumulate(Transformer& model, int64_t step) override {
    const Vec w = model.params().values(), g = model.params().gradients();
    if (step == break_weights_at) w.data[3] = std::nanf("");
    double loss = 0;
    for (int64_t i = 0; i < w.size; ++i) {
      const float away = w.data[i] - 0.5f;
      g.data[i] += away / static_cast<float>(w.size);
      loss += 0.5 * static_cast<double>(away * away);
    }
    last = step;
    return {loss / static_cast<double>(w.size) + (static_cast<double>(step) >= lift_from ? lift : 0), 16};
  }
  Json evaluate(Transformer&) override { return Json::object(); }
  double flops(const Transformer&, int64_t) const override { return 1; }
};

ModelConfig guarded_shape() {
  ModelConfig c;
  c.vocab = 11;
  c.context = 8;
  c.layers = 1;
  c.channels = 16;
  c.heads = c.kv_heads = 2;
  c.head_size = 8;
  c.hidden = 32;
  return c;
}

struct Recovery : testing::Test {
  fs::path folder = fs::path(testing::TempDir()) / "loam_recovery";
  TrainSettings settings;
  Progress quiet;
  void SetUp() override {
    fs::remove_all(folder);
    make_folder(folder / "state");
    settings.schedule.peak = 1e-2;
    settings.schedule.steps = 200;
    settings.schedule.warmup = 5;
    settings.schedule.cooldown = 50;
    settings.weight_decay = 0;
    settings.watch_spikes = true;
    settings.snapshot_every = 20;
    settings.save_minutes = 1000;
  }
  /// The final weights' hash; `result` is how the run ended.
  std::string train(Pulling& objective, TrainResult* result = nullptr) {
    Transformer model(guarded_shape(), backend("cpu"));
    model.params().allocate(model.backend(), true);
    model.params().initialize(model.backend(), 1);
    Trainer trainer(model, objective, settings, folder, quiet);
    const TrainResult r = trainer.run();
    if (result != nullptr) *result = r;
    const Vec w = model.params().values();
    for (int64_t i = 0; i < w.size; ++i) EXPECT_TRUE(std::isfinite(w.data[i])) << i;
    return sha256(std::string_view(reinterpret_cast<const char*>(w.data), static_cast<size_t>(w.size) * 4));
  }
};

TEST_F(Recovery, AStepThatIsNotFiniteIsLeftOutAndWrittenDown) {
  settings.disturb = parse_faults("nan@50,inf@70");
  Pulling objective;
  TrainResult result;
  train(objective, &result);
  EXPECT_EQ(result.skipped, 2);
  EXPECT_EQ(result.rollbacks, 0);
  const std::string text = read_file(folder / "incidents.jsonl");
  const Json first = Json::parse(text.substr(0, text.find('\n')));
  EXPECT_EQ(first["step"], 51);
  EXPECT_EQ(first["what"], "not finite");
  int64_t bad = 0;
  for (const Json& p : first["parameters"]) bad += p["not_finite"].get<int64_t>();
  EXPECT_EQ(bad, 1);
}

TEST_F(Recovery, BrokenWeightsComeBackFromTheSnapshotAtHalfTheRate) {
  Pulling objective;
  objective.break_weights_at = 110;
  TrainResult result;
  train(objective, &result);
  EXPECT_EQ(result.rollbacks, 1);
  EXPECT_EQ(result.rate_scale, 0.5);
  EXPECT_EQ(result.skipped, 3);
  EXPECT_EQ(result.step, 200);
  EXPECT_LT(result.loss, 0.02);  // it began at 0.125
}

TEST_F(Recovery, ASpikeIsLeftOutOnlyWhereSpikesAreWatched) {
  settings.disturb = parse_faults("huge@45");
  settings.clip = 0;
  Pulling objective;
  TrainResult result;
  const std::string watched = train(objective, &result);
  EXPECT_EQ(result.skipped, 1);
  SetUp();
  settings.watch_spikes = false;
  settings.clip = 0;
  settings.disturb = parse_faults("huge@45");
  EXPECT_NE(train(objective, &result), watched);
  EXPECT_EQ(result.skipped, 0);
}

TEST_F(Recovery, ALossThatLeavesForGoodGoesBackAndTheRunEnds) {
  settings.schedule.steps = 400;
  settings.schedule.peak = 1e-2;
  Pulling objective;
  objective.lift_from = 150;
  objective.lift = 9;
  TrainResult result;
  train(objective, &result);
  EXPECT_EQ(result.step, 400);
  EXPECT_GE(result.rollbacks, 1);
  EXPECT_LE(result.rollbacks, 12);
  EXPECT_LT(result.rate_scale, 1);
}

TEST_F(Recovery, WithoutASnapshotALossThatStaysNotFiniteEndsTheRun) {
  settings.snapshot_every = 0;
  Pulling objective;
  objective.break_weights_at = 30;
  EXPECT_THROW(train(objective), Error);
  EXPECT_EQ(objective.last, 49);  // twenty steps in a row
}

TEST_F(Recovery, StoppedBetweenFaultAndReturnTheWeightsAreTheSame) {
  const char* faults = "nan@110,nan@111,nan@112,inf@150";
  settings.disturb = parse_faults(faults);
  Pulling objective;
  const std::string whole = train(objective);
  for (int64_t stop : {111, 112, 115, 131}) {
    SetUp();
    settings.disturb = parse_faults(faults);
    settings.stop_at = stop;
    EXPECT_THROW(train(objective), Error) << stop;
    settings.stop_at = 0;
    EXPECT_EQ(train(objective), whole) << stop;
    // And killed, without the checkpoint a stop makes: from the last snapshot.
    SetUp();
    settings.disturb = parse_faults(faults);
    settings.stop_at = stop;
    EXPECT_THROW(train(objective), Error) << stop;
    fs::remove(folder / "state" / "checkpoint.bin");
    settings.stop_at = 0;
    EXPECT_EQ(train(objective), whole) << stop;
  }
}

TEST_F(Recovery, KilledWhileItEvaluatesNoEvaluationAndNoRowIsLost) {
  struct Choosing : Pulling {
    int64_t dies_at = -1;
    int calls = 0;
    std::string best_metric() const override { return "value"; }
    Json evaluate(Transformer& model) override {
      if (last == dies_at) throw std::runtime_error("as if killed");
      ++calls;
      // Best in the middle, so that the weights kept are not the last ones.
      return {{"value", std::abs(static_cast<double>(last) - 99) + 1e-6 * static_cast<double>(model.params().values().data[0])}};
    }
  };
  settings.eval_every = 10;
  settings.save_minutes = 0;  // a checkpoint at each step
  Choosing quiet_run;
  const std::string whole = train(quiet_run);
  const std::string rows = read_file(folder / "metrics.jsonl");
  for (int64_t dies : {99, 109, 9}) {
    SetUp();
    settings.eval_every = 10;
    settings.save_minutes = 0;
    Choosing killed;
    killed.dies_at = dies;
    EXPECT_THROW(train(killed), std::runtime_error);
    Choosing resumed;
    EXPECT_EQ(train(resumed), whole) << dies;
    const std::string again = read_file(folder / "metrics.jsonl");
    EXPECT_EQ(std::count(again.begin(), again.end(), '\n'), std::count(rows.begin(), rows.end(), '\n')) << dies;
  }
}

TEST_F(Recovery, AskedToWrapUpTheCooldownBeginsAndTheRunEndsWell) {
  struct Asking : Pulling {
    StepLoss accumulate(Transformer& model, int64_t step) override {
      if (step == 60) request_wrap_up();
      return Pulling::accumulate(model, step);
    }
  } objective;
  TrainResult result;
  train(objective, &result);
  request_wrap_up(false);
  EXPECT_EQ(result.step, 61 + 15);  // a quarter of what was done
  EXPECT_EQ(result.schedule.cooldown, 15);
  EXPECT_TRUE(result.shortened);
}

TEST_F(Recovery, SlowFirstStepsAreNoReasonToEndEarly) {
  struct ColdStart : Pulling {
    StepLoss accumulate(Transformer& model, int64_t step) override {
      const double until = seconds_now() + (step == 0 ? 0.3 : 0.0005);
      while (seconds_now() < until) continue;
      return Pulling::accumulate(model, step);
    }
  } objective;
  settings.budget_seconds = 60;
  TrainResult result;
  train(objective, &result);
  EXPECT_EQ(result.step, 200);
  EXPECT_FALSE(result.shortened);
}

}  // namespace
}  // namespace loam
