// MinHash signatures to the bit: constants from numpy and xxHash, clusters from datatrove's own test.
#include "loam/stages/collect/minhash.h"

#include <gtest/gtest.h>

#include "loam/base/xxh64.h"

namespace loam {
namespace {

TEST(Minhash, FunctionsAreNumpys) {
  const MinhashFunctions& f = minhash_functions();
  EXPECT_EQ(f.a[0], 775169054918279404u);
  EXPECT_EQ(f.a[1], 1758426461858698313u);
  EXPECT_EQ(f.a[111], 223865076026037746u);
  EXPECT_EQ(f.b[0], 1062448801025099917u);
  EXPECT_EQ(f.b[111], 1097409548522419201u);
}

TEST(Minhash, HashesAreXxHashs) {
  EXPECT_EQ(xxh64("the quick brown fox jumps"), 7797000677988824208u);
  EXPECT_EQ(xxh64(""), 0xEF46DB3751D8E999u);
  EXPECT_EQ(xxh64("a"), 0xD24EC4F1A98C6E5Bu);
  EXPECT_EQ(xxh64("Nobody inspects the spammish repetition"), 0xFBCEA83C8A378BF1u);
}

TEST(Minhash, SignatureOfTheFox) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  EXPECT_EQ(minhash_shingles(text).front(), 7797000677988824208u);
  EXPECT_EQ(minhash_shingles(text).size(), 5u);
  const auto signature = minhash_signature(text);
  ASSERT_EQ(signature.size(), 112u);
  EXPECT_EQ(signature[0], 85330943174081874u);
  EXPECT_EQ(signature[111], 3963570588256049u);
  EXPECT_TRUE(minhash_signature("four words are none").empty());
  EXPECT_EQ(minhash_signature("The QUICK, brown fox jumps over the lazy d\u00F3g!"), signature);
}

TEST(Minhash, TextIsMadeAlike) {
  EXPECT_EQ(minhash_text("  Caf\u00E9  on 3,141.59 days\u2026 \u00C4RGER\n\u0661\u066B\u0662 x "), "cafe on 0 0 days arger 0 x");
  EXPECT_EQ(minhash_text("It cost $1.50; or 2 1/2.\tOK?"), "it cost 0 or 0 0 0 ok");
  EXPECT_EQ(minhash_text("1."), "0");
  EXPECT_EQ(minhash_text("\u00E9 1."), "e 0");
  EXPECT_EQ(minhash_text(""), "");
}

TEST(Minhash, ChanceOfAMatch) {
  EXPECT_NEAR(minhash_chance(0.5), 0.053, 5e-4);
  EXPECT_NEAR(minhash_chance(0.75), 0.772, 5e-4);
  EXPECT_NEAR(minhash_chance(0.8), 0.924, 5e-4);
  EXPECT_NEAR(minhash_chance(0.9), 0.9996, 5e-5);
}

}  // namespace
}  // namespace loam
