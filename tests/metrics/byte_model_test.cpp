#include "loam/metrics/byte_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>

namespace loam {
namespace {

TEST(ByteModel, ProbabilitiesOfAllBytesSumToOne) {
  ByteModel m;
  m.fit("the cat sat on the mat; the dog sat on the log");
  for (const std::string context : {"", "t", "th", "the", "zzz", "on t", "at\xff"}) {
    double sum = 0;
    for (int b = 0; b < 256; ++b) sum += std::exp2(m.bits(context) - m.bits(context + static_cast<char>(b)));
    EXPECT_NEAR(sum, 1.0, 1e-9) << context;
  }
}

TEST(ByteModel, CountsByHand) {
  ByteModel empty;
  EXPECT_NEAR(empty.bits("ab"), 16.0, 1e-12);
  ByteModel m;
  m.fit("aab");
  // First byte 'a': seen 2 of 3, 2 followers: (2 + 2/256) / (3 + 2).
  EXPECT_NEAR(m.bits("a"), -std::log2((2 + 2.0 / 256) / 5), 1e-12);
  // 'b' after 'a': order 0 gives (1 + 2/256) / 5, then (1 + 2 p) / (2 + 2).
  const double p0 = (1 + 2.0 / 256) / 5;
  EXPECT_NEAR(m.bits("ab") - m.bits("a"), -std::log2((1 + 2 * p0) / 4), 1e-12);
}

TEST(ByteModel, LearnsWhatRepeats) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "abcdefgh";
  ByteModel m;
  m.fit(text);
  EXPECT_LT(m.bits(text) / static_cast<double>(text.size()), 0.1);
}

}  // namespace
}  // namespace loam
