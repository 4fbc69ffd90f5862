// The plainest language model, as a floor for the real ones: the next byte from the three before it, by counting.
//
//   ByteModel floor;
//   floor.fit(training_text);
//   double bits = floor.bits(held_out_text) / held_out_text.size();
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace loam {

/// Numbers by a 32-bit key, 0 where there is none: open addressing, at most half full.
class CountTable {
 public:
  CountTable() : slots_(1024) {}
  uint32_t& at(uint32_t key);
  uint32_t get(uint32_t key) const;

 private:
  struct Slot {
    uint32_t key = 0, count = 0;  // count 0: free
    bool taken = false;
  };
  size_t place(uint32_t key) const;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

/// Counts of bytes after 3, 2, 1 and 0 bytes, mixed by Witten & Bell's method C (1991): a context seen n times with d
/// different followers gives d / (n + d) of its probability to the shorter context; at the end all bytes are alike.
class ByteModel {
 public:
  /// Adds a text's counts; contexts do not reach over its ends. English takes about 20 MB, noise up to 40 bytes a byte.
  void fit(std::string_view text);
  /// -log2 of the text's probability, byte by byte, contexts within it.
  double bits(std::string_view text) const;

 private:
  CountTable runs_[4];       // of 1 to 4 bytes: how often
  CountTable followers_[4];  // of 0 to 3 bytes: how many different bytes came next
  CountTable seen_[4];       // and how many in all
};

}  // namespace loam
