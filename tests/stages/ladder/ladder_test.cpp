#include "loam/stages/ladder/ladder.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

/// Trains nothing: losses follow a law of its own, finished runs are a file. Counts what it was asked.
class LawfulTrainer : public LadderTrainer {
 public:
  SizeFacts facts(const ModelSize& size) override {
    const int64_t n = 12 * size.layers * size.channels * size.channels + 1000 * size.channels;
    return {n, 6.0 * static_cast<double>(n)};
  }
  double tokens_per_s(const ModelSize& size) override {
    ++timed;
    return 5e10 / facts(size).flops_per_token;
  }
  int64_t train_tokens() const override { return text; }
  int64_t validation_tokens() const override { return held_out; }
  RungResult train(const ModelSize& size, int64_t tokens, const fs::path& out, Progress&) override {
    const bool finished = fs::exists(out / "done");
    if (!finished) {
      if (trained == stop_at) {
        request_stop();
        fail_interrupted("stopped by the test");
      }
      ++trained;
      if (out.filename() == target) foretold_first = fs::exists(out.parent_path().parent_path() / "prediction.json");
      make_folder(out);
      std::string metrics;
      for (int step = 1; step <= 100; ++step) metrics += to_line({{"step", step}, {"loss", 3.0 + 2.0 / step}}) + "\n";
      write_file(out / "metrics.jsonl", metrics);
      write_file(out / "done", "");
    }
    RungResult result;
    const double n = static_cast<double>(facts(size).parameters), d = static_cast<double>(tokens);
    result.loss = (1.5 + 60 / std::pow(n, 0.35) + 90 / std::pow(d, 0.3)) * std::exp(0.002 * static_cast<double>(normal01(9, static_cast<uint64_t>(tokens))));
    result.tokens = tokens;
    result.steps = tokens / 1024;
    result.seconds = 1;
    result.content = "c" + out.filename().string();
    return result;
  }

  int64_t text = int64_t{1} << 40, held_out = 100000;
  int trained = 0, timed = 0, stop_at = -1;
  std::string target;
  bool foretold_first = false;
};

Artifact tokens() {
  Artifact a;
  a.folder = "tokens";
  a.kind = "tokens";
  a.content = "0123";
  return a;
}

fs::path fresh(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_ladder" / name;
  fs::remove_all(folder);
  return folder;
}

LadderConfig four_rungs() {
  LadderConfig config;
  config.rungs = {"2x32,2x64", "3x96", "4x128"};
  config.ratio = 20;
  return config;
}

TEST(Ladder, ForetellsTheNextSizeBeforeItIsTrained) {
  LawfulTrainer trainer;
  trainer.target = "5x160";
  Progress quiet;
  const LadderReport r = ladder(four_rungs(), tokens(), trainer, fresh("whole"), 1, false, quiet);
  EXPECT_EQ(trainer.trained, 13);  // 4 sizes x 3 lengths, and the target
  EXPECT_EQ(trainer.timed, 0);     // a ratio is given: no clock
  EXPECT_TRUE(trainer.foretold_first);
  EXPECT_EQ(r.law.form, ScalingLaw::Form::chinchilla);
  EXPECT_LT(std::abs(r.error), 0.02);
  EXPECT_EQ(r.artifact.kind, "scores");
  const Json json = read_json(r.artifact.path("ladder.json"));
  EXPECT_EQ(json["rows"].size(), 13u);
  EXPECT_EQ(json["rows"][12]["role"], "target");
  EXPECT_EQ(json["prediction"], read_json(r.artifact.path("prediction.json")));
  EXPECT_NEAR(json["truth"]["error_percent"].get<double>(), 100 * r.error, 1e-9);
  EXPECT_EQ(json["course"]["share"].size(), 20u);
  EXPECT_NE(read_file(r.artifact.path("ladder.md")).find("| 5x160 (foretold) |"), std::string::npos);
  EXPECT_TRUE(broken_files(r.artifact).empty());
  EXPECT_FALSE(fs::exists(r.artifact.path("state")));
}

