// English words: each expected list is what spaCy's blank English tokenizer gives, white space left out.
#include "loam/text/english_words.h"

#include <gtest/gtest.h>

#include <string>

#include "loam/text/python_text.h"

namespace loam {
namespace {

std::string joined(std::string_view text) {
  std::string out;
  for (const Word& word : english_words(text)) {
    EXPECT_EQ(length_of(text.substr(static_cast<size_t>(word.begin), static_cast<size_t>(word.bytes))), word.characters);
    out += (out.empty() ? "" : "|") + std::string(text.substr(static_cast<size_t>(word.begin), static_cast<size_t>(word.bytes)));
  }
  return out;
}

TEST(EnglishWords, PunctuationAndContractions) {
  EXPECT_EQ(joined(""), "");
  EXPECT_EQ(joined(" \n\t"), "");
  EXPECT_EQ(joined("I am Frank, you are Jhon."), "I|am|Frank|,|you|are|Jhon|.");
  EXPECT_EQ(joined("I don't; you can't. It's he'll, cannot gonna y'all's"), "I|do|n't|;|you|ca|n't|.|It|'s|he|'ll|,|can|not|gon|na|y'|all|'s");
  EXPECT_EQ(joined("its well hell dont (well-known) mother-in-law"), "its|well|hell|do|nt|(|well|-|known|)|mother|-|in|-|law");
  EXPECT_EQ(joined("don\u2019t \u201Cquoted\u201D \u2018s"), "do|n\u2019t|\u201C|quoted|\u201D|\u2018s");
}

TEST(EnglishWords, AbbreviationsNumbersAndUnits) {
  EXPECT_EQ(joined("Mr. Smith, e.g. in the U.S. at 5 a.m., 7pm."), "Mr.|Smith|,|e.g.|in|the|U.S.|at|5|a.m.|,|7|pm|.");
  EXPECT_EQ(joined("10km 5% $3.50 3\u20AC US$20 1+2 1,000.5 100-200 50kg."), "10|km|5|%|$|3.50|3|\u20AC|US$|20|1|+|2|1,000.5|100|-|200|50|kg|.");
  EXPECT_EQ(joined("Mr.Smith end.Next lower.lower A.B"), "Mr.|Smith|end|.|Next|lower.lower|A.B");
  EXPECT_EQ(joined("wait... really.. yes\u2026 no--never"), "wait|...|really|..|yes|\u2026|no|--|never");
}

TEST(EnglishWords, AddressesSmileysAndSymbols) {
  EXPECT_EQ(joined("see http://www.a-b.org/x-y?q=1, or me-too@example.com. www.a-b.org"), "see|http://www.a-b.org/x-y?q=1|,|or|me-too@example.com|.|www.a-b.org");
  EXPECT_EQ(joined("10.0.0.1 http://127.0.0.1/a-b and/or hi:) :-( <3"), "10.0.0.1|http://127.0.0.1|/|a|-|b|and/or|hi|:)|:-(|<3");
  EXPECT_EQ(joined("hot\U0001F600day \u00A9me a=b x<y C++"), "hot|\U0001F600|day|\u00A9|me|a|=|b|x|<|y|C++");
  EXPECT_EQ(joined("the ./!*?<><> apple ++"), "the|./|!|*|?|<|>|<|>|apple|+|+");
}

TEST(EnglishWords, BrokenBytesAreCharacters) {
  const std::string text = "a\xFF" "b\xC3 c";
  EXPECT_EQ(english_words(text).size(), 5u);  // each is U+FFFD, a symbol: cut off anywhere
  int64_t end = 0;
  for (const Word& word : english_words(text)) {
    EXPECT_GE(word.begin, end);
    end = word.begin + word.bytes;
  }
  EXPECT_LE(end, static_cast<int64_t>(text.size()));
}

TEST(EnglishWords, SentencesByTerminals) {
  EXPECT_EQ(count_english_sentences(""), 0);
  EXPECT_EQ(count_english_sentences("no end"), 1);
  EXPECT_EQ(count_english_sentences("One. Two! Three? \"Four.\" Mr. Five went on... and on."), 5);
  EXPECT_EQ(count_english_sentences("At 3.50 a piece.) That is all."), 2);
}

TEST(PythonText, LinesWordsAndCase) {
  EXPECT_EQ(split_lines("a\r\nb\x1c" "c\xC2\x85" "d\u2028e\n"), (std::vector<std::string_view>{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(split_lines("\n\n").size(), 2u);
  EXPECT_EQ(split_space(" a\u00A0b\u3000c\x1f").size(), 3u);
  EXPECT_EQ(stripped("\u2003 x y\u00A0"), "x y");
  EXPECT_EQ(split_at("a\n\nb", '\n').size(), 3u);
  EXPECT_EQ(lowered("\u00C4B\u0130"), "\u00E4bi\u0307");
  EXPECT_TRUE(is_sentence_terminal(0x17D4));
  int terminals = 0;
  for (char32_t c = 0; c < 0x110000; ++c) terminals += is_sentence_terminal(c);
  EXPECT_GE(terminals, 159);
}

}  // namespace
}  // namespace loam
