// Pieces of up to 15 bytes as two words: compared and hashed without touching memory again.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace loam {

/// The bytes, zeros behind them, and the length in bits 56-59 of `high`; bits 60-63 are zero, for others to use.
struct PieceKey {
  static constexpr size_t kMaxBytes = 15;
  uint64_t low = 0, high = 0;
  bool operator==(const PieceKey&) const = default;

  /// piece: 1 to 15 bytes. Memory up to `text_end`, at or behind the piece's end, may be read: a load of fixed size is
  /// far quicker than one of n bytes.
  static PieceKey of(std::string_view piece, const char* text_end) {
    const size_t n = piece.size();
    uint64_t words[2] = {0, 0};
    if (text_end - piece.data() >= 16) {
      std::memcpy(words, piece.data(), 16);
      if (n <= 8) {
        words[0] &= n == 8 ? ~uint64_t{0} : (uint64_t{1} << (8 * n)) - 1;
        words[1] = 0;
      } else {
        words[1] &= (uint64_t{1} << (8 * (n - 8))) - 1;
      }
    } else {
      std::memcpy(words, piece.data(), n);
    }
    return {words[0], words[1] | static_cast<uint64_t>(n) << 56};
  }
  size_t size() const { return high >> 56 & 15; }
  std::string bytes() const {
    char text[16];
    std::memcpy(text, &low, 8);
    std::memcpy(text + 8, &high, 8);
    return std::string(text, size());
  }
  uint64_t hash() const {
    uint64_t x = (low ^ (high * 0xff51afd7ed558ccdull)) * 0x9e3779b97f4a7c15ull;
    x ^= x >> 32;
    return x * 0xc4ceb9fe1a85ec53ull;
  }
};

}  // namespace loam
