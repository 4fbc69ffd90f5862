// Characters as the English word rules class them, and the words that are exceptions to the rules. For english_words.cpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace loam::english {

enum : uint16_t {
  kBlank = 1,         ///< separates words
  kCutsBefore = 2,    ///< one character cut off a word's beginning
  kCutsBehind = 4,    ///< one character cut off its end
  kIcon = 8,          ///< symbols and emoji: cut off anywhere
  kCurrency = 16,
  kAlpha = 32,       ///< of the scripts that the rules know
  kLower = 64,        ///< lower case, or of a script without case
  kUpper = 128,       ///< upper case, likewise
  kDigit = 256,       ///< 0 to 9
  kQuote = 512,
  kBeforeStop = 1024, ///< a final full stop behind it is cut off
  kHost = 2048,       ///< may be in a host name: ASCII letters and digits, and all from U+00A1 to U+FFFF
};

uint16_t english_class_slow(char32_t c);
extern const uint16_t* const kClasses;  ///< of the code points below 65,536

inline uint16_t english_class(char32_t c) { return c < 0x10000 ? kClasses[c] : english_class_slow(c); }

/// How a word is taken apart that the rules make an exception of.
struct Exception {
  uint8_t pieces = 0;      ///< 0: none
  uint8_t bytes[3] = {};   ///< of each piece
};
inline constexpr size_t kLongestException = 40;  ///< bytes
const Exception* find_exception(std::string_view word);

/// Bytes of the unit of measure at the end of a word, the longest with a digit before it; 0: none.
int unit_characters(const char32_t* from, const char32_t* to);

}  // namespace loam::english
