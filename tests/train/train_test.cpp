// Schedules, the order of windows, and the loop: resume to the same bits, accumulation equal to the big batch.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/train/checkpoint.h"
#include "loam/train/lm_objective.h"
#include "loam/train/memory.h"
#include "loam/train/muon.h"
#include "loam/train/trainer.h"

namespace loam {
namespace {

TEST(Schedule, TrapezoidRisesStaysAndFalls) {
  Schedule s;
  s.peak = 1;
  s.steps = 100;
  s.warmup = 9;
  s.cooldown = 50;
  s.floor = 0;
  EXPECT_NEAR(s.rate(0), 0.1, 1e-12);
  EXPECT_NEAR(s.rate(8), 0.9, 1e-12);
  EXPECT_EQ(s.rate(9), 1);
  EXPECT_EQ(s.rate(49), 1);
  EXPECT_NEAR(s.rate(50), 1 - 1.0 / 51, 1e-12);
  EXPECT_NEAR(s.rate(99), 1.0 / 51, 1e-12);
  // A cooldown that begins while the rate still rises falls from where the rate is.
  Schedule early = s;
  early.steps = 6;
  early.cooldown = 4;
  EXPECT_NEAR(early.rate(1), 0.2, 1e-12);
  EXPECT_NEAR(early.rate(2), 0.3 * 4 / 5, 1e-12);
  EXPECT_NEAR(early.rate(5), 0.3 * 1 / 5, 1e-12);
  s.shape = Schedule::Shape::cosine;
  s.cooldown = 0;
  EXPECT_EQ(s.rate(9), 1);
  EXPECT_NEAR(s.rate(100), 0, 1e-12);
  s.warmup = 101;
  EXPECT_THROW(s.validate(), Error);
}

TEST(WindowOrder, EachEpochReadsEachWindowOnceInAnotherOrder) {
  const WindowOrder order(1003, 10, 7);
  std::vector<std::vector<int64_t>> epochs;
  for (int64_t e = 0; e < 3; ++e) {
    std::vector<int64_t> begins;
    for (int64_t i = 0; i < order.windows_per_epoch(); ++i) begins.push_back(order.begin(e * order.windows_per_epoch() + i));
    std::set<int64_t> unique(begins.begin(), begins.end());
    EXPECT_EQ(unique.size(), begins.size());
    EXPECT_GE(*unique.begin(), 0);
    EXPECT_LE(*unique.rbegin() + 11, 1003);
    EXPECT_EQ((*unique.rbegin() - *unique.begin()) % 10, 0);
    epochs.push_back(begins);
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_THROW(WindowOrder(10, 10, 1), Error);
  EXPECT_EQ(WindowOrder(11, 10, 1).begin(5), 0);
}

/// A small token set on disk: noise with some order in it.
fs::path token_folder() {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_train_tokens";
  if (is_artifact(folder)) return folder;
  ArtifactWriter out(folder, "tokens", {{"x", 1}}, {}, true);
  int64_t sizes[2] = {3000, 300};
  const char* names[2] = {"train", "val"};
  for (int i = 0; i < 2; ++i) {
    std::vector<int32_t> tokens = {16};
    for (int64_t n = 1; n < sizes[i]; ++n) tokens.push_back(static_cast<int32_t>((tokens.back() * 3 + (random_bits(5, static_cast<uint64_t>(n)) % 4 == 0 ? 1 : 0)) % 16));
    TokenShardWriter shard(out.path(cat(names[i], "-00000.bin")), 2);
    shard.add(0, tokens);
    shard.commit();
    out.promise(cat(names[i], "-00000.bin"));
    out.promise(cat(names[i], "-00000.idx"));
  }
  out.finish({{"vocab_size", 17}, {"eot_id", 16}, {"train_bytes", 3000}, {"val_bytes", 300}, {"train_tokens", 3000}, {"val_tokens", 300}});
  return folder;
}

ModelConfig tiny(double dropout) {
  ModelConfig c;
  c.vocab = 17;
  c.context = 16;
  c.layers = 1;
  c.channels = 16;
  c.heads = c.kv_heads = 2;
  c.head_size = 8;
  c.hidden = 32;
  c.dropout = dropout;
  return c;
}

fs::path fresh(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_train" / name;
  fs::remove_all(folder);
  make_folder(folder / "state");
  return folder;
}

/// Trains; with `stop_after` > 0 a stop is asked for at that step, and the run is taken up again.
std::string weights_after(const char* name, int64_t stop_after, int64_t micro_batch, double dropout) {
  const TokenSet tokens = TokenSet::open(token_folder());
  const fs::path folder = fresh(name);
  TrainResult result;
  std::string hash;
  for (int attempt = 0; attempt < 2; ++attempt) {
    Transformer model(tiny(dropout), backend("cpu"));
    model.params().allocate(model.backend(), true);
    model.params().initialize(model.backend(), 1);
    LmSettings lm;
    lm.batch = 8;
    lm.micro_batch = micro_batch;
    lm.context = 16;
    lm.seed = 3;
    struct Stopping : LmObjective {
      using LmObjective::LmObjective;
      int64_t at = 0;
      StepLoss accumulate(Transformer& m, int64_t step) override {
        if (at > 0 && step + 1 == at) request_stop();
        return LmObjective::accumulate(m, step);
      }
    } objective(tokens, lm);
    objective.at = attempt == 0 ? stop_after : 0;
    TrainSettings settings;
    settings.schedule.peak = 1e-2;
    settings.schedule.steps = 40;
    settings.schedule.warmup = 2;
    settings.schedule.cooldown = 20;
    settings.eval_every = 10;
    settings.save_minutes = 1000;
    Progress quiet;
    Trainer trainer(model, objective, settings, folder, quiet);
    try {
      result = trainer.run();
      const Vec w = model.params().values();
      hash = sha256(std::string_view(reinterpret_cast<const char*>(w.data), static_cast<size_t>(w.size) * 4));
      break;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::interrupted) << e.what();
      request_stop(false);
    }
  }
  EXPECT_EQ(result.step, 40);
  EXPECT_LT(result.last_evaluation["val_loss"].get<double>(), 2.0);
  std::vector<int64_t> steps;
  const std::string log = read_file(folder / "metrics.jsonl");
  for (size_t at = 0; at < log.size(); at = log.find('\n', at) + 1) steps.push_back(Json::parse(log.substr(at, log.find('\n', at) - at))["step"].get<int64_t>());
  EXPECT_EQ(steps.size(), 40u);
  for (size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(steps[i], static_cast<int64_t>(i) + 1);
  return hash;
}

TEST(Trainer, StoppedAndResumedGivesTheSameBits) {
  const std::string whole = weights_after("whole", 0, 0, 0.1);
  for (int64_t stop : {1, 17, 39}) EXPECT_EQ(weights_after("stopped", stop, 0, 0.1), whole) << stop;
}

TEST(Trainer, TheEmbeddingHasARateOfItsOwn) {
  const TokenSet tokens = TokenSet::open(token_folder());
  for (const bool tied : {true, false}) {
    std::vector<std::vector<float>> moved;  // what one step of AdamW did to each weight
    ModelConfig c = tiny(0);
    c.tied = tied;
    c.model_type = "loam";
    c.pair_rows = 32;
    const ParamSet layout(c);
    for (const double times : {1.0, 4.0}) {
      Transformer model(c, backend("cpu"));
      model.params().allocate(model.backend(), true);
      model.params().initialize(model.backend(), 1);
      const Vec w = model.params().values();
      std::vector<float> before(w.data, w.data + w.size);
      LmSettings lm;
      lm.batch = 8;
      lm.context = 16;
      LmObjective objective(tokens, lm);
      TrainSettings settings;
      settings.schedule.peak = 1e-3;
      settings.weight_decay = 0;
      settings.embedding_rate = times;
      Progress quiet;
      Trainer trainer(model, objective, settings, fresh("rates"), quiet);
      trainer.run();
      for (int64_t i = 0; i < w.size; ++i) before[static_cast<size_t>(i)] -= w.data[i];
      moved.push_back(before);
    }
    for (size_t i = 0; i < layout.all().size(); ++i) {
      const Param& p = layout.all()[i];
      const std::string& name = p.pieces.front().name;
      const bool embedding = name == "model.embed_tokens.weight";
      double once = 0, more = 0;
      for (int64_t k = p.offset; k < p.offset + p.size(); ++k) {
        once += std::abs(static_cast<double>(moved[0][static_cast<size_t>(k)]));
        more += std::abs(static_cast<double>(moved[1][static_cast<size_t>(k)]));
      }
      EXPECT_NEAR(more, (embedding ? 4 : 1) * once, 0.01 * once + 1e-12) << name;
    }
  }
}

TEST(Trainer, AccumulationIsTheBigBatch) {
  // One step's gradients, whole and in parts, with dropout: equal but for the order of the sums.
  const TokenSet tokens = TokenSet::open(token_folder());
  std::vector<std::vector<float>> gradients;
  for (int64_t micro : {8, 4, 3, 1}) {
    Transformer model(tiny(0.2), backend("cpu"));
    model.params().allocate(model.backend(), true);
    model.params().initialize(model.backend(), 1);
    LmSettings lm;
    lm.batch = 8;
    lm.micro_batch = micro;
    lm.context = 16;
    LmObjective objective(tokens, lm);
    const StepLoss loss = objective.accumulate(model, 5);
    EXPECT_EQ(loss.tokens, 128);
    const Vec g = model.params().gradients();
    gradients.emplace_back(g.data, g.data + g.size);
  }
  for (const auto& g : gradients) {
    double worst = 0, largest = 0;
    for (size_t i = 0; i < g.size(); ++i) {
      worst = std::max(worst, std::abs(static_cast<double>(g[i] - gradients[0][i])));
      largest = std::max(largest, std::abs(static_cast<double>(gradients[0][i])));
    }
    EXPECT_LT(worst, 1e-5 * largest);
    EXPECT_GT(largest, 1e-4);
  }
}

TEST(Trainer, WindowsCoverTheSplitOnce) {
  const TokenSet tokens = TokenSet::open(token_folder());
  Transformer model(tiny(0), backend("cpu"));
  model.params().allocate(model.backend(), false);
  model.params().initialize(model.backend(), 1);
  for (int64_t context : {16, 7, 1}) {
    for (int64_t rows : {16, 64, 1000}) EXPECT_EQ(evaluate_split(model, tokens.val(), context, rows).tokens, 299);
  }
  EXPECT_NEAR(evaluate_split(model, tokens.val(), 16, 16).nats, evaluate_split(model, tokens.val(), 16, 999).nats, 1e-2);
}

TEST(Checkpoint, DamageIsNamedAndSizesMustMatch) {
  const fs::path file = fresh("checkpoint") / "c.bin";
  const Backend& cpu = backend("cpu");
  const Buffer a = cpu.allocate(100), b = cpu.allocate(100);
  for (int i = 0; i < 100; ++i) a.floats()[i] = static_cast<float>(i);
  const auto state = [](const Buffer& x, int64_t n) { return TrainState{Vec(x.floats(), n), Vec(x.floats() + 50, 10), Vec(x.floats() + 60, 10), Vec(), {{"step", 7}}}; };
  EXPECT_FALSE(load_checkpoint(file, cpu, state(b, 50)));
  save_checkpoint(file, cpu, state(a, 50));
  EXPECT_EQ(load_checkpoint(file, cpu, state(b, 50))->at("step"), 7);
  EXPECT_EQ(b.floats()[49], 49.0f);
  EXPECT_EQ(b.floats()[69], 69.0f);
  EXPECT_THROW(load_checkpoint(file, cpu, state(b, 49)), Error);
  std::string bytes = read_file(file);
  bytes[bytes.size() - 20] = static_cast<char>(bytes[bytes.size() - 20] ^ 1);
  write_file(file, bytes);
  EXPECT_THROW(load_checkpoint(file, cpu, state(b, 50)), Error);
  write_file(file, bytes.substr(0, 60));
  EXPECT_THROW(load_checkpoint(file, cpu, state(b, 50)), Error);
}

TEST(Memory, AbsurdBatchesAreRefusedAtOnce) {
  ModelConfig c = tiny(0);
  const TrainingMemory plan = plan_training_memory(c, 100'000'000, 64, 2);
  try {
    require_memory(plan, c, 100'000'000, 64, 2);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::resource);
    EXPECT_NE(std::string(e.what()).find("--batch"), std::string::npos);
  }
  require_memory(plan_training_memory(c, 2, 16, 2), c, 2, 16, 2);
}

TEST(Memory, WhatSomeRunsHoldBesideIsCounted) {
  const ModelConfig c = tiny(0);
  const ParamSet params(c);
  const int64_t usual = plan_training_memory(c, 2, 16, 2).total();
  EXPECT_EQ(plan_training_memory(c, 2, 16, 2, {.keeps_best = true}).total(), usual + 4 * params.size());
  EXPECT_GT(Muon::working_floats(params, 2), 0);
  EXPECT_EQ(plan_training_memory(c, 2, 16, 2, {.muon = true}).total(), usual + 4 * Muon::working_floats(params, 2));
}

}  // namespace
}  // namespace loam
