// Unigram models: the best way to cut, the normalizer's table, both file forms, and what SentencePiece's own program gives.
#include "loam/text/unigram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/text/normal_form.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

fs::path data() {
  const char* given = std::getenv("LOAM_DATA");
  return given != nullptr ? fs::path(given) : fs::path(LOAM_SOURCE_DIR) / "../shared/data";
}

constexpr auto kNoBytes = CharacterRules::no_bytes();

/// The best way to cut, written down plainly: by place, the piece that ends the best way there. Of equal sums the earliest
/// begin wins. Ids, with a run of characters that are no piece as one 0.
std::vector<int32_t> best_way(const std::string& text, const std::map<std::string, double>& pieces, double unknown) {
  std::vector<double> best(text.size() + 1, -INFINITY);
  std::vector<size_t> begin(text.size() + 1);
  best[0] = 0;
  for (size_t end = 1; end <= text.size(); ++end) {
    for (size_t from = 0; from < end; ++from) {
      const auto found = pieces.find(text.substr(from, end - from));
      if (found == pieces.end() && end - from > 1) continue;
      const double sum = best[from] + (found == pieces.end() ? unknown : found->second);
      if (sum > best[end]) best[end] = sum, begin[end] = from;
    }
  }
  std::vector<int32_t> ids;
  for (size_t end = text.size(); end > 0; end = begin[end]) {
    const auto found = pieces.find(text.substr(begin[end], end - begin[end]));
    const int32_t id = found == pieces.end() ? 0 : static_cast<int32_t>(std::distance(pieces.begin(), found)) + 1;
    if (id != 0 || ids.empty() || ids.back() != 0) ids.push_back(id);
  }
  std::reverse(ids.begin(), ids.end());
  return ids;
}

TEST(Unigram, FindsTheBestOfAllWays) {
  Random rng(7, "unigram");
  for (int round = 0; round < 200; ++round) {
    std::map<std::string, double> pieces;
    while (pieces.size() < 12) {
      std::string piece;
      for (int64_t n = 1 + rng.below(5); n > 0; --n) piece += "abc "[rng.below(4)];
      pieces.emplace(piece, -0.25 * static_cast<double>(1 + rng.below(36)));  // sums are exact: ties are ties
    }
    std::vector<std::string> tokens = {""};
    UnigramRules rules;
    rules.scores = {0};
    double least = 0;
    for (const auto& [piece, score] : pieces) tokens.push_back(piece), rules.scores.push_back(score), least = std::min(least, score);
    const Unigram unigram(tokens, rules, kNoBytes, 0);
    for (int i = 0; i < 20; ++i) {
      std::string text;
      for (int64_t n = rng.below(40); n > 0; --n) text += "abc "[rng.below(4)];
      std::vector<int32_t> ids;
      unigram.encode(text, ids);
      ASSERT_EQ(ids, best_way(text, pieces, least - 10)) << "'" << text << "'";
    }
  }
}

