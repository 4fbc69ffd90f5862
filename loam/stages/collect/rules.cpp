#include "loam/stages/collect/rules.h"

#include <fmt/format.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/hash.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

// The thresholds of `clean`.
constexpr int64_t kFewWords = 10;
constexpr double kFewLetters = 0.5;        // of what is no white space
constexpr double kShortWords = 2, kLongWords = 12;
constexpr double kSymbols = 0.1;           // runs of '#', and ellipses, a word
constexpr double kOneWord = 0.2;           // of the text, in one word of kOneWordLeast characters or more
constexpr int64_t kOneWordLeast = 500;
constexpr double kRepeatedLines = 0.3;     // characters in lines that stood before
constexpr double kBroken = 0.005;          // U+FFFD among the characters

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

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n\r\f\v");
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(" \t\n\r\f\v") - first + 1);
}

double repeated_line_share(std::string_view text, int64_t characters) {
  std::unordered_set<uint64_t> seen;
  int64_t repeated = 0;
  for (const std::string_view line : lines_of(text)) {
    const std::string_view words = trimmed(line);
    if (!words.empty() && !seen.insert(hash64(words)).second) repeated += count_code_points(words);
  }
  return static_cast<double>(repeated) / static_cast<double>(std::max<int64_t>(1, characters));
}

std::optional<Verdict> judge_clean(std::string_view text) {
  const Stats s = stats_of(text);
  const auto words = static_cast<double>(std::max<int64_t>(1, s.words));
  const int64_t visible = std::max<int64_t>(1, s.characters - s.spaces);
  if (s.words < kFewWords) return Verdict{"few_words", static_cast<double>(s.words), static_cast<double>(kFewWords)};
  const double letters = static_cast<double>(s.letters) / static_cast<double>(visible);
  if (letters < kFewLetters) return Verdict{"few_letters", letters, kFewLetters};
  const double length = static_cast<double>(s.word_characters) / words;
  if (length < kShortWords) return Verdict{"short_words", length, kShortWords};
  if (length > kLongWords) return Verdict{"long_words", length, kLongWords};
  const double symbols = static_cast<double>(s.symbols) / words;
  if (symbols > kSymbols) return Verdict{"symbols", symbols, kSymbols};
  const double one = static_cast<double>(s.longest_word) / static_cast<double>(s.characters);
  if (s.longest_word >= kOneWordLeast && one > kOneWord) return Verdict{"one_long_word", one, kOneWord};
  const double broken = static_cast<double>(s.broken) / static_cast<double>(s.characters);
  if (broken > kBroken) return Verdict{"broken_characters", broken, kBroken};
  const double repeated = repeated_line_share(text, s.characters);
  if (repeated > kRepeatedLines) return Verdict{"repeated_lines", repeated, kRepeatedLines};
  return std::nullopt;
}

/// A word as Gopher's rules count them: a run of letters, digits and marks (with apostrophes, dots and hyphens inside), or
/// one other character.
struct Word {
  std::string_view text;
  int32_t characters;
  bool wordlike, alphabetic;
};

std::vector<Word> words_of(std::string_view text) {
  std::vector<Word> out;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    char32_t c = next_code_point(text, at);
    Class kind = class_of(c);
    if (kind == space) continue;
    Word word = {text.substr(from, at - from), 1, kind != other, kind == letter};
    if (kind != other && !unspaced(c)) {
      for (size_t next = at; next < text.size();) {
        size_t after = next;
        c = next_code_point(text, after);
        kind = class_of(c);
        bool joins = kind == letter || kind == digit || kind == mark;
        if (!joins && (c == '\'' || c == 0x2019 || c == '.' || c == '-' || c == '_') && after < text.size()) {
          size_t peek = after;
          const Class beyond = class_of(next_code_point(text, peek));
          joins = beyond == letter || beyond == digit;
        }
        if (!joins || unspaced(c)) break;
        word.alphabetic = word.alphabetic || kind == letter;
        ++word.characters;
        at = next = after;
      }
      word.text = text.substr(from, at - from);
    }
    out.push_back(word);
  }
  return out;
}

