// Where each token stands in its text.
//
//   for (const TokenOffsets& t : encode_with_offsets(tokenizer, "Hello world")) ...   // t.id; text.substr(t.begin, t.end - t.begin)
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "loam/text/tokenizer.h"

namespace loam {

/// Bytes [begin, end) of the text. A token may be less than a character.
struct TokenOffsets {
  int32_t id;
  int64_t begin, end;
  bool operator==(const TokenOffsets&) const = default;
};

/// The ids of Tokenizer::encode() with the bytes they stand for, in order. The space that SentencePiece's kind puts before a text has no
/// bytes, nor has the white space that a special token takes along. Throws Error{input} where the tokenizer changes the text
/// first (composes characters, squeezes spaces, has no token for one), so that a token has no bytes there.
std::vector<TokenOffsets> encode_with_offsets(const Tokenizer& tokenizer, std::string_view text, Specials specials = Specials::as_text);

}  // namespace loam
