// A run beside its ladder: what loss to expect, at the end and on the way.
#include "loam/stages/pretrain/expected.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

const fs::path kExpectedFolder = fs::path(testing::TempDir()) / "loam_expected";

fs::path tokens_folder(const char* name, int32_t token) {
  const fs::path folder = kExpectedFolder / name;
  ArtifactWriter out(folder, "tokens", {{"x", 1}}, {}, true);
  for (const char* split : {"train", "val"}) {
    TokenShardWriter shard(out.path(cat(split, "-00000.bin")), 2);
    std::vector<int32_t> tokens(400, token);
    tokens[0] = 16;
    shard.add(0, tokens);
    shard.commit();
    out.promise(cat(split, "-00000.bin"));
    out.promise(cat(split, "-00000.idx"));
  }
  out.finish({{"vocab_size", 17}, {"eot_id", 16}, {"train_bytes", 400}, {"val_bytes", 400}, {"train_tokens", 400}, {"val_tokens", 400}});
  return folder;
}

double law(double n, double d) { return 1.5 + 60 / std::pow(n, 0.35) + 90 / std::pow(d, 0.3); }

/// A ladder's folder without its models.
fs::path ladder_folder(const TokenSet& tokens, const std::function<void(Json&)>& change = [](Json&) {}) {
  std::vector<ScalingRow> rows;
  Json listed = Json::array();
  for (const double n : {2e4, 6e4, 2e5, 6e5}) {
    for (const double ratio : {5.0, 10.0, 20.0}) {
      // Of no pattern in sizes or lengths: the law must take it for noise.
      constexpr double kNoise[] = {0.9, -1.2, 0.3, 1.1, -0.7, -0.4, -1.3, 0.8, 0.5, -0.6, 1.2, -0.6};
      const double wobble = 1 + 0.002 * kNoise[rows.size()];
      rows.push_back({n, ratio * n, 6 * n * n * ratio, law(n, ratio * n) * wobble});
      listed.push_back({{"parameters", n}, {"tokens", ratio * n}});
    }
  }
  Json json = {{"format", 1}, {"tokens", tokens.artifact().content}, {"family", "llama"}, {"context", 64}, {"rows", listed}, {"law", to_json(fit_scaling_law(rows, 1), true)}};
  Json share = Json::array(), mean = Json::array(), deviation = Json::array();
  for (int k = 1; k <= 20; ++k) share.push_back(k / 20.0), mean.push_back(0.02 * (20 - k)), deviation.push_back(0.01);
  json["course"] = {{"share", share}, {"mean", mean}, {"deviation", deviation}};
  change(json);
  ArtifactWriter out(kExpectedFolder / "ladder", "scores", Json::object(), {tokens.artifact().as_input()}, true);
  write_file(out.path("ladder.json"), to_pretty(json));
  out.promise("ladder.json");
  out.finish(Json::object());
  return kExpectedFolder / "ladder";
}

PretrainPlan plan() {
  PretrainPlan p;
  p.model = family_shape("llama", 4, 128, 64);
  p.model.vocab = 1000;
  p.batch = 32;
  p.context = 64;
  p.schedule.steps = 4000;
  return p;
}

TEST(ExpectedLoss, SaysWhatToExpectAndWhereARunLies) {
  const TokenSet tokens = TokenSet::open(tokens_folder("tokens", 3));
  std::vector<std::string> notes;
  const ExpectedLoss expected = ExpectedLoss::of(ladder_folder(tokens), tokens, plan(), false, notes);
  EXPECT_TRUE(notes.empty()) << notes[0];
  const double n = static_cast<double>(matmul_parameters(plan().model)), d = 4000.0 * 32 * 64, truth = law(n, d);
  const LossBand band = expected.band(d);
  EXPECT_NEAR(band.value / truth, 1, 0.01);
  EXPECT_NE(expected.verdict(d, truth).find("inside the band"), std::string::npos) << expected.verdict(d, truth);
  EXPECT_NE(expected.verdict(d, 2 * truth).find("above the band"), std::string::npos);
  EXPECT_NE(expected.verdict(d, truth / 2).find("below the band"), std::string::npos);
  EXPECT_EQ(expected.json(d, truth)["inside"], true);
  EXPECT_EQ(expected.json(d, 2 * truth)["inside"], false);
  EXPECT_GT(expected.band(d / 2).value, band.value);  // a run cut short is held to less
  // On the way: half way the ladder's runs stood exp(0.2) above their ends.
  EXPECT_NEAR(expected.on_the_way(0.5)->value, band.value * std::exp(0.2), 1e-9);
  EXPECT_FALSE(expected.on_the_way(0.02));
  EXPECT_EQ(expected.remark(10, 4000, 9).find("now"), std::string::npos);  // too early to say
  EXPECT_NE(expected.remark(2000, 4000, truth * std::exp(0.2)).find("normal"), std::string::npos) << expected.remark(2000, 4000, truth * std::exp(0.2));
  EXPECT_NE(expected.remark(2000, 4000, 2 * truth).find("now above"), std::string::npos);
  EXPECT_NE(expected.remark(2000, 4000, 0.8 * truth).find("now below"), std::string::npos);
}

TEST(ExpectedLoss, NotesWhatIsUnlikeTheLadder) {
  const TokenSet tokens = TokenSet::open(tokens_folder("tokens", 3));
  PretrainPlan far = plan();
  far.model = family_shape("gpt2", 12, 512, 128);
  far.model.vocab = 1000;
  far.context = 128;
  far.schedule.steps = 400000;
  std::vector<std::string> notes;
  ExpectedLoss::of(ladder_folder(tokens), tokens, far, false, notes);
  ASSERT_EQ(notes.size(), 4u);  // parameters, tokens, context, family
}

TEST(ExpectedLoss, RefusesWhatDoesNotCompare) {
  const TokenSet tokens = TokenSet::open(tokens_folder("tokens", 3)), others = TokenSet::open(tokens_folder("others", 4));
  std::vector<std::string> notes;
  auto message = [&](const fs::path& ladder, const TokenSet& set, bool from_weights = false) {
    try {
      ExpectedLoss::of(ladder, set, plan(), from_weights, notes);
    } catch (const Error& e) {
      return std::string(e.what());
    }
    return std::string("nothing");
  };
  const fs::path ladder = ladder_folder(tokens);
  EXPECT_NE(message(ladder, others).find("other tokens"), std::string::npos) << message(ladder, others);
  EXPECT_NE(message(ladder, tokens, true).find("--init"), std::string::npos);
  EXPECT_NE(message(tokens.folder(), tokens).find("wanted scores"), std::string::npos) << message(tokens.folder(), tokens);
  EXPECT_NE(message(ladder_folder(tokens, [](Json& j) { j["law"]["form"] = "cubic"; }), tokens).find("cubic"), std::string::npos);
  EXPECT_NE(message(ladder_folder(tokens, [](Json& j) { j["course"]["mean"].erase(0); }), tokens).find("course"), std::string::npos);
  EXPECT_NE(message(ladder_folder(tokens, [](Json& j) { j["rows"] = Json::array(); }), tokens).find("no rows"), std::string::npos);
}

}  // namespace
}  // namespace loam
