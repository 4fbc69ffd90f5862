// SentencePiece's BPE: small vocabularies by hand, llama2.c's and .model files as they are, hostile ones.
#include "loam/text/sentencepiece.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <functional>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/real_data.h"

namespace loam {
namespace {

const std::string kSpace = "\xe2\x96\x81";

/// <unk>, <s>, </s>, the bytes, then `texts` with scores falling from -1.
std::vector<ScoredPiece> pieces_with(const std::vector<std::string>& texts) {
  std::vector<ScoredPiece> out = {{"<unk>", 0, ScoredPiece::unknown}, {"<s>", 0, ScoredPiece::control}, {"</s>", 0, ScoredPiece::control}};
  for (int byte = 0; byte < 256; ++byte) out.push_back({name_of_byte(byte), 0, ScoredPiece::byte});
  double score = 0;
  for (const auto& text : texts) out.push_back({text, --score, ScoredPiece::normal});
  return out;
}

Tokenizer small(CharacterRules::Prefix prefix = CharacterRules::Prefix::always) {
  TokenizerParts parts = parts_from_scored(pieces_with({"ab", kSpace + "ab", "aa", "aaa", "bc", "a", "b", "c", kSpace, "\xc3\xa9"}), prefix);
  set_special_ids(parts, 1, 2, -1, true);
  return Tokenizer(std::move(parts));
}
constexpr int32_t kAb = 259, kSpaceAb = 260, kAa = 261, kAaa = 262, kA = 264, kC = 266, kSign = 267, kE = 268;

using Ids = std::vector<int32_t>;

TEST(SentencePiece, HigherScoresMergeFirst) {
  const Tokenizer t = small();
  EXPECT_EQ(t.encode("ab"), (Ids{kSpaceAb}));
  EXPECT_EQ(t.encode("ab ab"), (Ids{kSpaceAb, kSpaceAb}));
  EXPECT_EQ(t.encode("abc"), (Ids{kSpaceAb, kC}));  // "ab" before "bc"
  EXPECT_EQ(t.encode("aaaa"), (Ids{kSign, kAa, kAa}));
  EXPECT_EQ(t.encode("aaa"), (Ids{kSign, kAaa}));
  EXPECT_EQ(t.encode(""), Ids());
  EXPECT_EQ(t.encode(" "), (Ids{kSign, kSign}));
  EXPECT_EQ(t.prefix_ids(), (Ids{1}));
}

TEST(SentencePiece, WhatIsNoTokenGoesByBytes) {
  const Tokenizer t = small(CharacterRules::Prefix::none);
  EXPECT_EQ(t.encode("\xc3\xa9"), (Ids{kE}));
  EXPECT_EQ(t.encode("\xc3\xa8"), (Ids{3 + 0xc3, 3 + 0xa8}));
  EXPECT_EQ(t.encode("a\n"), (Ids{kA, 3 + '\n'}));
  EXPECT_EQ(t.encode("\xff"), (Ids{3 + 0xff}));
}

TEST(SentencePiece, TextComesBack) {
  const Tokenizer t = small();
  for (const std::string text : {"ab", " ab", "  ab  c", "", " ", "x\n\xc3\xa8\xf0\x9f\x98\x80\xff", "<s>ab"}) EXPECT_EQ(t.decode(t.encode(text)), text) << text;
}

TEST(SentencePiece, SpecialTokensOnRequestOnly) {
  const Tokenizer t = small();
  EXPECT_EQ(t.encode("<s>ab", Specials::recognise), (Ids{1, kSpaceAb}));
  EXPECT_GT(t.encode("<s>ab").size(), 4u);
}

TEST(SentencePiece, PairsThatMakeOneTokenAreOfOneRank) {
  const std::vector<Merge> merges = {{1, 2, 3}, {4, 5, 6}, {2, 1, 3}};
  const MergeTable by_order(merges), by_result(merges, true);
  EXPECT_EQ(by_order.find(2, 1).rank, 2);
  EXPECT_EQ(by_result.find(2, 1).rank, 0);
  EXPECT_EQ(by_result.find(1, 2).rank, 0);
  EXPECT_EQ(by_result.find(4, 5).rank, 1);
  EXPECT_TRUE(small().parts().characters->equal_ranks);
}

TEST(SentencePiece, StreamsWholeCharacters) {
  const Tokenizer t = small();
  StreamDecoder out(t);
  EXPECT_EQ(out.add(kAb), "ab");
  EXPECT_EQ(out.add(3 + 0xc3), "");
  EXPECT_EQ(out.add(3 + 0xa8), "\xc3\xa8");
  EXPECT_EQ(out.add(kSpaceAb), " ab");
  EXPECT_EQ(out.rest(), "");
}

TEST(SentencePiece, ThroughTokenizerJsonAndBack) {
  for (const auto prefix : {CharacterRules::Prefix::always, CharacterRules::Prefix::none, CharacterRules::Prefix::first}) {
    TokenizerParts parts = small(prefix).parts();
    const Json json = parts_to_json(parts);
    TokenizerParts again = parts_from_text(json.dump(), "test");
    again.config = parts.config;
    EXPECT_EQ(again.tokens, parts.tokens);
    EXPECT_EQ(again.merges, parts.merges);
    EXPECT_EQ(again.prefix, parts.prefix);
    EXPECT_EQ(again.characters->bytes, parts.characters->bytes);
    EXPECT_EQ(again.characters->unknown, 0);
    EXPECT_EQ(again.characters->prefix, prefix);
    for (const std::string text : {"ab ab", "aaaa", "\xc3\xa8 c", "  "}) {
      // "first" comes back as the rule that Hugging Face's Metaspace has: no space where one stands already.
      if (prefix != CharacterRules::Prefix::first || text[0] != ' ') {
        EXPECT_EQ(Tokenizer(again).encode(text), Tokenizer(parts).encode(text)) << text;
      }
    }
  }
}

TEST(SentencePiece, OutAsScoredPiecesAndBack) {
  const Tokenizer t = small();
  const TokenizerParts again = parts_from_scored(scored_pieces(t.parts()), CharacterRules::Prefix::always);
  EXPECT_EQ(again.tokens, t.parts().tokens);
  for (const std::string text : {"ab ab", "aaaa", "abc", "\xc3\xa8 c", "  "}) EXPECT_EQ(Tokenizer(again).encode(text), t.encode(text)) << text;
}

void expect_refused(const std::string& why, const std::function<void()>& f) {
  try {
    f();
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
  }
}

TEST(SentencePiece, RefusesWhatIsNoVocabulary) {
  const auto make = [](const std::vector<ScoredPiece>& pieces) { return [=] { Tokenizer(parts_from_scored(pieces, CharacterRules::Prefix::none)); }; };
  expect_refused("0 pieces", make({}));
  expect_refused("are both \"a\"", make(pieces_with({"a", "a"})));
  expect_refused("has no text", make(pieces_with({""})));
  expect_refused("neither a token for each byte", make({{"a", 0, ScoredPiece::normal}}));
  auto nan = pieces_with({"a"});
  nan.back().score = NAN;
  expect_refused("has the score", make(nan));
  expect_refused("too long to be a vocabulary", make(pieces_with({std::string(100'000, 'a')})));
}

TEST(SentencePiece, RefusesDamagedFiles) {
  expect_refused("has 4 bytes", [] { parts_from_llama2c("abcd"); });
  std::string lies(64, '\0');
  lies[8] = 100;
  expect_refused("is said to have 100 bytes", [&] { parts_from_llama2c(lies); });
  expect_refused("no SentencePiece model", [] { parts_from_sentencepiece("\x0a\xff\xff\xff\xff\x0f"); });
  expect_refused("holds no pieces", [] { parts_from_sentencepiece(""); });
}

TEST(SentencePiece, Llama2sTwoFormsAgree) {
  if (!fs::exists(real_data() / "tokenizers/llama2/tokenizer.model")) GTEST_SKIP() << "no Llama 2 vocabulary here";
  const Tokenizer model(parts_from_sentencepiece(read_file(real_data() / "tokenizers/llama2/tokenizer.model")));
  const Tokenizer bin(parts_from_llama2c(read_file(real_data() / "tokenizers/llama2/tokenizer.bin")));
  EXPECT_EQ(model.vocab_size(), 32000);
  for (const std::string text : {"Hello world", " Hello", "Caf\xc3\xa9 \xe2\x82\xac 3\n\n\tif (x) {}", "\xf0\x9f\x98\x80 ok", "    four"}) {
    EXPECT_EQ(model.encode(text), bin.encode(text)) << text;
    EXPECT_EQ(model.decode(model.encode(text)), text);
  }
  EXPECT_EQ(model.encode("Hello world"), (Ids{15043, 3186}));  // as in llama.cpp's vectors for this vocabulary
}

}  // namespace
}  // namespace loam
