// Rows packed side by side: each once, nothing seen across.
#include "loam/model/packing.h"

#include <gtest/gtest.h>

#include "loam/base/random.h"

namespace loam {
namespace {

TEST(Packing, TrimsToTheLastAnswerAndTheContext) {
  TokenRow row{{1, 2, 3, 4, 5}, {0, 0, 1, 1, 0}};
  bool cut = true;
  EXPECT_TRUE(trim_row(row, 10, cut));
  EXPECT_FALSE(cut);
  EXPECT_EQ(row.ids, (std::vector<int32_t>{1, 2, 3, 4}));
  EXPECT_EQ(row.learned(), 2);
  EXPECT_TRUE(trim_row(row, 2, cut));
  EXPECT_TRUE(cut);
  EXPECT_EQ(row.ids, (std::vector<int32_t>{1, 2, 3}));
  TokenRow long_prompt{{1, 2, 3, 4, 5}, {0, 0, 0, 0, 1}};
  EXPECT_FALSE(trim_row(long_prompt, 2, cut));
  TokenRow nothing{{1}, {0}};
  EXPECT_FALSE(trim_row(nothing, 4, cut));
  TokenRow empty;
  EXPECT_FALSE(trim_row(empty, 4, cut));
}

TEST(Packing, EveryRowOnceAndSequencesNearlyFull) {
  std::vector<int32_t> lengths, order;
  Random random(3, "lengths");
  int64_t total = 0;
  for (int32_t i = 0; i < 1000; ++i) {
    lengths.push_back(static_cast<int32_t>(1 + random.below(120)));
    order.push_back(i);
    total += lengths.back();
  }
  random.shuffle(std::span(order));
  const auto plan = pack_rows(lengths, order, 128);
  std::vector<int> times(1000);
  for (const auto& sequence : plan) {
    int64_t used = 0;
    for (const int32_t row : sequence) {
      ++times[static_cast<size_t>(row)];
      used += lengths[static_cast<size_t>(row)];
    }
    EXPECT_LE(used, 128);
  }
  EXPECT_EQ(times, std::vector<int>(1000, 1));
  EXPECT_LT(static_cast<double>(plan.size()) * 128, static_cast<double>(total) * 1.06);
}

TEST(Packing, LaysRowsOutWithoutLookingAcross) {
  const std::vector<TokenRow> rows = {{{10, 11, 12}, {0, 0, 1}}, {{20, 21, 22, 23}, {0, 1, 1, 1}}};
  const std::vector<PackedSequence> plan = {{0, 1}};
  const PackedBatch b = lay_out(rows, plan, 6, 9, false, 2);
  EXPECT_EQ(b.batch, 2);
  EXPECT_EQ(b.ids, (std::vector<int32_t>{10, 11, 20, 21, 22, 9, 9, 9, 9, 9, 9, 9}));
  EXPECT_EQ(b.positions, (std::vector<int32_t>{0, 1, 0, 1, 2, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(b.starts, (std::vector<int32_t>{0, 0, 2, 2, 2, 5, 0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(b.targets, (std::vector<int32_t>{-1, 12, 21, 22, 23, -1, -1, -1, -1, -1, -1, -1}));
  EXPECT_EQ(b.learned, 4);
  const PackedBatch whole = lay_out(rows, plan, 8, 9, true);
  EXPECT_EQ(whole.ids, (std::vector<int32_t>{10, 11, 12, 20, 21, 22, 23, 9}));
  EXPECT_EQ(whole.ends, (std::vector<int64_t>{2, 6}));
  EXPECT_EQ(whole.learned, 0);
}

}  // namespace
}  // namespace loam
