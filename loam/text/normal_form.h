// SentencePiece's normalizer: characters replaced by a table that its trainer compiled (NFKC with its own additions, case
// folding), runs of spaces taken as one.
//
//   const CharsMap map(bytes);                       // "precompiled_charsmap"; throws Error{input} if it is damaged
//   std::string text = map.normalized("\uFF21 \u2460");     // "A 1"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// The compiled table: the length of a double-array trie (Aoe 1989, in Darts-clone's form), the trie, then the texts that
/// its values point to, each with a zero byte behind it.
class CharsMap {
 public:
  CharsMap() = default;  ///< leaves text alone, but for bytes that are no UTF-8
  /// Throws Error{input}.
  explicit CharsMap(std::string_view bytes);

  /// At each place the longest entry that fits is replaced; what no entry fits stays; a byte that is no UTF-8 becomes U+FFFD.
  std::string normalized(std::string_view text) const;

 private:
  struct Match {
    size_t bytes = 0;
    uint32_t text = 0;
  };
  Match longest(std::string_view text) const;
  std::vector<uint32_t> units_;
  std::string texts_;
};

/// With `runs` several spaces become one, and none at the text's begin if `at_begin`; with `at_end` none is left behind it.
std::string squeezed(std::string_view text, bool runs, bool at_begin, bool at_end);

/// Every character of Unicode's White_Space becomes a space.
std::string white_as_spaces(std::string_view text);

}  // namespace loam
