#include <gtest/gtest.h>

#include "loam/stages/plan/bill.h"
#include "loam/stages/plan/mixtures.h"

namespace loam {
namespace {

TEST(Bill, Gpt3CostsWhatWasPublished) {
  PlanConfig config;
  config.params = 175e9;
  config.tokens = 300e9;
  config.gpu = "v100";
  config.price = 1.5;
  const Bill bill = make_bill(config);
  EXPECT_NEAR(bill.operations, 3.15e23, 1e18);
  EXPECT_NEAR(*bill.cost, 4.6875e6, 1e3);  // 3.15e23 / 28e12 / 3600 * 1.5
  EXPECT_EQ(bill.devices_for_memory, 88);  // 16 bytes x 175e9 = 2.8e12, over 32e9
  EXPECT_NEAR(bill.json()["cost"].get<double>(), *bill.cost, 1e-6);
}

TEST(Bill, ThePapersOwnOperationsGive355Years) {
  PlanConfig config;
  config.operations = 3.14e23;
  config.gpu = "v100";
  const Bill bill = make_bill(config);
  EXPECT_NEAR(bill.device_years(), 355.6, 0.1);
  EXPECT_NEAR(*bill.cost, 4.67e6, 0.01e6);
  EXPECT_EQ(bill.state_bytes, 0);  // no parameters, no memory
}

TEST(Bill, EveryAssumptionIsShownAndChangeable) {
  PlanConfig config;
  config.params = 1e9;
  config.gpu = "h100";
  config.tflops = 500;
  config.devices = 8;
  const Bill bill = make_bill(config);
  EXPECT_EQ(bill.tokens, 20e9);  // compute-optimal unless told
  EXPECT_EQ(bill.flops_per_second, 500e12);
  EXPECT_FALSE(bill.cost.has_value());  // no price known: no money
  EXPECT_NEAR(bill.wall_hours(), bill.device_hours / 8, 1e-9);
  ASSERT_FALSE(bill.assumptions.empty());
  for (const Assumption& a : bill.assumptions) EXPECT_FALSE(a.source.empty()) << a.name;
}

TEST(Bill, RefusesUnknownDevicesAndMissingSizes) {
  PlanConfig config;
  config.gpu = "v10";
  try {
    config.validate();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("did you mean v100?"), std::string::npos) << e.what();
  }
  EXPECT_THROW(make_bill(PlanConfig{}), Error);
  PlanConfig here;
  here.params = 1e6;
  EXPECT_THROW(make_bill(here), Error);                     // this machine, not measured
  EXPECT_EQ(make_bill(here, 1e11).flops_per_second, 1e11);  // measured
}

TEST(Mixture, Gpt3sSourcesFollowFromTheTable) {
  const auto rows = mixture_rows(find_mixture("gpt3"), 300e9);
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_NEAR(rows[0].epochs, 0.4347, 1e-3);  // 0.60 / 1.01 * 300 / 410
  EXPECT_NEAR(rows[1].epochs, 3.4393, 1e-3);  // published: 2.9
  double share = 0;
  for (const MixtureRow& row : rows) share += row.share;
  EXPECT_NEAR(share, 1, 1e-12);
  EXPECT_NEAR(find_mixture("gpt3").weight_sum(), 1.01, 1e-12);
}

TEST(Mixture, SaysWhatDoesNotAddUp) {
  const Json json = mixture_json(find_mixture("gpt3"), 300e9);
  ASSERT_EQ(json["notes"].size(), 2u);
  EXPECT_NE(json["notes"][0].get<std::string>().find("101 %"), std::string::npos);
  const std::string epochs = json["notes"][1];
  EXPECT_EQ(epochs.rfind("2 of the published epochs", 0), 0u) << epochs;
  EXPECT_NE(epochs.find("WebText2"), std::string::npos);
  EXPECT_NE(epochs.find("Wikipedia"), std::string::npos);
  EXPECT_EQ(json["mixture"][2]["weight"].get<double>(), 0.08);
}

TEST(Mixture, NamesTheNearest) {
  try {
    find_mixture("gpt-3");
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean gpt3?"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace loam
