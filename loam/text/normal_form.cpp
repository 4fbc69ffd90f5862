#include "loam/text/normal_form.h"

#include <cstring>

#include "loam/base/error.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

// A unit of the array: for a node the label in the low 8 bits, whether it has a value in bit 8, and the offset to its
// children in bits 10 to 30, times 256 if bit 9 is set; for a value bit 31, and the value below it.
bool has_value(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t label_of(uint32_t unit) { return unit & (1u << 31 | 0xff); }
uint32_t offset_of(uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }
constexpr int64_t kMostBytes = int64_t{1} << 26;

}  // namespace

CharsMap::CharsMap(std::string_view bytes) {
  if (bytes.empty()) return;
  require_input(bytes.size() >= 4 && static_cast<int64_t>(bytes.size()) <= kMostBytes, "its normalizer's table has ", bytes.size(), " bytes");
  uint32_t length;
  std::memcpy(&length, bytes.data(), 4);
  require_input(length > 0 && length % 4 == 0 && length <= bytes.size() - 4, "its normalizer's table says that its index has ", length, " bytes; ", bytes.size() - 4, " are left");
  units_.resize(length / 4);
  std::memcpy(units_.data(), bytes.data() + 4, length);
  texts_ = bytes.substr(4 + length);
  require_input(!texts_.empty() && texts_.back() == '\0', "its normalizer's table has no end: it is cut off");
}

CharsMap::Match CharsMap::longest(std::string_view text) const {
  Match found;
  if (units_.empty()) return found;
  uint32_t at = offset_of(units_[0]);
  for (size_t i = 0; i < text.size(); ++i) {
    const uint32_t byte = static_cast<unsigned char>(text[i]);
    at ^= byte;
    if (at >= units_.size() || label_of(units_[at]) != byte) break;
    const uint32_t unit = units_[at];
    at ^= offset_of(unit);
    if (!has_value(unit)) continue;
    if (at >= units_.size()) break;
    const uint32_t value = units_[at] & ~(1u << 31);
    if (value < texts_.size()) found = {i + 1, value};
  }
  return found;
}

std::string CharsMap::normalized(std::string_view text) const {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  while (!text.empty()) {
    if (const Match match = longest(text); match.bytes > 0) {
      out += texts_.c_str() + match.text;
      text.remove_prefix(match.bytes);
      continue;
    }
    const Char c = read_char(text.data(), text.data() + text.size());
    out += c.code == kInvalid ? std::string_view("\xef\xbf\xbd") : text.substr(0, static_cast<size_t>(c.bytes));
    text.remove_prefix(static_cast<size_t>(c.bytes));
  }
  return out;
}

std::string squeezed(std::string_view text, bool runs, bool at_begin, bool at_end) {
  std::string out;
  out.reserve(text.size());
  bool space = at_begin;
  for (const char c : text) {
    if (runs && c == ' ' && space) continue;
    space = c == ' ';
    out += c;
  }
  while (at_end && !out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string white_as_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end;) {
    const Char c = read_char(at, end);
    if ((class_of(c.code) & kSpace) != 0) {
      out += ' ';
    } else {
      out.append(at, static_cast<size_t>(c.bytes));
    }
    at += c.bytes;
  }
  return out;
}

}  // namespace loam
