// How often each piece of text occurs: what a vocabulary is learnt from.
//
//   PieceCounts counts;
//   counts.add(piece, text_end);          // one thread
//   total.add_all(counts);                // addition: the order does not matter
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loam/text/piece_key.h"

namespace loam {

class PieceCounts {
 public:
  struct Piece {
    std::string bytes;
    int64_t count;
  };
  /// Longer pieces are counted in parts of this many bytes: what they teach about merges is all but the same.
  static constexpr size_t kLongestPiece = 2048;

  PieceCounts();
  /// text_end as for PieceKey::of.
  void add(std::string_view piece, const char* text_end) {
    if (piece.size() <= PieceKey::kMaxBytes) {
      add_key(PieceKey::of(piece, text_end), 1);
    } else {
      add_long(piece, 1);
    }
  }
  void add_all(const PieceCounts& other);
  void clear();

  int64_t distinct() const { return short_count_ + static_cast<int64_t>(long_.size()); }
  int64_t total() const { return total_; }
  /// Forgets the rarest: all pieces counted fewer than c times, for the smallest c that leaves at most `keep`. Returns c.
  int64_t forget_rare(int64_t keep);
  /// All of them, by bytes.
  std::vector<Piece> sorted() const;

  /// As bytes and back, for saving. Throws Error{input} if they are damaged.
  std::string saved() const;
  static PieceCounts restored(std::string_view bytes);

 private:
  struct Slot {
    PieceKey key;
    int64_t count = 0;  ///< 0: free
  };
  void add_key(const PieceKey& key, int64_t count) {
    size_t at = key.hash() >> shift_;
    while (slots_[at].count != 0 && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    if (slots_[at].count == 0) {
      slots_[at].key = key;
      if (++short_count_ * 2 > static_cast<int64_t>(slots_.size())) {
        slots_[at].count = count;
        total_ += count;
        grow(slots_.size() * 2);
        return;
      }
    }
    slots_[at].count += count;
    total_ += count;
  }
  void add_long(std::string_view piece, int64_t count);
  void grow(size_t slots);

  std::vector<Slot> slots_;
  int shift_;
  int64_t short_count_ = 0, total_ = 0;
  std::unordered_map<std::string, int64_t> long_;
};

}  // namespace loam
