#include "loam/metrics/scaling_law.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {
namespace {

/// Hoffmann et al. 2022, table A.3's law: E = 1.69, A = 406.4, alpha 0.34, B = 410.7, beta 0.28.
ScalingRow published(double parameters, double tokens, double noise = 0, uint64_t index = 0) {
  ScalingRow row{parameters, tokens, 6 * parameters * tokens, 0};
  row.loss = (1.69 + 406.4 / std::pow(parameters, 0.34) + 410.7 / std::pow(tokens, 0.28)) * std::exp(noise * static_cast<double>(normal01(3, index)));
  return row;
}

std::vector<ScalingRow> grid(double noise) {
  std::vector<ScalingRow> rows;
  for (const double n : {1e6, 3e6, 1e7, 3e7}) {
    for (const double ratio : {5.0, 20.0, 80.0}) rows.push_back(published(n, ratio * n, noise, rows.size()));
  }
  return rows;
}

TEST(ScalingLaw, FindsThePublishedNumbers) {
  const ScalingLaw law = fit_scaling_law(grid(0), 1);
  EXPECT_EQ(law.form, ScalingLaw::Form::chinchilla);
  EXPECT_NEAR(std::exp(law.numbers[0]), 1.69, 0.01);
  EXPECT_NEAR(law.numbers[2], 0.34, 0.002);
  EXPECT_NEAR(law.numbers[4], 0.28, 0.002);
  const ScalingRow far = published(3e8, 6e9);
  EXPECT_NEAR(law.loss(far) / far.loss, 1, 1e-3);
  EXPECT_NE(law.formula().find("/ N^0.3"), std::string::npos) << law.formula();
}

TEST(ScalingLaw, TheBandHoldsTheTruthAndWidensOutside) {
  int64_t inside = 0;
  for (uint64_t trial = 0; trial < 20; ++trial) {
    std::vector<ScalingRow> rows;
    for (const double n : {1e6, 3e6, 1e7, 3e7}) {
      for (const double ratio : {5.0, 20.0, 80.0}) rows.push_back(published(n, ratio * n, 0.005, 100 * trial + rows.size()));
    }
    const ScalingLaw law = fit_scaling_law(rows, trial);
    const ScalingRow next = published(1e8, 2e9, 0.005, 100 * trial + 50);
    const LossBand band = law.expect(next);
    ASSERT_TRUE(band.interval);
    EXPECT_NEAR(band.value / next.loss, 1, 0.06) << trial;
    inside += next.loss >= band.interval->low && next.loss <= band.interval->high;
    const LossBand within = law.expect(published(1e7, 2e8));
    EXPECT_LT(within.interval->high / within.interval->low, band.interval->high / band.interval->low) << trial;
  }
  EXPECT_GE(inside, 16);
}

TEST(ScalingLaw, OneBadRunDoesNotBendIt) {
  std::vector<ScalingRow> rows = grid(0);
  rows[4].loss *= 1.3;  // a run that went wrong
  const ScalingLaw law = fit_scaling_law(rows, 1);
  const ScalingRow next = published(1e8, 2e9);
  EXPECT_NEAR(law.loss(next) / next.loss, 1, 0.01);
}

TEST(ScalingLaw, FewRowsGiveAPowerOfTheCompute) {
  std::vector<ScalingRow> rows;
  for (const double n : {1e6, 3e6, 1e7}) rows.push_back({n, 20 * n, 120 * n * n, 10 * std::pow(120 * n * n, -0.05)});
  const ScalingLaw law = fit_scaling_law(rows, 1);
  EXPECT_EQ(law.form, ScalingLaw::Form::power);
  EXPECT_NEAR(law.numbers[2], 0.05, 1e-6);
  EXPECT_NE(law.why.find("3 runs are fewer"), std::string::npos) << law.why;
  // Two runs: a line through two points, and no word on how sure it is.
  const ScalingLaw two = fit_scaling_law(std::span(rows).first(2), 1);
  EXPECT_FALSE(two.expect(rows[2]).interval);
  EXPECT_NEAR(two.loss(rows[2]) / rows[2].loss, 1, 1e-6);
}

TEST(ScalingLaw, OneRatioCannotTellSizesFromTokens) {
  std::vector<ScalingRow> rows;
  for (double n = 1e6; n < 2e8; n *= 2) rows.push_back(published(n, 20 * n));
  const ScalingLaw law = fit_scaling_law(rows, 1);
  EXPECT_EQ(law.form, ScalingLaw::Form::power);
  EXPECT_NE(law.why.find("rise together"), std::string::npos) << law.why;
}

/// Nine runs of a ladder and the next size, as they came out (1x32, 2x32 and 2x64 on 4,096 tokens of vocabulary; 3x96): two
/// of the three sizes differ by their layers alone, 9 % of the parameters.
TEST(ScalingLaw, AnExponentAtTheEdgeIsNoExponent) {
  const std::vector<ScalingRow> rows = {{144384, 358400, 3.2810e11, 5.81879}, {144384, 716800, 6.5620e11, 5.51277}, {144384, 1434620, 1.3133e12, 5.29884},
                                        {157696, 391168, 4.0857e11, 5.70088}, {157696, 783360, 8.1820e11, 5.38296}, {157696, 1566720, 1.6364e12, 5.13396},
                                        {368640, 915456, 2.2048e12, 5.05801}, {368640, 1831940, 4.4121e12, 4.79568}, {368640, 3663360, 8.8230e12, 4.60432}};
  const ScalingLaw law = fit_scaling_law(rows, 1);
  EXPECT_EQ(law.form, ScalingLaw::Form::power);
  EXPECT_NE(law.why.find("parameters"), std::string::npos) << law.why;
  const LossBand next = law.expect({724992, 7205630, 3.4532e13, 0});
  ASSERT_TRUE(next.interval);
  EXPECT_LT(next.interval->low, 4.17102);
  EXPECT_GT(next.interval->high, 4.17102);
}

TEST(ScalingLaw, JsonThereAndBackGivesTheSameBand) {
  const ScalingLaw law = fit_scaling_law(grid(0.01), 1);
  const ScalingLaw again = scaling_law_from_json(Json::parse(to_json(law, true).dump()));
  const ScalingRow at = published(5e7, 1e9);
  EXPECT_EQ(law.loss(at), again.loss(at));
  EXPECT_EQ(law.expect(at).interval->low, again.expect(at).interval->low);
  EXPECT_THROW(scaling_law_from_json({{"form", "cubic"}}), Error);
  Json broken = to_json(law, false);
  broken["numbers"][2] = "x";
  EXPECT_THROW(scaling_law_from_json(broken), Error);
}

TEST(ScalingLaw, RefusesWhatHasNoLogarithm) {
  std::vector<ScalingRow> rows = grid(0);
  rows[0].loss = 0;
  EXPECT_THROW(fit_scaling_law(rows, 1), Error);
  EXPECT_THROW(fit_scaling_law(std::span(rows).subspan(1, 1), 1), Error);
}

}  // namespace
}  // namespace loam
