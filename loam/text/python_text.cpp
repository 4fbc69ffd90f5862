#include "loam/text/python_text.h"

#include <unicode/bytestream.h>
#include <unicode/casemap.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cstring>

#include "loam/text/unicode.h"

namespace loam {
namespace {

bool all_ascii(std::string_view text) {
  unsigned char bits = 0;
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return bits < 0x80;
}

/// The character that ends right before `end`.
Char read_back(const char* begin, const char* end) {
  for (int n = 1; n <= 4 && end - n >= begin; ++n) {
    if ((static_cast<unsigned char>(end[-n]) & 0xC0) == 0x80) continue;
    const Char c = read_char(end - n, end);
    return c.bytes == n ? c : Char{kInvalid, 1};
  }
  return {kInvalid, 1};
}

}  // namespace

bool is_python_space(char32_t c) {
  if (c < 0x80) return c == ' ' || (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

std::string_view left_stripped(std::string_view text) {
  const char *p = text.data(), *const end = p + text.size();
  while (p < end) {
    const Char c = read_char(p, end);
    if (!is_python_space(c.code)) break;
    p += c.bytes;
  }
  return {p, static_cast<size_t>(end - p)};
}

std::string_view right_stripped(std::string_view text) {
  const char *const begin = text.data(), *end = begin + text.size();
  while (end > begin) {
    const Char c = read_back(begin, end);
    if (!is_python_space(c.code)) break;
    end -= c.bytes;
  }
  return {begin, static_cast<size_t>(end - begin)};
}

std::string_view stripped(std::string_view text) { return right_stripped(left_stripped(text)); }

std::vector<std::string_view> split_lines(std::string_view text) {
  std::vector<std::string_view> out;
  const char *p = text.data(), *const end = p + text.size(), *begin = p;
  while (p < end) {
    // Eight bytes that can be of no line end at a time: no control characters, ASCII.
    for (; end - p >= 8; p += 8) {
      constexpr uint64_t kOnes = 0x0101010101010101ull;
      uint64_t eight;
      std::memcpy(&eight, p, 8);
      if (((eight | (eight - 0x20 * kOnes)) & 0x80 * kOnes) != 0) break;
    }
    if (p == end) break;
    const auto byte = static_cast<unsigned char>(*p);
    int bytes = 0;  // of a line end
    if (byte == '\n' || byte == '\v' || byte == '\f' || (byte >= 0x1C && byte <= 0x1E)) {
      bytes = 1;
    } else if (byte == '\r') {
      bytes = p + 1 < end && p[1] == '\n' ? 2 : 1;
    } else if (byte == 0xC2) {
      bytes = p + 1 < end && static_cast<unsigned char>(p[1]) == 0x85 ? 2 : 0;
    } else if (byte == 0xE2) {
      const std::string_view three(p, static_cast<size_t>(std::min<int64_t>(3, end - p)));
      bytes = three == "\u2028" || three == "\u2029" ? 3 : 0;
    }
    if (bytes == 0) {
      ++p;
      continue;
    }
    out.emplace_back(begin, static_cast<size_t>(p - begin));
    begin = p += bytes;
  }
  if (begin < end) out.emplace_back(begin, static_cast<size_t>(end - begin));
  return out;
}

std::vector<std::string_view> split_space(std::string_view text) {
  std::vector<std::string_view> out;
  const char *p = text.data(), *const end = p + text.size(), *begin = nullptr;
  while (p < end) {
    const Char c = read_char(p, end);
    const bool space = is_python_space(c.code);
    if (!space && begin == nullptr) begin = p;
    if (space && begin != nullptr) {
      out.emplace_back(begin, static_cast<size_t>(p - begin));
      begin = nullptr;
    }
    p += c.bytes;
  }
  if (begin != nullptr) out.emplace_back(begin, static_cast<size_t>(end - begin));
  return out;
}

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> out;
  for (size_t at = 0;;) {
    const size_t end = text.find(separator, at);
    out.push_back(text.substr(at, end - at));
    if (end == std::string_view::npos) return out;
    at = end + 1;
  }
}

std::string lowered(std::string_view text) {
  std::string out;
  if (all_ascii(text)) {
    out = text;
    for (char& c : out) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    }
    return out;
  }
  icu::StringByteSink<std::string> sink(&out, static_cast<int32_t>(text.size()));
  UErrorCode code = U_ZERO_ERROR;
  icu::CaseMap::utf8ToLower("", 0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, code);
  return out;
}

int64_t length_of(std::string_view text) {
  int64_t n = 0;
  for (const char c : text) n += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return n;
}

bool is_python_alpha(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return c <= 0x10FFFF && (U_GET_GC_MASK(static_cast<UChar32>(c)) & U_GC_L_MASK) != 0;
}

bool is_python_alnum(char32_t c) {
  if (c < 0x80) return is_python_alpha(c) || (c >= '0' && c <= '9');
  return is_python_alpha(c) || (c <= 0x10FFFF && u_getNumericValue(static_cast<UChar32>(c)) != U_NO_NUMERIC_VALUE);
}

int64_t count_of(std::string_view text, std::string_view what) {
  int64_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
  return count;
}

}  // namespace loam
