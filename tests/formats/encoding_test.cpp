// Encodings: marks, declarations, detection, repair.
#include "loam/formats/encoding.h"

#include <gtest/gtest.h>

#include "loam/formats/utf8.h"

namespace loam {
namespace {

using namespace std::string_literals;

std::string repeat(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Encoding, MarksAndWideText) {
  EXPECT_EQ(decode_text("\xEF\xBB\xBFh\xC3\xA9").text, "h\u00E9");
  EXPECT_EQ(decode_text("\xFF\xFEh\0\xE9\0"s).text, "h\u00E9");
  EXPECT_EQ(decode_text("\xFE\xFF\0h\0\xE9"s).text, "h\u00E9");
  EXPECT_EQ(decode_text("\xFF\xFE\0\0h\0\0\0"s).text, "h");
  EXPECT_EQ(decode_text("h\0e\0l\0l\0o\0 \0y\0o\0u\0"s).text, "hello you");
  EXPECT_EQ(decode_text("\0h\0e\0l\0l\0o\0 \0y\0o\0u"s).charset, "utf-16be");
}

TEST(Encoding, Utf8IsTakenAsItIs) {
  const std::string text = "d\u00E9j\u00E0 vu \u6F22\u5B57 \U0001F469\n";
  EXPECT_EQ(decode_text(text).text, text);
  EXPECT_EQ(decode_text(text, "iso-8859-1").text, text);
  EXPECT_EQ(decode_text("plain", "utf-16").text, "plain");
}

TEST(Encoding, DeclaredOrDetected) {
  const std::string latin = repeat("Ein M\xE4rchen \xFC" "ber gr\xF6\xDF" "ere Dinge; d\xE9j\xE0 vu, se\xF1or. ", 40);
  EXPECT_NE(decode_text(latin).text.find("M\u00E4rchen \u00FCber gr\u00F6\u00DFere"), std::string::npos);
  EXPECT_EQ(decode_text("na\xEFve").text, "na\u00EFve");
  EXPECT_EQ(decode_text("\x93quoted\x94 \x80 5", "iso-8859-1").text, "\u201Cquoted\u201D \u20AC 5");
  EXPECT_EQ(decode_text("\xCF\xD2\xC9\xD7\xC5\xD4", "koi8-r").text, "\u043E\u0440\u0438\u0432\u0435\u0442");
  const std::string russian = repeat("\xCF\xF0\xE8\xE2\xE5\xF2, \xEC\xE8\xF0! \xDD\xF2\xEE \xEF\xF0\xEE\xF1\xF2\xEE\xE9 \xF2\xE5\xEA\xF1\xF2 \xED\xE0 \xF0\xF3\xF1\xF1\xEA\xEE\xEC \xFF\xE7\xFB\xEA\xE5. ", 10);
  EXPECT_EQ(decode_text(russian).charset, "windows-1251");
  const std::string japanese = repeat("\x82\xB1\x82\xEA\x82\xCD\x93\xFA\x96\x7B\x8C\xEA\x82\xCC\x95\xB6\x8F\xCD\x82\xC5\x82\xB7\x81\x42", 20);
  EXPECT_EQ(decode_text(japanese).text.substr(0, 9), "\u3053\u308C\u306F");
  EXPECT_EQ(decode_text("\x1b$B$3$l\x1b(B ok", "iso-2022-jp").text, "\u3053\u308C ok");
  for (const char* charset : {"", "utf-8", "utf-7", "iso-2022-jp", "hz-gb-2312", "koi8-r"}) EXPECT_EQ(decode_text(std::string_view(), charset).text, "") << charset;
  EXPECT_EQ(decode_text("caf\xE9", "no-such-charset").text, "caf\u00E9");
}

TEST(Encoding, BrokenUtf8IsRepaired) {
  const Decoded d = decode_text(repeat("caf\u00E9 \u2014 d\u00E9j\u00E0\n", 20) + "cut \xE2\x80 off \u00E9\n" + "pasted caf\xE9\n");
  EXPECT_NE(d.text.find("cut \uFFFD off \u00E9\n"), std::string::npos);
  EXPECT_NE(d.text.find("pasted caf\u00E9\n"), std::string::npos);
  EXPECT_EQ(d.repairs, 2);
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const char* charset : {"", "utf-8", "utf-16", "utf-7", "iso-2022-jp", "gb18030", "big5", "hz-gb-2312", "shift_jis", "utf-32"}) {
    EXPECT_TRUE(valid_utf8(decode_text(all + all, charset).text)) << charset;
  }
}

TEST(Encoding, LinesAndControls) {
  EXPECT_EQ(with_unix_lines("a\r\nb\rc\n\r\nd\r"), "a\nb\nc\n\nd\n");
  EXPECT_EQ(with_unix_lines("a\r\r\nb"), "a\n\nb");
  EXPECT_EQ(with_unix_lines("no\ncr \u2028 \u0085"), "no\ncr \u2028 \u0085");
  EXPECT_DOUBLE_EQ(control_share("a\0b\0"s), 0.5);
  EXPECT_DOUBLE_EQ(control_share("a\t\r\n\f"), 0.0);
}

}  // namespace
}  // namespace loam
