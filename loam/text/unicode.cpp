#include "loam/text/unicode.h"

#include <unicode/uchar.h>

namespace loam {
namespace detail {
namespace {

constexpr int kBlockBits = 8, kBlockSize = 1 << kBlockBits, kBlocks = 0x110000 >> kBlockBits;

uint8_t ask_icu(char32_t code) {
  const auto c = static_cast<UChar32>(code);
  if (u_isUWhiteSpace(c)) return c == '\r' || c == '\n' ? kSpace | kLineEnd : kSpace;
  switch (u_charType(c)) {
    case U_UPPERCASE_LETTER:
    case U_TITLECASE_LETTER: return kLetter | kUpperish;
    case U_LOWERCASE_LETTER: return kLetter | kLowerish;
    case U_MODIFIER_LETTER:
    case U_OTHER_LETTER: return kLetter | kUpperish | kLowerish;
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_COMBINING_SPACING_MARK: return kUpperish | kLowerish;
    case U_DECIMAL_DIGIT_NUMBER:
    case U_LETTER_NUMBER:
    case U_OTHER_NUMBER: return kNumber;
    default: return 0;
  }
}

constexpr std::array<uint8_t, 128> ascii_classes() {
  std::array<uint8_t, 128> out = {};
  for (size_t c = 'a'; c <= 'z'; ++c) out[c] = kLetter | kLowerish;
  for (size_t c = 'A'; c <= 'Z'; ++c) out[c] = kLetter | kUpperish;
  for (size_t c = '0'; c <= '9'; ++c) out[c] = kNumber;
  for (const char c : {' ', '\t', '\v', '\f'}) out[static_cast<size_t>(c)] = kSpace;
  for (const char c : {'\r', '\n'}) out[static_cast<size_t>(c)] = kSpace | kLineEnd;
  return out;
}

using Block = std::array<uint8_t, kBlockSize>;
std::array<std::atomic<const Block*>, kBlocks> blocks;  // filled as they are asked for: most texts touch a few

}  // namespace

const std::array<uint8_t, 128> kAsciiClass = ascii_classes();

uint8_t class_of_wide(char32_t code) {
  if (code >= 0x110000) return 0;
  std::atomic<const Block*>& slot = blocks[code >> kBlockBits];
  const Block* block = slot.load(std::memory_order_acquire);
  if (block == nullptr) {
    auto* made = new Block;
    for (int i = 0; i < kBlockSize; ++i) {
      (*made)[static_cast<size_t>(i)] = ask_icu((code & ~static_cast<char32_t>(kBlockSize - 1)) + static_cast<char32_t>(i));
    }
    if (slot.compare_exchange_strong(block, made, std::memory_order_acq_rel)) {
      block = made;  // kept for the life of the program
    } else {
      delete made;
    }
  }
  return (*block)[code & (kBlockSize - 1)];
}

Char read_long_char(const char* at, const char* end) {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](int i) { return (byte(i) & 0xc0) == 0x80; };
  const auto left = end - at;
  const unsigned char first = byte(0);
  if (first >= 0xc2 && first < 0xe0) {
    if (left >= 2 && follows(1)) return {static_cast<char32_t>((first & 31) << 6 | (byte(1) & 63)), 2};
  } else if (first >= 0xe0 && first < 0xf0) {
    if (left >= 3 && follows(1) && follows(2)) {
      const auto code = static_cast<char32_t>((first & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63));
      if (code >= 0x800 && (code < 0xd800 || code > 0xdfff)) return {code, 3};
    }
  } else if (first >= 0xf0 && first < 0xf5) {
    if (left >= 4 && follows(1) && follows(2) && follows(3)) {
      const auto code =
          static_cast<char32_t>((first & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63));
      if (code >= 0x10000 && code < 0x110000) return {code, 4};
    }
  }
  return {kInvalid, 1};
}

}  // namespace detail

size_t whole_chars(std::string_view bytes) {
  // A lead byte among the last three whose sequence would reach past the end, and is well-formed so far.
  for (size_t back = 1; back <= 3 && back <= bytes.size(); ++back) {
    const auto lead = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if ((lead & 0xc0) == 0x80) continue;
    const size_t want = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 1;
    if (want <= back) break;
    // The second byte decides between well-formed and not (table 3-7); any completion will do for the rest.
    char tail[4] = {static_cast<char>(lead), static_cast<char>(0x80), static_cast<char>(0x80), static_cast<char>(0x80)};
    if (back == 1) {
      if (lead == 0xe0) tail[1] = static_cast<char>(0xa0);
      if (lead == 0xf0) tail[1] = static_cast<char>(0x90);
    }
    for (size_t i = 1; i < back; ++i) tail[i] = bytes[bytes.size() - back + i];
    if (detail::read_long_char(tail, tail + want).code != kInvalid) return bytes.size() - back;
    break;
  }
  return bytes.size();
}

bool is_utf8(std::string_view bytes) {
  const char* end = bytes.data() + bytes.size();
  for (const char* at = bytes.data(); at < end;) {
    const Char c = read_char(at, end);
    if (c.code == kInvalid) return false;
    at += c.bytes;
  }
  return true;
}

}  // namespace loam
