#include "loam/formats/dates.h"

#include "loam/base/characters.h"

#include <fmt/format.h>

#include <vector>

namespace loam {
namespace {

struct Word {
  std::string text;    // lower case
  int number = -1;     // of digits alone
  size_t begin, end;   // in the original
};

/// Runs of digits and runs of letters, at most 16.
std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> out;
  for (size_t at = 0; at < text.size() && out.size() < 16;) {
    const bool digits = is_digit(text[at]);
    if (!digits && !is_letter(text[at])) {
      ++at;
      continue;
    }
    Word word = {"", -1, at, at};
    while (at < text.size() && (digits ? is_digit(text[at]) : is_letter(text[at]))) word.text += static_cast<char>(text[at++] | (digits ? 0 : 0x20));
    word.end = at;
    if (digits && word.text.size() <= 8) word.number = std::stoi(word.text);
    out.push_back(std::move(word));
  }
  return out;
}

int month_of(const std::string& word) {
  static constexpr const char* kMonths[] = {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"};
  if (word.size() < 3) return 0;
  for (int i = 0; i < 12; ++i) {
    if (std::string_view(kMonths[i]).starts_with(word)) return i + 1;
  }
  return word == "sept" ? 9 : 0;
}

bool real_day(int year, int month, int day) {
  static constexpr int kDays[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return year >= 1000 && year <= 2999 && month >= 1 && month <= 12 && day >= 1 && day <= kDays[month - 1] && (month != 2 || day != 29 || leap);
}

/// "T15:04:05+01:00" from the words at `i`; "" if there is no time.
std::string time_of(std::string_view text, const std::vector<Word>& words, size_t i) {
  if (i + 1 >= words.size() || words[i].text.size() > 2 || words[i].number < 0 || words[i].number > 23) return "";
  if (text[words[i].end] != ':' || words[i + 1].number < 0 || words[i + 1].number > 59 || words[i + 1].begin != words[i].end + 1) return "";
  int second = 0;
  size_t next = i + 2;
  if (next < words.size() && text[words[i + 1].end] == ':' && words[next].number >= 0 && words[next].number <= 60) second = words[next++].number;
  if (next < words.size() && text[words[next - 1].end] == '.' && words[next].number >= 0) ++next;  // parts of a second
  std::string zone;
  const size_t after = words[next - 1].end;
  if (next < words.size()) {
    const std::string_view between = text.substr(after, words[next].begin - after);
    const char sign = between.empty() ? ' ' : between.back();
    const Word& word = words[next];
    if (word.text == "z" || word.text == "gmt" || word.text == "ut" || word.text == "utc") {
      zone = "Z";
    } else if ((sign == '+' || sign == '-') && word.text.size() == 4 && word.number >= 0 && word.number % 100 < 60 && word.number <= 1400) {
      zone = fmt::format("{}{:02}:{:02}", sign, word.number / 100, word.number % 100);
    } else if ((sign == '+' || sign == '-') && word.text.size() == 2 && word.number >= 0 && word.number <= 14) {
      const bool minutes = next + 1 < words.size() && text[word.end] == ':' && words[next + 1].number >= 0 && words[next + 1].number < 60;
      zone = fmt::format("{}{:02}:{:02}", sign, word.number, minutes ? words[next + 1].number : 0);
    }
    if (zone == "+00:00" || zone == "-00:00") zone = "Z";
  }
  return fmt::format("T{:02}:{:02}:{:02}{}", words[i].number, words[i + 1].number, second, zone);
}

std::string day_text(int year, int month, int day, const std::string& time) {
  return real_day(year, month, day) ? fmt::format("{:04}-{:02}-{:02}{}", year, month, day, time) : "";
}

}  // namespace

std::string iso_date(std::string_view text) {
  text = text.substr(0, 200);
  const auto words = words_of(text);
  for (size_t i = 0; i < words.size(); ++i) {
    const Word& a = words[i];
    if (a.text.size() == 8 && a.number > 0) {
      const auto found = day_text(a.number / 10000, a.number / 100 % 100, a.number % 100, "");
      if (!found.empty()) return found;
    }
    if (i + 2 >= words.size()) break;
    const Word &b = words[i + 1], &c = words[i + 2];
    size_t next = i + 3;
    if (a.text.size() == 4 && a.number > 0 && b.number > 0 && c.number > 0 && b.text.size() <= 2 && c.text.size() <= 2) {
      if (next < words.size() && words[next].text == "t") ++next;
      const auto found = day_text(a.number, b.number, c.number, time_of(text, words, next));
      if (!found.empty()) return found;
    }
    if (a.number > 0 && a.text.size() <= 2 && month_of(b.text) > 0 && c.number >= 0) {
      // RFC 5322, 4.3: years of two digits are of 1950 to 2049.
      const int year = c.text.size() == 2 ? c.number + (c.number < 50 ? 2000 : 1900) : c.number;
      const auto found = day_text(year, month_of(b.text), a.number, time_of(text, words, next));
      if (!found.empty()) return found;
    }
    if (month_of(a.text) > 0 && b.number > 0 && b.text.size() <= 2) {
      // "January 2, 2006", "January 2nd 2006", and Unix's "Jan  2 15:04:05 2006".
      size_t year = i + 2;
      std::string time;
      if (words[year].text == "st" || words[year].text == "nd" || words[year].text == "rd" || words[year].text == "th") ++year;
      if (year == i + 2 && year + 3 < words.size()) time = time_of(text, words, year);
      if (!time.empty()) {
        year += 3;
        if (words[year].number < 0 && year + 1 < words.size()) ++year;  // a zone's name
        time.resize(9);
      }
      if (year < words.size() && words[year].text.size() == 4) {
        const auto found = day_text(words[year].number, month_of(a.text), b.number, time);
        if (!found.empty()) return found;
      }
    }
  }
  return "";
}

}  // namespace loam