TEST(Ladder, StoppedAnywhereItGoesOnToTheSameBytes) {
  LawfulTrainer whole;
  Progress quiet;
  const std::string content = ladder(four_rungs(), tokens(), whole, fresh("unbroken"), 1, false, quiet).artifact.content;
  for (const int stop : {0, 5, 12}) {
    const fs::path out = fresh("broken");
    LawfulTrainer trainer;
    trainer.stop_at = stop;
    EXPECT_THROW(ladder(four_rungs(), tokens(), trainer, out, 1, false, quiet), Error);
    request_stop(false);
    EXPECT_FALSE(is_artifact(out));
    trainer.stop_at = -1;
    EXPECT_EQ(ladder(four_rungs(), tokens(), trainer, out, 1, false, quiet).artifact.content, content) << stop;
    EXPECT_EQ(trainer.trained, 13) << stop;  // nothing twice
  }
}

TEST(Ladder, AFinishedOneIsRefusedAndForceBeginsAnew) {
  LawfulTrainer trainer;
  Progress quiet;
  const fs::path out = fresh("again");
  ladder(four_rungs(), tokens(), trainer, out, 1, false, quiet);
  EXPECT_THROW(ladder(four_rungs(), tokens(), trainer, out, 1, false, quiet), Error);
  ladder(four_rungs(), tokens(), trainer, out, 1, true, quiet);
  EXPECT_EQ(trainer.trained, 26);
}

TEST(Ladder, MinutesAreSpentAndNoMore) {
  Progress quiet;
  for (const double minutes : {1.0, 10.0, 120.0}) {
    LawfulTrainer trainer;
    LadderConfig config;
    config.minutes = minutes;
    const LadderPlan plan = plan_ladder(config, trainer, quiet);
    EXPECT_LE(plan.seconds, 60 * minutes) << minutes;
    EXPECT_GE(plan.seconds, 50 * minutes) << minutes;
    EXPECT_TRUE(plan.runs.back().is_target);
    double work = 0;
    for (const PlannedRung& run : plan.runs) {
      work += trainer.facts(run.size).flops_per_token * static_cast<double>(run.tokens);
      EXPECT_TRUE(run.is_target || trainer.facts(run.size).parameters < trainer.facts(plan.runs.back().size).parameters);
    }
    EXPECT_LT(work / 5e10, 60 * minutes);
  }
  // A short text bounds the longest run at four epochs.
  LawfulTrainer trainer;
  trainer.text = 1000000;
  LadderConfig config;
  config.minutes = 600;
  EXPECT_LE(plan_ladder(config, trainer, quiet).runs.back().tokens, 4000000);
  config.minutes = 0.001;
  EXPECT_THROW(plan_ladder(config, trainer, quiet), Error);
}

TEST(Ladder, FewRungsFallBackToAPowerAndSaySo) {
  LawfulTrainer trainer;
  LadderConfig config;
  config.rungs = {"2x32", "2x64", "3x96"};
  config.lengths = {"1"};
  config.ratio = 10;
  Progress quiet;
  const LadderReport r = ladder(config, tokens(), trainer, fresh("few"), 1, false, quiet);
  EXPECT_EQ(r.law.form, ScalingLaw::Form::power);
  bool said = false;
  for (const std::string& line : r.table()) said = said || line.find("3 runs are fewer") != std::string::npos;
  EXPECT_TRUE(said);
}

TEST(Ladder, WrongFlagsAreNamed) {
  auto refused = [](auto change) {
    LadderConfig config;
    config.rungs = {"2x32", "2x64"};
    change(config);
    try {
      config.validate();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::usage);
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(refused([](auto&) {}), "");
  EXPECT_NE(refused([](auto& c) { c.rungs.clear(); }).find("--minutes"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.rungs = {"2x32"}; }).find("at least two sizes"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.rungs = {"2x32", "2x32"}; }).find("twice"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.rungs = {"2x33", "2x32"}; }).find("multiple of 32"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.rungs = {"big", "2x32"}; }).find("LAYERSxCHANNELS"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.target = "2x32"; }).find("must not be known"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.lengths = {"0.5,2"}; }).find("--lengths"), std::string::npos);
  EXPECT_NE(refused([](auto& c) { c.minutes = 5, c.ratio = 5; }).find("give one"), std::string::npos);
  LawfulTrainer trainer;
  trainer.held_out = 0;
  Progress quiet;
  EXPECT_THROW(plan_ladder(four_rungs(), trainer, quiet), Error);
}

}  // namespace
}  // namespace loam
