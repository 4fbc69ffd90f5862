// Byte-pair encoding of one piece of text: merges in order of rank, exactly as they were learnt.
//
//   const Bpe bpe(tokens, merges, false);
//   Bpe::Scratch scratch;                       // one a thread
//   bpe.encode("lower", scratch, ids);          // appends
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loam/text/piece_key.h"

namespace loam {

struct Merge {
  int32_t left, right, result;
  bool operator==(const Merge&) const = default;
};

/// What makes a BPE one over characters, as SentencePiece's are (Llama 2, Mistral, Gemma): a piece begins as the tokens of
/// its characters; one that is no token as those of its bytes, or, where there are none, as `unknown`.
struct CharacterRules {
  enum class Prefix { none, first, always };
  Prefix prefix = Prefix::always;  ///< a space put before the text, or (always) also after each added token
  bool unless_space = false;       ///< ... but not where one stands already
  std::array<int32_t, 256> bytes = no_bytes();  ///< the tokens of single bytes, "<0x0A>" in files; -1: none
  int32_t unknown = -1;
  std::string charsmap;         ///< SentencePiece's compiled table of replacements ("precompiled_charsmap"); "": none
  bool white_as_space = false;  ///< any white space is a space
  bool squeeze = false;         ///< several spaces are one, those before a text none
  bool strip_end = false;       ///< a space behind a text is left out
  bool equal_ranks = false;  ///< pairs that make the same token are of one rank, so that the leftmost goes first

  bool operator==(const CharacterRules&) const = default;
  static constexpr std::array<int32_t, 256> no_bytes() {
    std::array<int32_t, 256> none = {};
    none.fill(-1);
    return none;
  }
};

/// The rank of a pair of ids and what they become: open addressing over (left, right).
class MergeTable {
 public:
  struct Entry {
    int32_t rank, result;
  };
  /// In order of rank; of equal pairs the first counts. With `equal_ranks` the rank is that of the first merge with the
  /// same result.
  explicit MergeTable(const std::vector<Merge>& merges, bool equal_ranks = false);
  /// rank INT32_MAX where the pair does not merge.
  Entry find(int32_t left, int32_t right) const {
    const uint64_t key = key_of(left, right);
    for (uint64_t at = slot_of(key);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if (slot.key == key) return slot.entry;
      if (slot.key == kEmpty) return {INT32_MAX, -1};
    }
  }

 private:
  struct Slot {
    uint64_t key;
    Entry entry;
  };
  static constexpr uint64_t kEmpty = ~uint64_t{0};
  static uint64_t key_of(int32_t left, int32_t right) {
    return static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  }
  uint64_t slot_of(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ull) >> shift_; }
  std::vector<Slot> slots_;
  uint64_t mask_;
  int shift_;
};

class Bpe {
 public:
  class Scratch;

  /// tokens: the bytes of each id; those of one byte must cover all 256 values. merges in order of rank. With
  /// `whole_pieces_first` a piece that is itself a token is that token, merges or not (tiktoken; `ignore_merges`).
  /// Only ids in merges, and the 256 bytes, come out; with whole_pieces_first those of `tokens` that are not empty.
  Bpe(const std::vector<std::string>& tokens, const std::vector<Merge>& merges, bool whole_pieces_first);
  /// Over characters. Throws Error{input} if neither all bytes nor an unknown token has an id.
  Bpe(const std::vector<std::string>& tokens, const std::vector<Merge>& merges, const CharacterRules& rules);

  /// Appends the piece's ids. Pieces up to 15 bytes are remembered in `scratch`. n log n in the piece's length.
  /// `text_end`: up to where memory may be read, at or behind the piece's end.
  void encode(std::string_view piece, const char* text_end, Scratch& scratch, std::vector<int32_t>& ids) const;

  /// The same for up to kBatch pieces, none empty: while one waits for memory, the next ones' is fetched.
  void encode(std::span<const std::string_view> pieces, const char* text_end, Scratch& scratch, std::vector<int32_t>& ids) const;
  static constexpr size_t kBatch = 32;  ///< pieces of one such call, at most

  /// The same without the memory, for tests and training.
  void merge_piece(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const;

 private:
  void character_ids(std::string_view piece, std::vector<int32_t>& ids) const;
  void merge_short(int32_t* parts, int n, std::vector<int32_t>& ids) const;
  /// A piece that is not remembered: merged, and remembered if it has few ids.
  void learn(std::string_view piece, const PieceKey& key, size_t line, Scratch& scratch, std::vector<int32_t>& ids) const;
  /// What stands in scratch.ids_.
  void merge_long(Scratch& scratch, std::vector<int32_t>& ids) const;

  std::array<int32_t, 256> byte_ids_;
  bool characters_ = false;
  int32_t unknown_ = -1;
  std::unordered_map<char32_t, int32_t> character_ids_;
  MergeTable table_;
  std::unordered_map<std::string, int32_t> whole_;
};

/// What one thread keeps between pieces: the ids of short pieces seen, two of equal hash in one cache line, and room for
/// long ones. About 4 MB.
class Bpe::Scratch {
 public:
  Scratch();

 private:
  friend class Bpe;
  static constexpr int kLineBits = 16, kMaxIds = 4;
  struct alignas(32) Slot {
    PieceKey key;  ///< the number of ids in the bits that it leaves free
    int32_t ids[kMaxIds] = {};
  };
  struct Candidate {
    int32_t rank, at, left, right;
  };
  struct alignas(64) Line {
    Slot recent, older;
  };
  std::vector<Line> lines_;
  std::vector<int32_t> ids_, next_, previous_;
  std::vector<Candidate> heap_;
};

}  // namespace loam
