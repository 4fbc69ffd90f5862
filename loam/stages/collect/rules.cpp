#include "loam/stages/collect/rules.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/hash.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr int64_t kOneWordLeast = 500;  // a word of fewer characters is not held against one_long_word

enum Class : uint8_t { space, letter, digit, mark, other };

Class class_of(char32_t c) {
  static const auto ascii = [] {
    std::array<Class, 128> table = {};
    for (char32_t i = 0; i < 128; ++i) {
      const bool alpha = (i >= 'a' && i <= 'z') || (i >= 'A' && i <= 'Z');
      table[i] = alpha ? letter : i >= '0' && i <= '9' ? digit : i == ' ' || (i >= 9 && i <= 13) || (i >= 0x1c && i <= 0x1f) ? space : other;
    }
    return table;
  }();
  if (c < 128) return ascii[c];
  const uint32_t mask = U_GET_GC_MASK(static_cast<UChar32>(c));
  if ((mask & U_GC_L_MASK) != 0) return letter;
  if ((mask & U_GC_M_MASK) != 0) return mark;
  if ((mask & U_GC_N_MASK) != 0) return digit;
  return (mask & U_GC_Z_MASK) != 0 || c == 0x85 ? space : other;
}

/// Scripts that put no spaces between words: a character is counted as a word.
bool unspaced(char32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) || (c >= 0x1000 && c <= 0x109F) || (c >= 0x1780 && c <= 0x17FF) || (c >= 0x3040 && c <= 0x30FF) || (c >= 0x3400 && c <= 0x9FFF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);
}

struct Stats {
  int64_t characters = 0, spaces = 0, letters = 0, words = 0, word_characters = 0, symbols = 0, longest_word = 0, broken = 0;
};

Stats stats_of(std::string_view text) {
  Stats s;
  int64_t word = 0;  // characters of the one that is open
  int dots = 0;
  char32_t before = 0;
  auto end_word = [&] {
    if (word == 0) return;
    ++s.words;
    s.word_characters += word;
    s.longest_word = std::max(s.longest_word, word);
    word = 0;
  };
  for (size_t at = 0; at < text.size();) {
    const char32_t c = static_cast<unsigned char>(text[at]) < 0x80 ? static_cast<char32_t>(text[at++]) : next_code_point(text, at);
    ++s.characters;
    dots = c == '.' ? dots + 1 : 0;
    if (dots == 3) {
      ++s.symbols;
      dots = 0;
    }
    s.symbols += (c == '#' && before != '#') || c == 0x2026;  // "## Heading" has one
    before = c;
    s.broken += c == 0xFFFD;
    const Class kind = class_of(c);
    if (kind == space) {
      ++s.spaces;
      end_word();
      continue;
    }
    s.letters += kind == letter || kind == mark;
    if (kind == letter && unspaced(c)) {
      end_word();
      ++s.words;
      s.word_characters += 5;  // what a word has elsewhere
      continue;
    }
    ++word;
  }
  end_word();
  return s;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(text.size(), end + 1));
  }
  return out;
}

constexpr std::string_view kBlanks = " \t\n\r\f\v";  // Python's, of ASCII

double repeated_line_share(std::string_view text, int64_t characters) {
  std::unordered_set<uint64_t> seen;
  int64_t repeated = 0;
  for (const std::string_view line : lines_of(text)) {
    const std::string_view words = trimmed(line, kBlanks);
    if (!words.empty() && !seen.insert(hash64(words)).second) repeated += count_code_points(words);
  }
  return static_cast<double>(repeated) / static_cast<double>(std::max<int64_t>(1, characters));
}

}  // namespace

