// Characters of UTF-8 text and the classes that pre-tokenizers tell apart.
//
//   for (const char* at = begin; at < end;) { const Char c = read_char(at, end); at += c.bytes; ... class_of(c.code) ... }
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace loam {

/// A code point, or kInvalid for a byte that begins no well-formed sequence.
struct Char {
  char32_t code;
  int bytes;  ///< 1 for an invalid byte
};
inline constexpr char32_t kInvalid = 0xffffffff;

namespace detail {
Char read_long_char(const char* at, const char* end);
uint8_t class_of_wide(char32_t code);
extern const std::array<uint8_t, 128> kAsciiClass;
}  // namespace detail

/// The character at `at` < `end`. Well-formed as in the Unicode Standard, table 3-7: no surrogates, no overlong forms.
inline Char read_char(const char* at, const char* end) {
  const auto first = static_cast<unsigned char>(*at);
  if (first < 0x80) return {first, 1};
  return detail::read_long_char(at, end);
}

/// Bits of a class.
enum : uint8_t {
  kLetter = 1,    ///< \p{L}
  kNumber = 2,    ///< \p{N}
  kSpace = 4,     ///< \s: White_Space
  kLineEnd = 8,   ///< \r or \n, with kSpace
  kUpperish = 16, ///< [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]
  kLowerish = 32, ///< [\p{Ll}\p{Lm}\p{Lo}\p{M}]
};

/// The class of a code point, by the ICU that runs; 0 for an invalid byte, as for a symbol.
inline uint8_t class_of(char32_t code) {
  return code < 128 ? detail::kAsciiClass[code] : detail::class_of_wide(code);
}

/// Length of the longest prefix of `bytes` that does not end inside a character. What can never become well-formed
/// counts as ended, so at most 3 bytes are left over.
size_t whole_chars(std::string_view bytes);

/// Is every byte part of a well-formed character?
bool is_utf8(std::string_view bytes);

}  // namespace loam
