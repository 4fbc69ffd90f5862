// The hand-written scanners against the regular expressions they stand for, as ICU reads them.
#include "loam/text/pretokenizer.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/text/regex_split.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

using Pieces = std::vector<std::string>;

Pieces split(const PreTokenizer& cut, std::string_view text) {
  Pieces out;
  cut.split(text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

/// The same expression kept from being recognised, so that ICU does the work.
Pieces by_icu(const PreTokenizer& cut, std::string_view text) {
  const detail::RegexSplit regex("(?:" + cut.regex() + ")");
  Pieces out;
  detail::regex_split(regex, text, [&](std::string_view piece) { out.emplace_back(piece); });
  return out;
}

void put(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | c >> 6);
    out += static_cast<char>(0x80 | (c & 63));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | c >> 12);
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  } else {
    out += static_cast<char>(0xf0 | c >> 18);
    out += static_cast<char>(0x80 | (c >> 12 & 63));
    out += static_cast<char>(0x80 | (c >> 6 & 63));
    out += static_cast<char>(0x80 | (c & 63));
  }
}

class EachPattern : public testing::TestWithParam<const char*> {};
class SlowEachPattern : public testing::TestWithParam<const char*> {};

/// Each character of a stretch between others of several kinds; many to a text, for ICU's start-up outlasts its matching.
std::string in_company(char32_t begin, char32_t end) {
  std::string text;
  for (char32_t c = begin; c < end; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    text += "a";
    put(text, c);
    put(text, c);
    text += "B ";
    put(text, c);
    text += "1";
    put(text, c);
    text += ".\n";
    put(text, c);
    text += "'s ";
  }
  return text;
}

TEST_P(EachPattern, EqualsItsExpressionOnRandomText) {
  const PreTokenizer cut = PreTokenizer::from_pattern(GetParam());
  // Letters of each kind, marks, numbers, spaces of each kind, contractions, emoji: what the patterns tell apart.
  const std::vector<std::string> atoms = {"a", "B", "ǅ", "ʰ", "中", "\u0301", "\u20dd", "1", "½", "Ⅷ", "٣", " ", "  ", "\n", "\r\n", "\t", "\v", "\u00a0", "\u3000",
                                          "\u2028", "\u0085", "\u200b", "\ufeff", "'", "'s", "'S", "'ſ", "'ll", "'lL", "'Re", "'ve", "'d", "'M", "'t", "’s", "/", "//", "-", "…", "€",
                                          "👩\u200d👧", "_", "(", "é", "É", "ß", "ж", "Ж", "हि", "ก", "\xf0\x9d\x90\x80", "\xf0\x9d\x9f\x8e", "hello", "World", "IO"};
  Random rng(5, GetParam());
  for (int round = 0; round < 400; ++round) {
    std::string text;
    for (int64_t n = 1 + rng.below(round % 100 == 0 ? 200 : 9); n > 0; --n) text += atoms[static_cast<size_t>(rng.below(static_cast<int64_t>(atoms.size())))];
    ASSERT_EQ(split(cut, text), by_icu(cut, text)) << text;
  }
}

TEST_P(EachPattern, EqualsItsExpressionOnCommonCharacters) {
  const PreTokenizer cut = PreTokenizer::from_pattern(GetParam());
  const std::vector<std::pair<char32_t, char32_t>> stretches = {{0, 0x600}, {0x900, 0x980}, {0x1f80, 0x2200}, {0x3000, 0x3100}, {0x1f600, 0x1f640}};
  for (const auto& [begin, end] : stretches) {
    for (char32_t block = begin; block < end; block += 64) {
      const std::string text = in_company(block, block + 64);
      ASSERT_EQ(split(cut, text), by_icu(cut, text)) << "at " << static_cast<uint32_t>(block);
    }
  }
}