std::optional<Verdict> judge_clean(JudgedText& judged, const Limits& limits) {
  const std::string_view text = judged.text();
  const Stats s = stats_of(text);
  const auto words = static_cast<double>(std::max<int64_t>(1, s.words));
  const auto characters = static_cast<double>(std::max<int64_t>(1, s.characters));
  if (static_cast<double>(s.words) < limits[Rule::few_words]) return breaks(Rule::few_words, static_cast<double>(s.words), limits);
  const double letters = static_cast<double>(s.letters) / static_cast<double>(std::max<int64_t>(1, s.characters - s.spaces));
  if (letters < limits[Rule::few_letters]) return breaks(Rule::few_letters, letters, limits);
  const double length = static_cast<double>(s.word_characters) / words;
  if (length < limits[Rule::short_words]) return breaks(Rule::short_words, length, limits);
  if (length > limits[Rule::long_words]) return breaks(Rule::long_words, length, limits);
  const double symbols = static_cast<double>(s.symbols) / words;
  if (symbols > limits[Rule::symbols]) return breaks(Rule::symbols, symbols, limits);
  const double one = static_cast<double>(s.longest_word) / characters;
  if (s.longest_word >= kOneWordLeast && one > limits[Rule::one_long_word]) return breaks(Rule::one_long_word, one, limits);
  const double broken = static_cast<double>(s.broken) / characters;
  if (broken > limits[Rule::broken_characters]) return breaks(Rule::broken_characters, broken, limits);
  const double repeated = repeated_line_share(text, s.characters);
  if (repeated > limits[Rule::repeated_lines]) return breaks(Rule::repeated_lines, repeated, limits);
  return std::nullopt;
}

