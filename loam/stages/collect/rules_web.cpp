// The rules of C4 (Raffel et al. 2020) and of FineWeb (2406.17557), as datatrove has them.
#include <unicode/uchar.h>

#include <algorithm>
#include <span>
#include <utility>

#include "loam/stages/collect/limits.h"
#include "loam/stages/collect/repeats.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr int64_t kLongestWord = 1000, kFewestLineWords = 3;  // of C4
constexpr int64_t kShortLine = 30;                            // of FineWeb

/// [12], [], [edit] and [citation needed] taken out.
std::string without_citations(std::string_view line) {
  std::string out;
  while (!line.empty()) {
    const size_t open = line.find('[');
    out += line.substr(0, open);
    if (open == std::string_view::npos) break;
    line.remove_prefix(open);
    size_t length = 0;
    for (const std::string_view mark : {"[edit]", "[citation needed]"}) {
      if (line.starts_with(mark)) length = mark.size();
    }
    if (length == 0) {
      const char *p = line.data() + 1, *const end = line.data() + line.size();
      while (p < end) {
        const Char c = read_char(p, end);
        if (c.code == kInvalid || u_charType(static_cast<UChar32>(c.code)) != U_DECIMAL_DIGIT_NUMBER) break;
        p += c.bytes;
      }
      if (p < end && *p == ']') length = static_cast<size_t>(p + 1 - line.data());
    }
    if (length == 0) {
      out += '[';
      length = 1;
    }
    line.remove_prefix(length);
  }
  return out;
}

/// Is `what` in the text? The letter at `rare` in it is looked for, which is to be a rare one.
bool has(std::string_view text, std::string_view what, size_t rare) {
  for (size_t at = text.find(what[rare]); at != std::string_view::npos; at = text.find(what[rare], at + 1)) {
    if (at >= rare && text.substr(at - rare).starts_with(what)) return true;
  }
  return false;
}

/// A line in lower case that speaks of the site.
bool is_notice(std::string_view lower) {
  if (has(lower, "cookie", 3)) {
    for (const std::string_view mark : {"cookie policy", "uses cookies", "use of cookies", "use cookies"}) {
      if (lower.find(mark) != std::string_view::npos) return true;
    }
  }
  return has(lower, "privacy policy", 3) || has(lower, "terms of use", 7);
}

/// What C4 asks of a line's words, those between white space.
struct LineWords {
  bool few = false, long_one = false;
};
LineWords words_of_line(std::string_view line) {
  LineWords out;
  if (line.size() <= static_cast<size_t>(kLongestWord)) {
    // No word can be too long: a few suffice.
    int64_t count = 0;
    bool open = false;
    for (const char *p = line.data(), *const end = p + line.size(); p < end && count < kFewestLineWords;) {
      const Char c = read_char(p, end);
      const bool space = is_python_space(c.code);
      count += !space && !open;
      open = !space;
      p += c.bytes;
    }
    out.few = count < kFewestLineWords;
    return out;
  }
  // From place to place a blank is looked for backwards, so that a line of usual words is hardly read.
  for (size_t at = 0; at + static_cast<size_t>(kLongestWord) < line.size();) {
    size_t back = at + static_cast<size_t>(kLongestWord);
    while (back > at && line[back] != ' ') --back;
    if (back == at) {
      out.long_one = true;   // perhaps: by bytes, and of plain spaces
      break;
    }
    at = back;
  }
  if (!out.long_one) {
    out.few = words_of_line(line.substr(0, static_cast<size_t>(kLongestWord))).few && split_space(line).size() < static_cast<size_t>(kFewestLineWords);
    return out;
  }
  const auto words = split_space(line);
  out.few = static_cast<int64_t>(words.size()) < kFewestLineWords;
  out.long_one = std::any_of(words.begin(), words.end(), [](std::string_view w) { return static_cast<int64_t>(w.size()) > kLongestWord && length_of(w) > kLongestWord; });
  return out;
}

bool ends_sentence(std::string_view line) {
  size_t at = line.size();
  while (at > 0 && (static_cast<unsigned char>(line[at - 1]) & 0xC0) == 0x80) --at;
  if (at == 0) return false;
  const char* p = line.data() + at - 1;
  const Char c = read_char(p, line.data() + line.size());
  return c.code != kInvalid && is_sentence_terminal(c.code);
}

}  // namespace

