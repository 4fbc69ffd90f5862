#include "loam/formats/dictd.h"

#include <algorithm>

#include "loam/base/characters.h"

namespace loam {
namespace {

/// dictd's numbers: base 64 with the digits of RFC 2045, the highest first. -1 if it is none.
int64_t number_of(std::string_view text) {
  static constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  if (text.empty() || text.size() > 10) return -1;
  int64_t value = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return -1;
    value = value * 64 + static_cast<int64_t>(digit);
  }
  return value;
}

}  // namespace

std::vector<DictPlace> read_dict_index(std::string_view text) {
  std::vector<DictPlace> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const size_t first = line.find('\t');
    const size_t second = first == std::string_view::npos ? first : line.find('\t', first + 1);
    if (second == std::string_view::npos) continue;
    std::string_view length = line.substr(second + 1);
    length = length.substr(0, length.find_first_of("\t\r"));
    DictPlace place = {std::string(line.substr(0, first)), number_of(line.substr(first + 1, second - first - 1)), number_of(length)};
    if (place.offset < 0 || place.bytes <= 0 || place.headword.starts_with("00-database") || place.headword.starts_with("00database")) continue;
    out.push_back(std::move(place));
  }
  std::stable_sort(out.begin(), out.end(), [](const DictPlace& a, const DictPlace& b) { return a.offset < b.offset; });
  out.erase(std::unique(out.begin(), out.end(), [](const DictPlace& a, const DictPlace& b) { return a.offset == b.offset; }), out.end());
  return out;
}

DictReader::DictReader(ReadBytes source, std::vector<DictPlace> index, int64_t limit_bytes)
    : source_(std::move(source)), index_(std::move(index)), limit_(limit_bytes), lines_(source_, limit_bytes) {}

bool DictReader::next(DictEntry& entry) {
  if (index_.empty()) return next_line_entry(entry);
  while (at_ < index_.size()) {
    const DictPlace& place = index_[at_++];
    if (place.offset < offset_ || place.bytes > limit_) continue;
    char skip[4096];
    while (offset_ < place.offset) {
      const int64_t n = source_(skip, std::min<int64_t>(sizeof skip, place.offset - offset_));
      if (n == 0) return false;
      offset_ += n;
    }
    entry.text.resize(static_cast<size_t>(place.bytes));
    int64_t have = 0;
    while (have < place.bytes) {
      const int64_t n = source_(entry.text.data() + have, place.bytes - have);
      if (n == 0) return false;
      have += n;
    }
    offset_ += have;
    entry.headword = place.headword;
    return true;
  }
  return false;
}

bool DictReader::next_line_entry(DictEntry& entry) {
  for (;;) {
    entry.text = std::move(held_);
    held_.clear();
    std::string_view line;
    bool more = false;
    while ((more = lines_.next(line))) {
      const bool begins = !line.empty() && line[0] != ' ' && line[0] != '\t' && line[0] != '\n' && line[0] != '\r';
      if (begins && !entry.text.empty()) {
        held_ = line;
        break;
      }
      if (static_cast<int64_t>(entry.text.size() + line.size()) <= limit_) entry.text += line;
    }
    if (entry.text.empty() && !more) return false;
    entry.headword = trimmed(std::string_view(entry.text).substr(0, entry.text.find('\n')));
    if (entry.headword.empty() || entry.headword.starts_with("00-database") || entry.headword.starts_with("00database")) {
      if (!more) return false;
      continue;
    }
    if (entry.headword.size() > 100) entry.headword.clear();
    return true;
  }
}

}  // namespace loam
