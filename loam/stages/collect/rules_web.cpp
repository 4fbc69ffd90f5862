// The rules of C4 (Raffel et al. 2020) and of FineWeb (2406.17557), as datatrove has them.
#include <unicode/uchar.h>

#include <algorithm>

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

bool has_any(std::string_view text, std::initializer_list<std::string_view> marks) {
  return std::any_of(marks.begin(), marks.end(), [&](std::string_view mark) { return text.find(mark) != std::string_view::npos; });
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
  for (const std::string_view each : split_lines(judged.text())) {
    const std::string_view bare = stripped(each);
    const auto words = split_space(bare);
    if (std::any_of(words.begin(), words.end(), [](std::string_view w) { return static_cast<int64_t>(w.size()) > kLongestWord && length_of(w) > kLongestWord; })) continue;
    const std::string line = bare.find('[') == std::string_view::npos ? std::string(bare) : without_citations(bare);
    if (terminal) {
      const bool ends = !line.empty() && std::string_view(".?!\"'").find(line.back()) != std::string_view::npos;
      if (!ends || line.ends_with("...")) continue;
    }
    if (static_cast<int64_t>(words.size()) < kFewestLineWords) continue;
    const std::string lower = lowered(line);
    if (lower.find("lorem ipsum") != std::string::npos && limits[Rule::lorem_ipsum] < 1) return breaks(Rule::lorem_ipsum, 1, limits);
    if (lower.find("javascript") != std::string::npos) continue;
    if (line.find('{') != std::string::npos && limits[Rule::curly_bracket] < 1) return breaks(Rule::curly_bracket, 1, limits);
    if (has_any(lower, {"terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"})) continue;
    sentences += count_english_sentences(line);
    if (!kept.empty()) kept += '\n';
    kept += line;
  }
  if (static_cast<double>(sentences) < limits[Rule::too_few_sentences]) return breaks(Rule::too_few_sentences, static_cast<double>(sentences), limits);
  const std::string_view whole = stripped(kept);
  if (whole != judged.text()) judged.replace(std::string(whole));
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