std::optional<Verdict> judge_c4(JudgedText& judged, const Limits& limits, bool terminal) {
  int64_t sentences = 0;
  std::string kept;
  std::vector<Word> kept_words, own;
  const std::string_view text = judged.text();
  const std::vector<Word>& words = judged.words();
  size_t word = 0;
  for (const std::string_view each : split_lines(text)) {
    const std::string_view bare = stripped(each);
    const LineWords in_line = words_of_line(bare);
    if (in_line.long_one) continue;
    const bool same = bare.find('[') == std::string_view::npos;
    const std::string line = same ? std::string(bare) : without_citations(bare);
    if (terminal) {
      const bool ends = !line.empty() && std::string_view(".?!\"'").find(line.back()) != std::string_view::npos;
      if (!ends || line.ends_with("...")) continue;
    }
    if (in_line.few) continue;
    const std::string lower = lowered(line);
    if (has(lower, "lorem ipsum", 8) && limits[Rule::lorem_ipsum] < 1) return breaks(Rule::lorem_ipsum, 1, limits);
    if (has(lower, "javascript", 0)) continue;
    if (line.find('{') != std::string::npos && limits[Rule::curly_bracket] < 1) return breaks(Rule::curly_bracket, 1, limits);
    if (is_notice(lower)) continue;
    if (!kept.empty()) kept += '\n';
    // White space parts words, and lines too: a line's words are those of the text that stand in it.
    const auto begin = static_cast<int64_t>(kept.size());
    if (same) {
      const int64_t from = bare.data() - text.data(), to = from + static_cast<int64_t>(bare.size());
      while (word < words.size() && words[word].begin < from) ++word;
      const size_t first = word;
      while (word < words.size() && words[word].begin < to) ++word;
      const std::span<const Word> of_line(words.data() + first, word - first);
      sentences += count_english_sentences(text, of_line);
      for (const Word& w : of_line) kept_words.push_back({w.begin - from + begin, w.bytes, w.characters});
    } else {
      english_words(line, own);
      sentences += count_english_sentences(line, own);
      for (const Word& w : own) kept_words.push_back({w.begin + begin, w.bytes, w.characters});
    }
    kept += line;
  }
  if (static_cast<double>(sentences) < limits[Rule::too_few_sentences]) return breaks(Rule::too_few_sentences, static_cast<double>(sentences), limits);
  const std::string_view whole = stripped(kept);
  if (whole != text) {
    const int64_t cut = whole.data() - kept.data();
    for (Word& w : kept_words) w.begin -= cut;
    judged.replace(std::string(whole), std::move(kept_words));
  }
  return std::nullopt;
}

std::optional<Verdict> judge_fineweb(JudgedText& judged, const Limits& limits) {
  const std::string_view text = judged.text();
  std::vector<std::string_view> lines = split_at(text, '\n');
  const auto ends = static_cast<int64_t>(lines.size()) - 1;
  std::erase_if(lines, [](std::string_view line) { return stripped(line).empty(); });
  if (lines.empty()) return breaks(Rule::empty, 0, limits);
  const auto count = static_cast<double>(lines.size());
  int64_t sentences = 0, brief = 0;
  for (const std::string_view line : lines) {
    sentences += ends_sentence(line);
    brief += length_of(line) <= kShortLine;
  }
  if (const double share = static_cast<double>(sentences) / count; share < limits[Rule::line_punct_ratio]) return breaks(Rule::line_punct_ratio, share, limits);
  if (const double share = static_cast<double>(brief) / count; share > limits[Rule::short_line_ratio]) return breaks(Rule::short_line_ratio, share, limits);
  const double repeated = static_cast<double>(repeats_of(lines).characters) / static_cast<double>(length_of(text) - ends);
  if (repeated > limits[Rule::char_dup_ratio]) return breaks(Rule::char_dup_ratio, repeated, limits);
  const auto words = static_cast<double>(std::max<size_t>(1, judged.words().size()));
  if (const double ratio = static_cast<double>(ends) / words; ratio > limits[Rule::list_ratio]) return breaks(Rule::list_ratio, ratio, limits);
  return std::nullopt;
}

}  // namespace loam