std::optional<Verdict> gopher_quality(std::string_view text, const std::vector<Word>& words) {
  int64_t real = 0, characters = 0, alphabetic = 0;
  std::unordered_set<std::string_view> stops;
  for (const Word& word : words) {
    if (word.wordlike) {
      ++real;
      characters += word.characters;
    }
    alphabetic += word.alphabetic;
    for (const std::string_view stop : {"the", "be", "to", "of", "and", "that", "have", "with"}) {
      if (word.text == stop) stops.insert(stop);
    }
  }
  if (real < 50) return Verdict{"gopher_short_doc", static_cast<double>(real), 50};
  if (real > 100000) return Verdict{"gopher_long_doc", static_cast<double>(real), 100000};
  const double mean = static_cast<double>(characters) / static_cast<double>(real);
  if (mean < 3) return Verdict{"gopher_below_avg_threshold", mean, 3};
  if (mean > 10) return Verdict{"gopher_above_avg_threshold", mean, 10};
  auto occurrences = [&](std::string_view what) {
    int64_t count = 0;
    for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + what.size())) ++count;
    return static_cast<double>(count) / static_cast<double>(words.size());
  };
  if (const double share = occurrences("#"); share > 0.1) return Verdict{"gopher_too_many_hashes", share, 0.1};
  if (const double share = occurrences("...") + occurrences("\u2026"); share > 0.1) return Verdict{"gopher_too_many_ellipsis", share, 0.1};
  const auto lines = lines_of(text);
  int64_t bullets = 0, endings = 0;
  for (const std::string_view line : lines) {
    const std::string_view visible = trimmed(line);
    bullets += visible.starts_with("\u2022") || visible.starts_with("-");
    endings += visible.ends_with("...") || visible.ends_with("\u2026");
  }
  const auto count = static_cast<double>(std::max<size_t>(1, lines.size()));
  if (const double share = static_cast<double>(bullets) / count; share > 0.9) return Verdict{"gopher_too_many_bullets", share, 0.9};
  if (const double share = static_cast<double>(endings) / count; share > 0.3) return Verdict{"gopher_too_many_end_ellipsis", share, 0.3};
  if (const double share = static_cast<double>(alphabetic) / static_cast<double>(words.size()); share < 0.8) return Verdict{"gopher_below_alpha_threshold", share, 0.8};
  if (stops.size() < 2) return Verdict{"gopher_enough_stop_words", static_cast<double>(stops.size()), 2};
  return std::nullopt;
}

/// Pieces between runs of at least `breaks` line ends.
std::vector<std::string_view> pieces_of(std::string_view text, size_t breaks) {
  std::vector<std::string_view> out;
  size_t begin = 0;
  for (size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at)) {
    const size_t end = std::min(text.find_first_not_of('\n', at), text.size());
    if (end - at >= breaks) {
      out.push_back(text.substr(begin, at - begin));
      begin = end;
    }
    at = end;
  }
  out.push_back(text.substr(begin));
  return out;
}

