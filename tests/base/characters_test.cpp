#include "loam/base/characters.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

TEST(Characters, OnlyAsciisLettersChangeTheirCase) {
  EXPECT_EQ(ascii_lower("AZaz09 @[`{ \xC3\x84"), "azaz09 @[`{ \xC3\x84");  // capital A with diaeresis stays
  EXPECT_EQ(ascii_lower('Q'), 'q');
  EXPECT_EQ(ascii_lower(""), "");
}

TEST(Characters, WhiteSpaceGoesOffTheEndsAlone) {
  EXPECT_EQ(trimmed(" \t\r\n a b \n"), "a b");
  EXPECT_EQ(trimmed("\va\v"), "\va\v");  // not one of them
  EXPECT_EQ(trimmed("\va\v", "\v"), "a");
  EXPECT_EQ(trimmed(" \n "), "");
  EXPECT_EQ(trimmed(""), "");
}

TEST(Characters, CodePointsAsUtf8) {
  std::string out;
  for (const char32_t c : {U'$', U'\u00A3', U'\u20AC', U'\U00010348'}) append_utf8(out, c);
  EXPECT_EQ(out, "$\xC2\xA3\xE2\x82\xAC\xF0\x90\x8D\x88");  // RFC 3629's ranges, one of each
  out.clear();
  append_utf8(out, 0xD800);
  append_utf8(out, 0x110000);
  EXPECT_EQ(out, "\xEF\xBF\xBD\xEF\xBF\xBD");
}

}  // namespace
}  // namespace loam
