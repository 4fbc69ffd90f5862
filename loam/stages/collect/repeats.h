// Which pieces of a text stood before in it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace loam {

/// Pieces that equal an earlier one: how many, and their characters.
struct Repeats {
  int64_t pieces = 0, characters = 0;
};
Repeats repeats_of(const std::vector<std::string_view>& pieces);

/// A set of 64-bit hashes with a number for each, emptied in constant time: for the n-grams of one text after another.
class GramTable {
 public:
  struct Entry {
    uint64_t hash;
    uint32_t round, count;
    int64_t first;
  };
  /// Forgets all; room for `keys`.
  void start(int64_t keys) {
    size_t slots = 64;  // no more than are needed: a short text's stay in the processor's cache
    while (slots < static_cast<size_t>(keys) * 2) slots *= 2;
    mask_ = slots - 1;
    if (slots > slots_.size() || ++round_ == 0) {
      slots_.assign(std::max(slots, slots_.size()), Entry{0, 0, 0, 0});
      round_ = 1;
    }
  }
  /// The entry of `hash`; count is 0 and `first` is `place` if it is new.
  Entry& at(uint64_t hash, int64_t place) {
    for (size_t slot = (hash ^ (hash >> 32)) & mask_;; slot = (slot + 1) & mask_) {
      Entry& e = slots_[slot];
      if (e.round != round_) {
        e = {hash, round_, 0, place};
        return e;
      }
      if (e.hash == hash) return e;
    }
  }

 private:
  std::vector<Entry> slots_;
  size_t mask_ = 0;
  uint32_t round_ = 0;
};

}  // namespace loam
