// The quality classifier: what it learns from, what it says, and what collect does with it.
#include "loam/stages/collect/quality.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/collect.h"
#include "loam/stages/collect/quality_train.h"

namespace loam {
namespace {

/// Sentences of one kind or the other, over words that both have and some that one has.
std::string text_of(bool good, int64_t number) {
  static constexpr const char* kBoth[] = {"the", "of", "and", "with", "time", "people", "new", "year"};
  static constexpr const char* kGood[] = {"theory", "century", "river", "evidence", "species", "published"};
  static constexpr const char* kBad[] = {"click", "buy", "discount", "login", "cookies", "subscribe"};
  std::string out;
  for (int64_t i = 0; i < 60; ++i) {
    const uint64_t r = mix64(static_cast<uint64_t>(number * 1000 + i) + (good ? 7 : 0));
    out += r % 3 == 0 ? (good ? kGood : kBad)[r / 3 % 6] : kBoth[r / 3 % 8];
    out += i % 12 == 11 ? ".\n" : " ";
  }
  return out;
}

class Quality : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / "quality" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    for (const bool good : {true, false}) {
      make_folder(folder / (good ? "good" : "bad"));
      for (int64_t i = 0; i < 60; ++i) write_file(folder / (good ? "good" : "bad") / (std::to_string(i) + ".txt"), text_of(good, i));
    }
    config.good = {(folder / "good").string()};
    config.bad = {(folder / "bad").string()};
    config.held_out = 0.2;
  }
  fs::path folder;
  QualityConfig config;
  Progress progress;
};

TEST(QualityFeatures, WordsAndPairs) {
  std::vector<uint32_t> a, b;
  const QualityFeatures how;
  quality_features("The River, in 1850!", how, a);
  quality_features("the river in 1999", how, b);
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.size(), 7u);  // four words, three pairs
  quality_features("川の水", how, a);
  EXPECT_EQ(a.size(), 5u);
  quality_features("... !!! ", how, a);
  EXPECT_TRUE(a.empty());
  quality_features("one two three four", {.words = 2}, a);
  EXPECT_EQ(a.size(), 3u);
  quality_features("bytes that are \xff\xfe no text", how, a);
  EXPECT_FALSE(a.empty());
}

TEST(QualityFeatures, ParetoDrawsAreParetos) {
  // P(X > x) = (1 + x)^-9 of numpy's Lomax.
  int64_t above = 0;
  for (int64_t i = 0; i < 20000; ++i) above += pareto_draw("document " + std::to_string(i), 9) > 0.1;
  EXPECT_NEAR(static_cast<double>(above) / 20000, std::pow(1.1, -9), 0.012);
  EXPECT_EQ(pareto_draw("x", 9), pareto_draw("x", 9));
}

TEST_F(Quality, TellsKindsApartAndIsTheSameEachTime) {
  const QualityTrained made = train_quality(config, folder / "a", false, progress);
  ASSERT_TRUE(made.scores.has_value());
  EXPECT_GT(made.scores->auc, 0.99);
  EXPECT_GT(made.scores->accuracy, 0.95);
  EXPECT_EQ(made.good + made.good_held_out, 60);
  const QualityModel model = QualityModel::load(folder / "a");
  EXPECT_GT(model.score(text_of(true, 500)), 0.7);
  EXPECT_LT(model.score(text_of(false, 500)), 0.3);
  const int before = threads();
  set_threads(before == 1 ? 3 : 1);
  EXPECT_EQ(train_quality(config, folder / "b", false, progress).made.content, made.made.content);
  set_threads(before);
}

TEST_F(Quality, DamagedModelsAreRefused) {
  train_quality(config, folder / "a", false, progress);
  const std::string bytes = read_file(folder / "a/quality.bin");
  for (const std::string& bad : {std::string(), bytes.substr(0, 100), bytes + "x", "X" + bytes.substr(1), bytes.substr(0, 8) + std::string(8, '\x7f') + bytes.substr(16)}) {
    write_file(folder / "bad.bin", bad);
    EXPECT_THROW(QualityModel::load(folder / "bad.bin"), Error);
  }
  config.good = {(folder / "bad.bin").string()};
  EXPECT_THROW(train_quality(config, folder / "c", false, progress), Error);
}

TEST_F(Quality, CollectKeepsWhatIsGood) {
  train_quality(config, folder / "model", false, progress);
  CollectConfig collect_config;
  collect_config.preset = "none";
  collect_config.quality = (folder / "model").string();
  const std::vector<std::string> sources = {"good=" + (folder / "good").string(), "bad=" + (folder / "bad").string()};
  Collected made = collect(sources, collect_config, folder / "scored", false, progress);
  EXPECT_EQ(made.total.documents, 120);
  CorpusReader reader(made.corpus);
  while (const auto d = reader.next()) EXPECT_EQ(get_number(d->metadata, "quality") >= 0.5, d->source == "good") << d->id;
  collect_config.quality_least = 0.5;
  made = collect(sources, collect_config, folder / "least", false, progress);
  EXPECT_EQ(made.total.documents, 60);
  EXPECT_EQ(made.sources[1].dropped["quality"], 60);
  const Dropped dropped = read_dropped(made.corpus.path(dropped_files(made.corpus)[0]))[0];
  EXPECT_LT(dropped.value.get<double>(), 0.5);
  EXPECT_EQ(dropped.threshold, 0.5);
  collect_config.quality_least.reset();
  collect_config.quality_pareto = 9;
  made = collect(sources, collect_config, folder / "pareto", false, progress);
  EXPECT_GT(made.sources[0].documents, 10);
  EXPECT_LT(made.sources[1].documents, 5);
  // What it left out can be judged again with another limit, without the sources.
  CollectConfig again;
  again.preset = "none";
  again.replay = (folder / "pareto").string();
  EXPECT_EQ(collect({}, again, folder / "again", false, progress).total.documents, 120);
  again.quality_least = 0.5;
  EXPECT_THROW(again.validate(), Error);
}

}  // namespace
}  // namespace loam
