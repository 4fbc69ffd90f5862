// UTF-8: what is valid, how broken text is repaired, prefixes that do not cut a character.
#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

TEST(Utf8, RepairsEachMaximalPart) {
  // Unicode 15.0, table 3-11: 61 F1 80 80 E1 80 C2 62 80 63 80 BF 64
  int64_t repairs = 0;
  EXPECT_EQ(repaired_utf8("a\xF1\x80\x80\xE1\x80\xC2" "b\x80" "c\x80\xBF" "d", &repairs),
            "a\uFFFD\uFFFD\uFFFD" "b\uFFFD" "c\uFFFD\uFFFD" "d");
  EXPECT_EQ(repairs, 6);
  EXPECT_EQ(repaired_utf8("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(repaired_utf8("\xC0\x80\xF5\xE2\x82"), "\uFFFD\uFFFD\uFFFD\uFFFD");
  EXPECT_EQ(repaired_utf8("d\u00E9j\u00E0 \U0001F469", &repairs), "d\u00E9j\u00E0 \U0001F469");
  EXPECT_EQ(repairs, 0);
}

TEST(Utf8, PrefixesEndBetweenCharacters) {
  const std::string text = "a\u00E9\u6F22\U0001F469z";  // 1 + 2 + 3 + 4 + 1 bytes
  const int64_t ends[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
  for (int64_t limit = 0; limit <= 12; ++limit) EXPECT_EQ(utf8_prefix(text, limit).size(), static_cast<size_t>(ends[limit])) << limit;
  EXPECT_EQ(count_code_points(text), 5);
}

TEST(Utf8, CodePointsGoBothWays) {
  for (const char32_t c : {U'a', U'\u00E9', U'\uFFFD', U'\u6F22', U'\U0001F469', U'\U0010FFFF'}) {
    std::string text;
    append_utf8(text, c);
    size_t at = 0;
    EXPECT_EQ(next_code_point(text, at), c);
    EXPECT_EQ(at, text.size());
  }
  std::string text;
  append_utf8(text, 0xD800);
  EXPECT_EQ(text, "\uFFFD");
}

}  // namespace
}  // namespace loam
