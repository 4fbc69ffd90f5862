// Small things about text that every room needs: ASCII's letters in lower case, white space off the ends, a code point's
// bytes. What knows Unicode is in loam/text.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// A-Z as a-z; every other byte as it is, whatever the locale.
constexpr char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
std::string ascii_lower(std::string_view text);

/// ASCII only, whatever the locale.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// What a hexadecimal digit stands for; -1 for other bytes.
constexpr int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char low = ascii_lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

/// Without the bytes of `blanks` at both ends.
std::string_view trimmed(std::string_view text, std::string_view blanks = " \t\r\n");

/// Appends a code point's UTF-8; surrogates and what is past U+10FFFF become U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

}  // namespace loam
