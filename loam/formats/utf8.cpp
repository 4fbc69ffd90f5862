#include "loam/formats/utf8.h"

#include <simdjson.h>

namespace loam {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

/// The sequence at `at`: its length, and whether it is whole. A broken one's length is that of its maximal part.
struct Sequence {
  size_t length;
  bool whole;
  char32_t code_point;
};

Sequence sequence_at(std::string_view text, size_t at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(at);
  if (lead < 0x80) return {1, true, lead};
  size_t more = 0;
  unsigned low = 0x80, high = 0xBF;  // of the second byte
  char32_t value = 0;
  if (lead >= 0xC2 && lead <= 0xDF) {
    more = 1;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    more = 2;
    value = lead & 0x0F;
    if (lead == 0xE0) low = 0xA0;
    if (lead == 0xED) high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    more = 3;
    value = lead & 0x07;
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F;
  } else {
    return {1, false, kReplacement};
  }
  for (size_t i = 1; i <= more; ++i) {
    if (at + i >= text.size() || byte(at + i) < low || byte(at + i) > high) return {i, false, kReplacement};
    value = (value << 6) | (byte(at + i) & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {more + 1, true, value};
}

}  // namespace

bool valid_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

int64_t count_code_points(std::string_view text) {
  int64_t continuation = 0;
  for (const char c : text) continuation += (static_cast<unsigned char>(c) & 0xC0) == 0x80;
  return static_cast<int64_t>(text.size()) - continuation;
}

std::string repaired_utf8(std::string_view text, int64_t* repairs) {
  int64_t count = 0;
  std::string out;
  if (valid_utf8(text)) {
    out = text;
  } else {
    out.reserve(text.size());
    for (size_t at = 0; at < text.size();) {
      const Sequence s = sequence_at(text, at);
      if (s.whole) {
        out.append(text.substr(at, s.length));
      } else {
        out += "\xEF\xBF\xBD";
        ++count;
      }
      at += s.length;
    }
  }
  if (repairs != nullptr) *repairs = count;
  return out;
}

std::string_view utf8_prefix(std::string_view text, int64_t limit) {
  if (static_cast<int64_t>(text.size()) <= limit) return text;
  auto end = static_cast<size_t>(limit);
  for (int back = 0; back < 3 && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80; ++back) --end;
  return text.substr(0, end);
}

char32_t next_code_point(std::string_view text, size_t& at) {
  const Sequence s = sequence_at(text, at);
  at += s.length;
  return s.code_point;
}

}  // namespace loam
