// SentencePiece's vocabularies: pieces with a score and a kind, as .model files, GGUF and llama2.c hold them.
//
//   TokenizerParts parts = parts_from_sentencepiece(read_file("tokenizer.model"));
//   TokenizerParts parts = parts_from_llama2c(read_file("tok512.bin"));
//   TokenizerParts parts = parts_from_scored(pieces, CharacterRules::Prefix::always);   // GGUF's lists
//
// Of two pairs of neighbours the one whose joined text has the higher score is merged first, of equals the leftmost
// (Kudo & Richardson 2018). So the merges are all pairs of pieces that join to a piece, in order of its score.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loam/text/tokenizer.h"

namespace loam {

/// U+2581: how SentencePiece writes a space.
inline constexpr std::string_view kSpaceSign = "\xe2\x96\x81";

struct ScoredPiece {
  enum Kind { normal = 1, unknown, control, user_defined, unused, byte };  ///< SentencePiece's and GGUF's numbers
  std::string text;  ///< with U+2581 for a space; a byte as "<0x0A>"
  double score = 0;
  Kind kind = normal;
};

/// The id of a piece is its place. The config gets what it tells: unk_token, and merge_order "sentencepiece".
/// Throws Error{input} naming the piece: none at all, a text twice, no text, texts so long that merges would be without
/// number, neither bytes nor an unknown piece.
/// With `unigram` the scores are log probabilities, and there are no merges.
TokenizerParts parts_from_scored(const std::vector<ScoredPiece>& pieces, CharacterRules::Prefix prefix, bool unigram = false);

/// The other way, for files of that kind: the scores are the ranks of merges, below 0.
std::vector<ScoredPiece> scored_pieces(const TokenizerParts& parts);

/// A .model file (a protocol buffer). Throws Error{input}: cut off, a model of words or of characters.
TokenizerParts parts_from_sentencepiece(std::string_view bytes);
/// llama2.c's tokenizer.bin: the longest length, then score, length and bytes of each; 0 to 2 are <unk>, <s>, </s>, then
/// the 256 bytes.
TokenizerParts parts_from_llama2c(std::string_view bytes);

/// "▁the" -> " the", and back.
std::string spaces_from_signs(std::string_view text);
std::string signs_from_spaces(std::string_view text);
/// The value of "<0x0A>"; -1 for other texts.
int byte_of_name(std::string_view text);
std::string name_of_byte(int byte);

/// Gives the tokenizer_config.json of an imported vocabulary its bos_token, eos_token, pad_token (-1: none), and puts the
/// BOS before texts if `add_bos`. Ids that are no tokens are refused by name.
void set_special_ids(TokenizerParts& parts, int64_t bos, int64_t eos, int64_t pad, bool add_bos);

}  // namespace loam
