#include "loam/text/offsets.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/text/tokenizer_formats.h"

namespace loam {
namespace {

/// Bytes, "he", "ll" and "hell"; <|end|> takes white space on both sides along.
Tokenizer byte_level(bool nfc = false) {
  TokenizerParts parts;
  for (int byte = 0; byte < 256; ++byte) parts.tokens.emplace_back(1, static_cast<char>(byte));
  for (const char* token : {"he", "ll", "hell"}) parts.tokens.emplace_back(token);
  parts.merges = {{'h', 'e', 256}, {'l', 'l', 257}, {256, 257, 258}};
  parts.added = {{259, "<|end|>", true, true, true}};
  parts.normalize_nfc = nfc;
  return Tokenizer(std::move(parts));
}

using Offsets = std::vector<TokenOffsets>;

TEST(Offsets, TokensStandWhereTheirBytesAre) {
  const Tokenizer tok = byte_level();
  EXPECT_EQ(encode_with_offsets(tok, "hello he"), (Offsets{{258, 0, 4}, {'o', 4, 5}, {' ', 5, 6}, {256, 6, 8}}));
  EXPECT_TRUE(encode_with_offsets(tok, "").empty());
  // Less than a character each.
  EXPECT_EQ(encode_with_offsets(tok, "\xc3\xa9"), (Offsets{{0xc3, 0, 1}, {0xa9, 1, 2}}));
}

TEST(Offsets, SpecialTokensTakeTheirSpaceAlong) {
  const Tokenizer tok = byte_level();
  EXPECT_EQ(encode_with_offsets(tok, "he  <|end|>\n he", Specials::recognise), (Offsets{{256, 0, 2}, {259, 4, 11}, {256, 13, 15}}));
  EXPECT_EQ(encode_with_offsets(tok, "<|end|><|end|>", Specials::recognise), (Offsets{{259, 0, 7}, {259, 7, 14}}));
}

TEST(Offsets, NoneWhereTheTextIsChangedFirst) {
  const Tokenizer tok = byte_level(true);
  EXPECT_EQ(encode_with_offsets(tok, "he").size(), 1u);
  try {
    encode_with_offsets(tok, "he e\xcc\x81");  // composed to U+00E9
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find("at byte 3"), std::string::npos) << e.what();
  }
}

TEST(Offsets, TheSpaceBeforeATextHasNoBytes) {
  TokenizerParts parts;
  parts.tokens = {"<unk>", " ", "a", "b", " a", "ab", " ab"};
  parts.merges = {{1, 2, 4}, {4, 3, 6}};
  parts.characters.emplace();
  parts.characters->unknown = 0;
  const Tokenizer tok(std::move(parts));
  EXPECT_EQ(encode_with_offsets(tok, "ab a"), (Offsets{{6, 0, 2}, {4, 2, 4}}));
  EXPECT_EQ(encode_with_offsets(tok, "ab\xe2\x96\x81" "a"), (Offsets{{6, 0, 2}, {4, 2, 6}}));
}

}  // namespace
}  // namespace loam