TEST_P(SlowEachPattern, EqualsItsExpressionOnEveryCharacter) {
  const PreTokenizer cut = PreTokenizer::from_pattern(GetParam());
  for (char32_t block = 0; block < 0x110000; block += 64) {
    if (block >= 0x20400 && block < 0xe0000 && block % 0x1000 != 0) continue;  // ideographs and what is not assigned
    if (block >= 0xe0200 && block % 0x1000 != 0) continue;                     // private use
    const std::string text = in_company(block, block + 64);
    ASSERT_EQ(split(cut, text), by_icu(cut, text)) << "at " << static_cast<uint32_t>(block);
  }
}

TEST_P(EachPattern, PiecesAreTheTextForAnyBytes) {
  const PreTokenizer cut = PreTokenizer::from_pattern(GetParam());
  Random rng(6, GetParam());
  for (int round = 0; round < 3000; ++round) {
    std::string bytes, joined;
    for (int64_t n = rng.below(60); n > 0; --n) bytes += rng.below(2) == 0 ? static_cast<char>(rng.below(256)) : "a \n1'"[rng.below(5)];
    for (const auto& piece : split(cut, bytes)) {
      ASSERT_FALSE(piece.empty());
      joined += piece;
    }
    ASSERT_EQ(joined, bytes);
  }
}

INSTANTIATE_TEST_SUITE_P(Slow, SlowEachPattern, testing::Values("gpt2", "cl100k", "o200k"));
INSTANTIATE_TEST_SUITE_P(PreTokenizer, EachPattern, testing::Values("gpt2", "cl100k", "o200k"));

TEST(PreTokenizer, KnownCuts) {
  const auto cl100k = PreTokenizer::from_pattern("cl100k"), gpt2 = PreTokenizer::from_pattern("gpt2"), o200k = PreTokenizer::from_pattern("o200k");
  EXPECT_EQ(split(gpt2, "I'll pay $1234,  ok"), (Pieces{"I", "'ll", " pay", " $", "1234", ",", " ", " ok"}));
  EXPECT_EQ(split(cl100k, "I'LL pay $1234,\n\n ok"), (Pieces{"I", "'LL", " pay", " $", "123", "4", ",\n\n", " ok"}));
  EXPECT_EQ(split(o200k, "HelloWorld's 中文ABC a/b//\n"), (Pieces{"Hello", "World's", " 中文", "ABC", " a", "/b", "//\n"}));
  EXPECT_EQ(split(cl100k, "a\xff\xff" "b"), (Pieces{"a", "\xff\xff", "b"}));  // bytes that are no characters count as symbols
  EXPECT_EQ(split(PreTokenizer::from_pattern("[a-c]+"), "xxabcx"), (Pieces{"xx", "abc", "x"}));
  EXPECT_THROW(PreTokenizer::from_pattern("(unclosed"), Error);
  EXPECT_THROW(PreTokenizer::from_pattern(""), Error);
}

TEST(PreTokenizer, APatternThatBacktracksForEverIsStopped) {
  const auto bad = PreTokenizer::from_pattern("(a+)+$");
  EXPECT_THROW(split(bad, std::string(5000, 'a') + "b"), Error);
}

TEST(PreTokenizer, HuggingFaceForms) {
  const Json digits = Json::parse(R"({"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":true},{"type":"ByteLevel","add_prefix_space":false,"use_regex":true}]})");
  const PreTokenizer smollm = PreTokenizer::from_json(digits);
  EXPECT_EQ(split(smollm, "in 2024 x"), (Pieces{"in", " ", "2", "0", "2", "4", " x"}));
  EXPECT_EQ(PreTokenizer::from_json(smollm.to_json()).to_json(), smollm.to_json());
  const Json qwen = Json::parse(R"json({"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]})json");
  EXPECT_EQ(split(PreTokenizer::from_json(qwen), "a 12"), (Pieces{"a", " ", "1", "2"}));
  EXPECT_THROW(PreTokenizer::from_json(Json::parse(R"({"type":"Metaspace"})")), Error);
  EXPECT_THROW(PreTokenizer::from_json(Json::parse(R"({"type":"ByteLevel","add_prefix_space":true})")), Error);
  EXPECT_THROW(PreTokenizer::from_json(Json::parse(R"({"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated"})")), Error);
}

}  // namespace
}  // namespace loam
