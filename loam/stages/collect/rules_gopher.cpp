// The quality and repetition rules of Rae et al. 2021 (2112.11446, section A.1.1 and table A1) as datatrove has them.
#include <algorithm>

#include "loam/base/hash.h"
#include "loam/stages/collect/limits.h"
#include "loam/stages/collect/repeats.h"
#include "loam/stages/collect/word_runs.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

double share_of(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole)); }

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// A bit for each of the words that running English has; 0 for others.
unsigned stop_bit(std::string_view word) {
  if (word.size() < 2 || word.size() > 4) return 0;
  switch (word.front()) {
    case 't': return word == "the" ? 1 : word == "to" ? 2 : word == "that" ? 4 : 0;
    case 'b': return word == "be" ? 8 : 0;
    case 'o': return word == "of" ? 16 : 0;
    case 'a': return word == "and" ? 32 : 0;
    case 'h': return word == "have" ? 64 : 0;
    case 'w': return word == "with" ? 128 : 0;
    default: return 0;
  }
}

struct WordFacts {
  bool symbol = true;   ///< punctuation alone
  bool letter = false;
};

WordFacts facts_of(std::string_view word) {
  WordFacts facts;
  if (!word.empty() && is_ascii_letter(word.front())) return {false, true};
  for (const char *p = word.data(), *end = p + word.size(); p < end;) {
    const Char c = read_char(p, end);
    p += c.bytes;
    if (!facts.letter && c.code != kInvalid && is_python_alpha(c.code)) {
      facts.letter = true;
      facts.symbol = false;  // no letter is listed as punctuation
      break;
    }
    facts.symbol = facts.symbol && c.code != kInvalid && (is_listed_punctuation(c.code) || is_sentence_terminal(c.code));
  }
  return facts;
}

/// Pieces between runs of at least `breaks` line ends.
std::vector<std::string_view> parts_between(std::string_view text, size_t breaks) {
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

}  // namespace

Repeats repeats_of(const std::vector<std::string_view>& pieces) {
  Repeats out;
  if (pieces.size() < 2) return out;
  thread_local GramTable table;
  table.start(static_cast<int64_t>(pieces.size()));
  for (const std::string_view piece : pieces) {
    GramTable::Entry& e = table.at(hash64(piece), 0);
    if (e.count++ == 0) continue;
    ++out.pieces;
    out.characters += length_of(piece);
  }
  return out;
}

std::optional<Verdict> judge_gopher_quality(JudgedText& judged, const Limits& limits) {
  const std::string_view text = judged.text();
  const std::vector<Word>& words = judged.words();
  const auto all = static_cast<int64_t>(words.size());
  int64_t real = 0, characters = 0, alphabetic = 0;
  unsigned stops = 0;
  for (const Word& word : words) {
    const std::string_view w = judged.word(word);
    const WordFacts facts = facts_of(w);
    if (!facts.symbol) {
      ++real;
      characters += word.characters;
    }
    alphabetic += facts.letter;
    stops |= stop_bit(w);
  }
  if (static_cast<double>(real) < limits[Rule::gopher_short_doc]) return breaks(Rule::gopher_short_doc, static_cast<double>(real), limits);
  if (static_cast<double>(real) > limits[Rule::gopher_long_doc]) return breaks(Rule::gopher_long_doc, static_cast<double>(real), limits);
  if (all == 0) return breaks(Rule::empty, 0, limits);
  const double mean = share_of(characters, real);
  if (mean < limits[Rule::gopher_below_avg]) return breaks(Rule::gopher_below_avg, mean, limits);
  if (mean > limits[Rule::gopher_above_avg]) return breaks(Rule::gopher_above_avg, mean, limits);
  const double hashes = share_of(std::count(text.begin(), text.end(), '#'), all);
  if (hashes > limits[Rule::gopher_hashes]) return breaks(Rule::gopher_hashes, hashes, limits);
  const double ellipses = share_of(count_of(text, "...") + count_of(text, "…"), all);
  if (ellipses > limits[Rule::gopher_ellipsis]) return breaks(Rule::gopher_ellipsis, ellipses, limits);
  const auto lines = split_lines(text);
  int64_t bullets = 0, endings = 0;
  for (const std::string_view line : lines) {
    const std::string_view begin = left_stripped(line), end = right_stripped(line);
    bullets += begin.starts_with("•") || begin.starts_with('-');
    endings += end.ends_with("...") || end.ends_with("…");
  }
  const auto count = static_cast<int64_t>(lines.size());
  if (const double share = share_of(bullets, count); share > limits[Rule::gopher_bullets]) return breaks(Rule::gopher_bullets, share, limits);
  if (const double share = share_of(endings, count); share > limits[Rule::gopher_end_ellipsis]) return breaks(Rule::gopher_end_ellipsis, share, limits);
  if (const double share = share_of(alphabetic, all); share < limits[Rule::gopher_alpha]) return breaks(Rule::gopher_alpha, share, limits);
  const int distinct = __builtin_popcount(stops);
  if (distinct < limits[Rule::gopher_stop_words]) return breaks(Rule::gopher_stop_words, distinct, limits);
  return std::nullopt;
}

std::optional<Verdict> judge_gopher_repetition(JudgedText& judged, const Limits& limits) {
  const std::string_view text = judged.text();
  if (text.empty()) return breaks(Rule::empty, 0, limits);
  const int64_t length = length_of(text);
  for (const bool paragraphs : {true, false}) {
    const auto pieces = parts_between(paragraphs ? stripped(text) : text, paragraphs ? 2 : 1);
    const Repeats repeats = repeats_of(pieces);
    const Rule count = paragraphs ? Rule::dup_para_frac : Rule::dup_line_frac, characters = paragraphs ? Rule::dup_para_char_frac : Rule::dup_line_char_frac;
    if (const double share = share_of(repeats.pieces, static_cast<int64_t>(pieces.size())); share > limits[count]) return breaks(count, share, limits);
    if (const double share = share_of(repeats.characters, length); share > limits[characters]) return breaks(characters, share, limits);
  }
  WordRuns runs(judged);
  for (int64_t n = 2; n <= 10 && n <= runs.words(); ++n) {
    const auto rule = static_cast<Rule>(n <= 4 ? static_cast<int64_t>(Rule::top_2_gram) + n - 2 : static_cast<int64_t>(Rule::duplicated_5) + n - 5);
    auto too_many = [&](int64_t characters) { return share_of(characters, length) > limits[rule]; };
    const int64_t characters = n <= 4 ? runs.most_common(n, too_many) : runs.repeated(n);
    if (too_many(characters)) return breaks(rule, share_of(characters, length), limits);
  }
  return std::nullopt;
}

}  // namespace loam
