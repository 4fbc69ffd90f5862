// The quality and repetition rules of Rae et al. 2021 (2112.11446, section A.1.1 and table A1) as datatrove has them.
#include <algorithm>

#include "loam/base/hash.h"
#include "loam/stages/collect/limits.h"
#include "loam/stages/collect/repeats.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

double share_of(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole)); }

struct WordFacts {
  bool symbol = true;   ///< punctuation alone
  bool letter = false;
};

WordFacts facts_of(std::string_view word) {
  WordFacts facts;
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

/// Hashes of strings that can be joined: those of "ab" and "c" give that of "abc", and so do "a" and "bc".
/// A polynomial modulo 2^61 - 1.
struct JoinHash {
  static constexpr uint64_t kPrime = (uint64_t{1} << 61) - 1, kBase = 0x1b5c7d3f9a2e4861ull & kPrime;
  uint64_t value = 0, power = 1;

  static uint64_t product(uint64_t a, uint64_t b) {
    const unsigned __int128 full = static_cast<unsigned __int128>(a) * b;
    const uint64_t sum = static_cast<uint64_t>(full & kPrime) + static_cast<uint64_t>(full >> 61);
    return sum >= kPrime ? sum - kPrime : sum;
  }
  static uint64_t sum(uint64_t a, uint64_t b) {
    const uint64_t s = a + b;
    return s >= kPrime ? s - kPrime : s;
  }
  static JoinHash of(std::string_view word) {
    JoinHash h;
    for (const char c : word) {
      h.value = sum(product(h.value, kBase), static_cast<unsigned char>(c) + uint64_t{1});
      h.power = product(h.power, kBase);
    }
    return h;
  }
};

}  // namespace

Repeats repeats_of(const std::vector<std::string_view>& pieces) {
  thread_local GramTable table;
  table.start(static_cast<int64_t>(pieces.size()));
  Repeats out;
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
  static constexpr std::string_view kStops[] = {"the", "be", "to", "of", "and", "that", "have", "with"};
  unsigned stops = 0;
  for (const Word& word : words) {
    const std::string_view w = judged.word(word);
    const WordFacts facts = facts_of(w);
    if (!facts.symbol) {
      ++real;
      characters += word.characters;
    }
    alphabetic += facts.letter;
    if (word.bytes > 4) continue;
    for (unsigned i = 0; i < 8; ++i) {
      if (w == kStops[i]) stops |= 1u << i;
    }
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
  const std::vector<Word>& words = judged.words();
  const auto count = static_cast<int64_t>(words.size());
  thread_local std::vector<JoinHash> hashes;
  thread_local std::vector<int64_t> ends;        // characters up to each word
  thread_local std::vector<uint64_t> apart, joined;  // of the n words that begin at each: as a sequence, and written together
  thread_local GramTable table;
  hashes.clear();
  ends.assign(1, 0);
  for (const Word& word : words) {
    hashes.push_back(JoinHash::of(judged.word(word)));
    ends.push_back(ends.back() + word.characters);
  }
  apart.resize(static_cast<size_t>(count));
  joined.resize(static_cast<size_t>(count));
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) apart[i] = joined[i] = hashes[i].value;
  auto characters = [](int64_t at, int64_t n) { return ends[static_cast<size_t>(at + n)] - ends[static_cast<size_t>(at)]; };
  for (int64_t n = 2; n <= 10; ++n) {
    for (int64_t at = 0; at + n <= count; ++at) {
      const JoinHash& last = hashes[static_cast<size_t>(at + n - 1)];
      const auto i = static_cast<size_t>(at);
      if (n <= 4) apart[i] = mix64(apart[i] * 3 + last.value);
      joined[i] = JoinHash::sum(JoinHash::product(joined[i], last.power), last.value);
    }
    if (count < n) continue;
    table.start(count - n + 1);
    if (n <= 4) {
      int64_t most = 0, place = 0;
      for (int64_t at = 0; at + n <= count; ++at) {
        GramTable::Entry& e = table.at(apart[static_cast<size_t>(at)], at);
        ++e.count;
        if (e.count > most || (e.count == most && e.first < place)) {
          most = e.count;
          place = e.first;
        }
      }
      const auto rule = static_cast<Rule>(static_cast<int64_t>(Rule::top_2_gram) + n - 2);
      if (const double share = share_of((characters(place, n) + n - 1) * most, length); share > limits[rule]) return breaks(rule, share, limits);
    } else {
      int64_t repeated = 0;
      for (int64_t at = 0; at + n <= count;) {
        GramTable::Entry& e = table.at(joined[static_cast<size_t>(at)], at);
        if (e.count++ == 0) {
          ++at;
        } else {
          repeated += characters(at, n);
          at += n;
        }
      }
      const auto rule = static_cast<Rule>(static_cast<int64_t>(Rule::duplicated_5) + n - 5);
      if (const double share = share_of(repeated, length); share > limits[rule]) return breaks(rule, share, limits);
    }
  }
  return std::nullopt;
}

}  // namespace loam
