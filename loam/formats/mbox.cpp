#include "loam/formats/mbox.h"

#include "loam/base/characters.h"

#include <algorithm>

namespace loam {
namespace {

bool empty_line(std::string_view line) { return line == "\n" || line == "\r\n" || line.empty(); }

/// "Name: value"; another mbox mark that mail programs leave behind a From line counts too.
bool header_line(std::string_view line) {
  if (line.starts_with(">From ")) return true;
  const size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos || colon > 76) return false;
  return std::all_of(line.begin(), line.begin() + static_cast<int64_t>(colon), [](char c) { return c > ' ' && c < 0x7f; });
}

}  // namespace

bool mbox_from_line(std::string_view line) {
  if (!line.starts_with("From ") || line.size() > 400) return false;
  for (size_t i = 6; i + 4 < line.size(); ++i) {  // hh:mm, and a year somewhere
    if (is_digit(line[i - 1]) && line[i] == ':' && is_digit(line[i + 1]) && is_digit(line[i + 2])) {
      for (size_t y = 5; y + 4 <= line.size(); ++y) {
        if ((line.substr(y, 2) == "19" || line.substr(y, 2) == "20") && is_digit(line[y + 2]) && is_digit(line[y + 3])) return true;
      }
    }
  }
  return false;
}

bool MboxReader::take(std::string_view& line) {
  if (has_held_) {
    has_held_ = false;
    candidate_.swap(held_);
    line = candidate_;
    return true;
  }
  return lines_.next(line);
}

bool MboxReader::next(std::string& mail) {
  mail.clear();
  cut_ = false;
  bool after_empty = !in_mail_, any = in_mail_;
  std::string_view line;
  while (take(line)) {
    if (after_empty && mbox_from_line(line)) {
      std::string mark(line);
      std::string_view following;
      const bool more = lines_.next(following);
      if (!more || header_line(following)) {
        if (more) {
          held_ = following;
          has_held_ = true;
        }
        if (any) {
          in_mail_ = true;
          while (mail.ends_with("\n\n")) mail.pop_back();
          return true;
        }
        any = in_mail_ = true;
        after_empty = false;
        continue;
      }
      // A sentence that begins with "From": text.
      mail += mark;
      held_ = following;
      has_held_ = true;
      after_empty = false;
      continue;
    }
    any = true;
    after_empty = empty_line(line);
    std::string_view kept = line;
    if (const size_t mark = line.find_first_not_of('>'); mark > 0 && mark != std::string_view::npos && line.substr(mark).starts_with("From ")) kept.remove_prefix(1);
    if (static_cast<int64_t>(mail.size() + kept.size()) <= limit_) {
      mail += kept;
    } else {
      cut_ = true;
    }
    cut_ = cut_ || lines_.cut();
  }
  in_mail_ = false;
  return any;
}

}  // namespace loam