TEST(Unigram, RoundedSumsDecideBetweenEqualWays) {
  // Two ways to cut "...": in exact sums they are equal, in 32 bits not, and which is better depends on what stands before.
  const std::vector<std::string> tokens = {"", ".", "..", "a"};
  const float one = -3.4716985f, two = -6.1386623f;
  std::map<std::vector<int32_t>, int> seen;
  for (int length = 0; length < 64; ++length) {
    UnigramRules rules{{0, one, two, -2.9f}, /*floats=*/true, false};
    const std::string text = std::string(static_cast<size_t>(length), 'a') + "...";
    std::vector<int32_t> ids;
    Unigram(tokens, rules, kNoBytes, 0).encode(text, ids);
    float before = 0;
    for (int i = 0; i < length; ++i) before += -2.9f;
    // The way with the longer last piece comes first and is kept rounded; the other one is compared as it is.
    const float kept = (before + one) + two;
    const bool longer_last = static_cast<double>(before + two) + static_cast<double>(one) <= static_cast<double>(kept);
    const std::vector<int32_t> wanted = longer_last ? std::vector<int32_t>{1, 2} : std::vector<int32_t>{2, 1};
    EXPECT_EQ(std::vector<int32_t>(ids.end() - 2, ids.end()), wanted) << length;
    ++seen[wanted];
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST(Unigram, IsLinearInALongText) {
  const std::vector<std::string> tokens = {"", "a", "aa", "aaaa", " a"};
  const Unigram unigram(tokens, {{0, -3, -4, -5, -2}}, kNoBytes, 0);
  std::vector<int32_t> ids;
  unigram.encode(std::string(1 << 20, 'a'), ids);
  EXPECT_EQ(ids.size(), size_t{1} << 18);
}

TEST(Unigram, BytesStandForWhatIsUnknown) {
  std::vector<std::string> tokens = {"", "a"};
  auto bytes = kNoBytes;
  for (int b = 0; b < 256; ++b) {
    bytes[static_cast<size_t>(b)] = static_cast<int32_t>(tokens.size());
    tokens.push_back(std::string(1, static_cast<char>(b)));
  }
  UnigramRules rules;
  rules.scores.assign(tokens.size(), 0);
  const Unigram unigram(tokens, rules, bytes, 0);
  std::vector<int32_t> ids;
  unigram.encode("a\xc3\xa9\xff", ids);
  EXPECT_EQ(ids, (std::vector<int32_t>{1, 2 + 0xc3, 2 + 0xa9, 2 + 0xff}));
}

TEST(Unigram, RefusesScoresThatAreNone) {
  EXPECT_THROW(Unigram({"", "a"}, {{0, NAN}}, kNoBytes, 0), Error);
  EXPECT_THROW(Unigram({"", "a"}, {{0, -INFINITY}}, kNoBytes, 0), Error);
  EXPECT_THROW(Unigram({"", "a"}, {{0}}, kNoBytes, 0), Error);
  EXPECT_THROW(Unigram({"", "a"}, {{0, 0}}, kNoBytes, -1), Error);
}

TEST(CharsMap, RefusesWhatIsCutOff) {
  EXPECT_EQ(CharsMap().normalized("a\xff\xc3\xa9"), "a\xef\xbf\xbd\xc3\xa9");
  EXPECT_THROW(CharsMap("abc"), Error);
  EXPECT_THROW(CharsMap(std::string("\x08\0\0\0abcd", 8)), Error);
  EXPECT_THROW(CharsMap(std::string("\x04\0\0\0abcdx", 9)), Error);
  // A table that points anywhere: no place outside is read.
  Random rng(3, "charsmap");
  for (int round = 0; round < 2000; ++round) {
    std::string bytes("\x40\0\0\0", 4);
    for (int i = 0; i < 64; ++i) bytes += static_cast<char>(rng.below(256));
    (void)CharsMap(bytes + "text" + std::string(1, '\0')).normalized("some \xef\xbc\xa1 text");
  }
}

TEST(Squeezed, SpacesBetweenWords) {
  EXPECT_EQ(squeezed("  a   b  ", true, true, true), "a b");
  EXPECT_EQ(squeezed("  a   b  ", true, false, false), " a b ");
  EXPECT_EQ(squeezed("  a   b  ", false, true, true), "  a   b");
  EXPECT_EQ(white_as_spaces("a\t\xe3\x80\x80\n b"), "a    b");
}

Tokenizer real() { return Tokenizer(parts_from_sentencepiece(read_file(data() / "tokenizers/sentencepiece/test_model.model"))); }
bool there() { return fs::exists(data() / "tokenizers/sentencepiece/test_model.model"); }

// Ids that SentencePiece 0.1.97's spm_encode gives with this model.
TEST(Unigram, IdsOfSentencePiecesOwnModel) {
  if (!there()) GTEST_SKIP() << "no SentencePiece model here";
  const Tokenizer tok = real();
  const std::vector<std::pair<std::string, std::vector<int32_t>>> kWanted = {
      {"", {}},
      {"Hello world.", {151, 88, 21, 887, 6}},
      {"I saw a girl with a telescope.", {9, 459, 11, 939, 44, 11, 4, 142, 82, 8, 28, 21, 132, 6}},
      {" leading", {4, 82, 218, 18}},
      {"trailing  ", {424, 128, 18}},
      {"two  spaces   here", {213, 273, 19, 135, 8, 348}},
      {"tab\011and\343\200\200wide", {4, 281, 66, 0, 253, 831}},
      {"\357\274\241\357\274\242\357\274\243\343\200\200\342\221\240\342\221\241\342\221\242 \357\254\201ne", {104, 540, 381, 4, 357, 596, 0, 706}},
      {"T\305\215ky\305\215 \343\201\213\343\202\231 \343\201\214 \357\275\266\357\276\236", {243, 0, 46, 34, 0, 4, 0, 4, 0, 4, 0}},
      {"\360\237\230\200 smile \360\237\230\200\360\237\230\200", {4, 0, 948, 4, 0}},
      {"\345\220\276\350\274\251\343\201\257\347\214\253\343\201\247\343\201\202\343\202\213", {4, 0}},
      {"\342\226\201sign \342\226\201\342\226\201 x", {4, 742, 4, 4, 4, 4, 297}},
      {"a\314\201 \303\251 \303\211", {4, 0, 4, 0, 4, 0}},
      {"<unk> </s> <s>", {4, 0, 160, 46, 0, 4, 0, 8, 0, 4, 0, 8, 0}},
      {"12345 $6.78", {4, 357, 596, 0, 556, 4, 0, 6, 0, 532}},
      {"don't can't", {274, 32, 15, 162, 32, 15}},
      {"\342\200\213zero\357\273\277width", {4, 0, 997, 40, 21, 0, 63, 140, 95}},
      {"\302\275 \302\262 \342\204\242 \342\200\246", {4, 357, 0, 596, 4, 596, 243, 431, 4, 6, 6, 6}},
      {"\307\205 \357\267\272", {304, 0, 4, 0, 4, 0, 4, 0, 4, 0}},
      {"x\302\240y", {4, 297, 4, 34}},
      // Ways of equal score, told apart by how sums are rounded.
      {"Hotta....... if you start a scrimmage here, I'll be greatly", {614, 269, 6, 94, 49, 432, 11, 51, 28, 83, 26, 26, 305, 348, 5, 9, 32, 88, 38, 584, 41}},
      {"....... darn the kids", {4, 269, 6, 275, 48, 24, 7, 574, 8}},
  };
  for (const auto& [text, ids] : kWanted) EXPECT_EQ(tok.encode(text), ids) << text;
}

TEST(Unigram, OutAsTokenizerJsonAndInAgain) {
  if (!there()) GTEST_SKIP() << "no SentencePiece model here";
  const Tokenizer tok = real();
  const Tokenizer again(parts_from_text(to_line(parts_to_json(tok.parts())), "tokenizer.json"));
  EXPECT_EQ(again.parts().unigram->scores, tok.parts().unigram->scores);
  EXPECT_TRUE(tok.parts().unigram->floats);  // what tokenizer_config.json says beside the file: SentencePiece's rounding
  EXPECT_EQ(*again.parts().characters == *tok.parts().characters, false);  // "unless_space" is Metaspace's way
  const std::string book = read_file(data() / "tokenizers/sentencepiece/botchan.txt");
  EXPECT_EQ(again.encode(book), tok.encode(book));
  EXPECT_EQ(tok.decode(tok.encode("I  saw a girl. ")), "I saw a girl.");
}

TEST(UnigramJson, StripsBeforeASpecialToken) {
  const std::string text = R"({"added_tokens":[{"id":0,"content":"<unk>","special":true}],"normalizer":{"type":"Strip","strip_left":false,"strip_right":true},)"
                           R"("pre_tokenizer":{"type":"Metaspace","replacement":"▁","prepend_scheme":"always"},"model":{"type":"Unigram","unk_id":0,"vocab":[["<unk>",0],["▁a",-1],["▁",-2]]}})";
  const Tokenizer tok(parts_from_text(text, "x"));
  EXPECT_EQ(tok.encode("a  a  <unk> a ", Specials::recognise), (std::vector<int32_t>{1, 2, 1, 0, 1}));
}

TEST(UnigramJson, RefusesWhatItDoesNotDo) {
  const auto json = [](const std::string& normalizer, const std::string& pre, const std::string& vocab, const std::string& more = R"("unk_id":0)") {
    return R"({"added_tokens":[],"normalizer":)" + normalizer + R"(,"pre_tokenizer":)" + pre + R"(,"model":{"type":"Unigram",)" + more + R"(,"vocab":)" + vocab + "}}";
  };
  const std::string meta = R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always"})", vocab = R"([["<unk>",0],["▁a",-1],["a",-2]])";
  const Tokenizer good(parts_from_text(json("null", meta, vocab), "x"));
  EXPECT_EQ(good.encode("a aab"), (std::vector<int32_t>{1, 1, 2, 0}));
  // Cut at spaces or not: "a▁a" and "▁▁" are pieces only where it is not.
  const std::string pieces = R"([["<unk>",0],["▁a",-1],["a",-2],["▁a▁a",-1],["▁▁",-1],["▁",-3]])";
  EXPECT_EQ(Tokenizer(parts_from_text(json("null", meta, pieces), "x")).encode("a a  a"), (std::vector<int32_t>{1, 1, 5, 1}));
  const std::string whole = R"({"type":"Metaspace","replacement":"▁","prepend_scheme":"always","split":false})";
  EXPECT_EQ(Tokenizer(parts_from_text(json("null", whole, pieces), "x")).encode("a a  a"), (std::vector<int32_t>{3, 4, 2}));
  const auto refused = [](const std::string& text, const std::string& why) {
    try {
      Tokenizer(parts_from_text(text, "x"));
      ADD_FAILURE() << "not refused: " << why;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    }
  };
  refused(json(R"({"type":"Lowercase"})", meta, vocab), "normalizer Lowercase is not supported");
  refused(json(R"({"type":"Precompiled","precompiled_charsmap":"a"})", meta, vocab), "no base64");
  refused(json(R"({"type":"Precompiled","precompiled_charsmap":"AAAAAAAA"})", meta, vocab), "its normalizer's table says");
  refused(json("null", "null", vocab), "no Metaspace");
  refused(json("null", R"({"type":"ByteLevel"})", vocab), "ByteLevel is not supported");
  refused(json("null", meta, "{}"), "no list \"vocab\"");
  refused(json("null", meta, R"([["<unk>",0],["a"]])"), "its piece 1 is no text with a score");
  refused(json("null", meta, R"([["<unk>",0],["a",1],["a",1]])"), "the piece \"a\" twice");
  refused(json("null", meta, vocab, R"("unk_id":7)"), "its unk_id is 7; there are 3 pieces");
  refused(json("null", meta, vocab, R"("byte_fallback":false)"), "\"unk_id\" is missing");
}

}  // namespace
}  // namespace loam
