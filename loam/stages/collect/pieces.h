// Lines or paragraphs of a text by what they say, so that those which stood in an earlier document can be taken out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/stages/collect/rules.h"

namespace loam {

struct TextPiece {
  TextKey key;
  int64_t begin, end;  ///< bytes, the line end behind it or the empty lines included
};

/// Pieces of three words or more; shorter ones are never repetitions. Case, numbers and punctuation do not count
/// (minhash_text, as in cc_net's line hashes).
std::vector<TextPiece> pieces_of(std::string_view text, bool paragraphs);

/// The text without the pieces whose byte in `gone` is not 0; line ends at both ends go too.
std::string without_pieces(std::string_view text, const std::vector<TextPiece>& pieces, const std::vector<uint8_t>& gone);

}  // namespace loam
