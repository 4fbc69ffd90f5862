// Which characters are written without spaces between words: there each is taken for a word of its own.
#pragma once

namespace loam {

/// Ideographs, kana and Thai: blocks of the Unicode Standard from CJK Radicals on, without Hangul.
constexpr bool stands_alone(char32_t c) { return (c >= 0x2E80 && c < 0xAC00) || (c >= 0xF900 && c < 0xFB00) || (c >= 0x20000 && c < 0x32000) || (c >= 0x0E00 && c < 0x0E80); }

}  // namespace loam
