#include "loam/stages/pretrain/machine.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/threads.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {
namespace {

Machine made_up() {
  Machine m;
  m.cpu = "test";
  m.isa = "avx2";
  m.version = "1";
  m.threads = 2;
  m.peak_flops = m.float_flops = 2e11;
  m.bandwidth = 1e10;
  m.shares = {{64, 0.4}, {256, 0.8}};
  return m;
}

ModelConfig shape(int64_t layers, int64_t channels) {
  ModelConfig c = family_shape("llama", layers, channels, 256);
  c.vocab = 1000;
  return c;
}

TEST(Roofline, SharesLieBetweenTheMeasuredWidths) {
  const Machine m = made_up();
  EXPECT_DOUBLE_EQ(m.share_at(64), 0.4);
  EXPECT_DOUBLE_EQ(m.share_at(256), 0.8);
  EXPECT_NEAR(m.share_at(128), 0.6, 1e-12);  // half way on the logarithmic scale
  EXPECT_DOUBLE_EQ(m.share_at(32), 0.4);
  EXPECT_DOUBLE_EQ(m.share_at(4096), 0.8);
}

TEST(Roofline, OperationsAtThePeakAndBytesAtTheBandwidth) {
  Machine m = made_up();
  const ModelConfig c = shape(4, 128);
  m.bandwidth = 1e30;  // bytes for nothing: the operations alone
  const double operations = training_flops_per_token(c, 256) * 4 * 256;
  EXPECT_NEAR(roofline_step_seconds(m, c, 4, 256, false), operations / 2e11, 1e-12);
  EXPECT_NEAR(predicted_rate(m, c, 4, 256, false), 0.6 * 1024 / (operations / 2e11), 1e-6);
  // Small batches pay for the optimizer: fewer tokens a second.
  m.bandwidth = 1e10;
  EXPECT_LT(predicted_rate(m, c, 1, 16, false), 0.7 * predicted_rate(m, c, 16, 16, false));
}

TEST(Roofline, MuonsProductsAreCounted) {
  Machine m = made_up();
  m.bandwidth = 1e30;
  ModelConfig c = shape(3, 128);
  // Queries, keys, values and the projection are 128 x 128: five rounds of two symmetric products (n n n each) and a whole one. The layer's wide
  // three are 128 x hidden: the Gram matrix (half of a product), 17 symmetric ones of 128 x 128, and one with the matrix.
  const double n = 128, h = static_cast<double>(c.hidden);
  ASSERT_GT(h, 1.5 * n);
  const double operations = 3 * (4 * 5 * 4 * n * n * n + 3 * (n * n * h + 17 * n * n * n + 2 * n * n * h));
  EXPECT_NEAR(roofline_step_seconds(m, c, 4, 256, true) - roofline_step_seconds(m, c, 4, 256, false), operations / 2e11, 1e-12);
}

TEST(Roofline, TilesMakeProductsFasterAndNothingElse) {
  Machine m = made_up();
  m.bandwidth = 1e30;
  const ModelConfig c = shape(4, 128);
  m.peak_flops = 2e12;
  const double products = 6.0 * static_cast<double>(matmul_parameters(c)) * 4 * 256;
  const double attention = training_flops_per_token(c, 256) * 4 * 256 - products;
  ASSERT_GT(attention, 0);
  EXPECT_NEAR(roofline_step_seconds(m, c, 4, 256, false), products / 2e12 + attention / 2e11, 1e-12);
  m.products = "bfloat16";
  EXPECT_EQ(m.key(), "test | 2 threads | avx2 | bfloat16 | loam 1");
}

class MachineCache : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder);
    make_folder(folder);
    ::setenv("XDG_CACHE_HOME", folder.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("XDG_CACHE_HOME"); }
  const fs::path folder = fs::path(testing::TempDir()) / "loam_machine_cache";
};

TEST_F(MachineCache, JsonThereAndBack) {
  const Machine m = machine_from_json(Json::parse(to_json(made_up()).dump()));
  EXPECT_EQ(m.key(), "test | 2 threads | avx2 | loam 1");
  EXPECT_EQ(m.shares.size(), 2u);
  EXPECT_EQ(predicted_rate(m, shape(4, 128), 4, 256, false), predicted_rate(made_up(), shape(4, 128), 4, 256, false));
  Json broken = to_json(made_up());
  broken["bandwidth"] = -1;
  EXPECT_THROW(machine_from_json(broken), Error);
  broken = to_json(made_up());
  broken["shares"] = Json::array();
  EXPECT_THROW(machine_from_json(broken), Error);
}

/// Measures: a second or two.
TEST_F(MachineCache, IsMeasuredOnceForEachNumberOfThreadsAndMendsItself) {
  struct Counting : Progress {
    int measured = 0;
    void note(std::string_view line) override { measured += line.starts_with("measured this machine"); }
  } progress;
  EXPECT_EQ(machine_file(), folder / "loam" / "machine.json");
  EXPECT_FALSE(known_machine(Precision::float32));
  const Machine first = this_machine(Precision::float32, false, progress);
  EXPECT_EQ(progress.measured, 1);
  EXPECT_GT(first.peak_flops, 1e8);
  EXPECT_GT(first.bandwidth, 1e7);
  EXPECT_EQ(to_json(this_machine(Precision::float32, false, progress)), to_json(first));
  EXPECT_EQ(progress.measured, 1);
  const int before = threads();
  set_threads(before + 1);
  EXPECT_FALSE(known_machine(Precision::float32));
  set_threads(before);
  write_file(machine_file(), "{\"machines\": 5");  // damaged: as if there were none
  EXPECT_FALSE(known_machine(Precision::float32));
  write_file(machine_file(), to_pretty({{"machines", {{first.key(), {{"cpu", 3}}}}}}));
  EXPECT_FALSE(known_machine(Precision::float32));
}

}  // namespace
}  // namespace loam