namespace {

enum : unsigned { kTidies = 1, kDeduplicates = 2 };

struct PresetInfo {
  const char* name;
  unsigned does;
  std::vector<RuleSet> steps;
};

const std::vector<PresetInfo>& presets() {
  using enum RuleSet;
  static const std::vector<PresetInfo> all = {
      {"none", 0, {}},
      {"dedup", kDeduplicates, {}},
      {"clean", kTidies | kDeduplicates, {clean}},
      {"gopher", kTidies | kDeduplicates, {gopher_repetition, gopher_quality}},
      {"gopher/datatrove", kDeduplicates, {gopher_quality}},
      {"gopher-repetition", kDeduplicates, {gopher_repetition}},
      {"c4", kDeduplicates, {c4}},
      {"fineweb", kDeduplicates, {gopher_repetition, gopher_quality, c4_any_end, fineweb}},
      {"fineweb/code", kDeduplicates, {fineweb}},
      {"fineweb/paper", kDeduplicates, {fineweb_paper}},
      {"refinedweb", kDeduplicates, {refinedweb}},
  };
  return all;
}

const PresetInfo& info_named(const std::string& name) {
  std::vector<std::string> names;
  for (const PresetInfo& preset : presets()) {
    if (name == preset.name) return preset;
    names.emplace_back(preset.name);
  }
  const std::string near = nearest_name(name, names);
  fail(ErrorKind::usage, "there is no preset \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " Known: ", fmt::format("{}", fmt::join(names, ", ")), "; several in a row are joined by +");
}

}  // namespace

Preset preset_named(const std::string& name, const std::vector<std::string>& limits) {
  Preset out;
  out.name = name;
  out.deduplicates = false;
  for (size_t at = 0; at <= name.size();) {
    const size_t end = std::min(name.find('+', at), name.size());
    const PresetInfo& info = info_named(name.substr(at, end - at));
    out.steps.insert(out.steps.end(), info.steps.begin(), info.steps.end());
    out.tidies = out.tidies || (info.does & kTidies) != 0;
    out.deduplicates = out.deduplicates || (info.does & kDeduplicates) != 0;
    at = end + 1;
  }
  // The paper's limit, ten times the published program's. (In the paper's words: "the fraction of characters in duplicated
  // lines", 0.1.)
  if (std::find(out.steps.begin(), out.steps.end(), RuleSet::fineweb_paper) != out.steps.end()) out.limits.set(Rule::char_dup_ratio, 0.1);
  for (const std::string& limit : limits) out.limits.set(limit);
  return out;
}

std::vector<RuleHelp> rules_of(const Preset& preset) {
  std::vector<RuleHelp> out;
  auto range = [&](Rule first, Rule last) {
    for (int i = static_cast<int>(first); i <= static_cast<int>(last); ++i) out.push_back({reason_of(static_cast<Rule>(i)), says_of(static_cast<Rule>(i), preset.limits[static_cast<Rule>(i)])});
  };
  for (const RuleSet step : preset.steps) {
    switch (step) {
      case RuleSet::clean: range(Rule::few_words, Rule::repeated_lines); break;
      case RuleSet::gopher_quality: range(Rule::gopher_short_doc, Rule::gopher_stop_words); break;
      case RuleSet::gopher_repetition: range(Rule::dup_para_frac, Rule::duplicated_10); break;
      case RuleSet::c4: case RuleSet::c4_any_end: range(Rule::lorem_ipsum, Rule::too_few_sentences); break;
      case RuleSet::fineweb: case RuleSet::fineweb_paper: range(Rule::line_punct_ratio, Rule::list_ratio); break;
      case RuleSet::refinedweb: range(Rule::page_length, Rule::word_removal_ratio); break;
    }
  }
  if (preset.deduplicates) out.push_back({"duplicate", "the words are not those of an earlier document"});
  return out;
}

std::optional<Verdict> judge(std::string& text, const Preset& preset) {
  JudgedText judged(text);
  for (const RuleSet step : preset.steps) {
    std::optional<Verdict> verdict;
    switch (step) {
      case RuleSet::clean: verdict = judge_clean(judged, preset.limits); break;
      case RuleSet::gopher_quality: verdict = judge_gopher_quality(judged, preset.limits); break;
      case RuleSet::gopher_repetition: verdict = judge_gopher_repetition(judged, preset.limits); break;
      case RuleSet::c4: verdict = judge_c4(judged, preset.limits, /*terminal=*/true); break;
      case RuleSet::c4_any_end: verdict = judge_c4(judged, preset.limits, /*terminal=*/false); break;
      case RuleSet::fineweb: case RuleSet::fineweb_paper: verdict = judge_fineweb(judged, preset.limits); break;
      case RuleSet::refinedweb: verdict = judge_refinedweb(judged, preset.limits); break;
    }
    if (verdict) return verdict;
  }
  return std::nullopt;
}

std::string tidied(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  size_t line_begin = 0;  // in out, behind the last line end
  int empty_lines = 0;
  auto end_line = [&] {
    while (out.size() > line_begin && (out.back() == ' ' || out.back() == '\t')) out.pop_back();
    if (out.size() == line_begin) {
      if (line_begin == 0 || ++empty_lines > 1) return;  // none at the beginning, one in a row elsewhere
    } else {
      empty_lines = 0;
    }
    out += '\n';
    line_begin = out.size();
  };
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (c == '\n') {
      end_line();
    } else if (u >= 0x20 && u != 0x7f) {
      out += c;
    } else if (c == '\t') {
      out += c;
    } else if (c == '\f' || c == '\v') {
      end_line();
    }
  }
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ' || out.back() == '\t')) out.pop_back();
  return out;
}

TextKey key_of(std::string_view text) {
  // 128 bits in one pass over the words: two chains, each word's hash mixed into both.
  TextKey key = {0x6a09e667f3bcc908ull, 0xbb67ae8584caa73bull};
  for (size_t at = 0; at < text.size();) {
    at = text.find_first_not_of(" \t\n\r\f\v", at);
    if (at == std::string_view::npos) break;
    const size_t end = std::min(text.find_first_of(" \t\n\r\f\v", at), text.size());
    const std::string_view word = text.substr(at, end - at);
    key.high = mix64(key.high ^ hash64(word));
    key.low = mix64(key.low ^ hash64(word, 0x3c6ef372fe94f82bull));
    at = end;
  }
  return key;
}

}  // namespace loam