std::optional<Verdict> gopher_repetition(std::string_view text, const std::vector<Word>& words) {
  const auto length = static_cast<double>(std::max<int64_t>(1, count_code_points(text)));
  for (const bool paragraphs : {true, false}) {
    const auto pieces = pieces_of(paragraphs ? trimmed(text) : text, paragraphs ? 2 : 1);
    std::unordered_set<uint64_t> seen;
    int64_t repeated = 0, characters = 0;
    for (const std::string_view piece : pieces) {
      if (seen.insert(hash64(piece)).second) continue;
      ++repeated;
      characters += count_code_points(piece);
    }
    if (const double share = static_cast<double>(repeated) / static_cast<double>(pieces.size()); share > 0.3) return Verdict{paragraphs ? "dup_para_frac" : "dup_line_frac", share, 0.3};
    if (const double share = static_cast<double>(characters) / length; share > 0.2) return Verdict{paragraphs ? "dup_para_char_frac" : "dup_line_char_frac", share, 0.2};
  }
  const auto count = static_cast<int64_t>(words.size());
  std::vector<uint64_t> hashes;
  for (const Word& word : words) hashes.push_back(hash64(word.text));
  auto gram = [&](int64_t at, int64_t n) {
    uint64_t h = 0;
    for (int64_t i = at; i < at + n; ++i) h = mix64(h ^ hashes[static_cast<size_t>(i)]);
    return h;
  };
  auto gram_characters = [&](int64_t at, int64_t n) {
    int64_t total = 0;
    for (int64_t i = at; i < at + n; ++i) total += words[static_cast<size_t>(i)].characters;
    return total;
  };
  static constexpr double kTop[] = {0.20, 0.18, 0.16}, kDuplicated[] = {0.15, 0.14, 0.13, 0.12, 0.11, 0.10};
  for (int64_t n = 2; n <= 4; ++n) {
    std::unordered_map<uint64_t, std::pair<int64_t, int64_t>> grams;  // count, first place
    int64_t most = 0, place = 0;
    for (int64_t at = 0; at + n <= count; ++at) {
      auto& [times, first] = grams.try_emplace(gram(at, n), 0, at).first->second;
      ++times;
      if (times > most || (times == most && first < place)) {
        most = times;
        place = first;
      }
    }
    if (most == 0) continue;
    const double share = static_cast<double>((gram_characters(place, n) + n - 1) * most) / length;
    if (share > kTop[n - 2]) return Verdict{fmt::format("top_{}_gram", n), share, kTop[n - 2]};
  }
  for (int64_t n = 5; n <= 10; ++n) {
    std::unordered_set<uint64_t> seen;
    int64_t repeated = 0;
    for (int64_t at = 0; at + n <= count;) {
      if (seen.insert(gram(at, n)).second) {
        ++at;
      } else {
        repeated += gram_characters(at, n);
        at += n;
      }
    }
    const double share = static_cast<double>(repeated) / length;
    if (share > kDuplicated[n - 5]) return Verdict{fmt::format("duplicated_{}_n_grams", n), share, kDuplicated[n - 5]};
  }
  return std::nullopt;
}

constexpr std::pair<const char*, RuleSet> kPresets[] = {{"none", RuleSet::none}, {"dedup", RuleSet::dedup}, {"clean", RuleSet::clean}, {"gopher", RuleSet::gopher}};

}  // namespace

Preset preset_named(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [label, rules] : kPresets) {
    if (name == label) return {name, rules};
    names.emplace_back(label);
  }
  const std::string near = nearest_name(name, names);
  fail(ErrorKind::usage, "there is no preset \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " Known: ", fmt::format("{}", fmt::join(names, ", ")));
}

std::vector<RuleHelp> rules_of(const Preset& preset) {
  std::vector<RuleHelp> out;
  if (preset.rules == RuleSet::clean) {
    out = {{"few_words", fmt::format("at least {} words", kFewWords)},
           {"few_letters", fmt::format("at least {} of what is no white space are letters", kFewLetters)},
           {"short_words", fmt::format("words have {} characters or more in the mean", kShortWords)},
           {"long_words", fmt::format("words have {} characters or less in the mean", kLongWords)},
           {"symbols", fmt::format("at most {} # and ellipses a word", kSymbols)},
           {"one_long_word", fmt::format("no word of {} characters or more is over {} of the text", kOneWordLeast, kOneWord)},
           {"broken_characters", fmt::format("at most {} of the characters are U+FFFD", kBroken)},
           {"repeated_lines", fmt::format("at most {} of the characters are in lines that stood before", kRepeatedLines)}};
  } else if (preset.rules == RuleSet::gopher) {
    out = {{"dup_*, top_*, duplicated_*", "the repetition rules of Rae et al. 2021, Table A1"}, {"gopher_*", "its quality rules, section A.1.1: 50 to 100,000 words, 3 to 10 characters each in the mean..."}};
  }
  if (preset.deduplicates()) out.push_back({"duplicate", "the words are not those of an earlier document"});
  return out;
}

std::optional<Verdict> judge(std::string_view text, const Preset& preset) {
  if (preset.rules == RuleSet::clean) return judge_clean(text);
  if (preset.rules == RuleSet::gopher) {
    const auto words = words_of(text);
    if (auto verdict = gopher_repetition(text, words)) return verdict;
    return gopher_quality(text, words);
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
