// The rules of RefinedWeb (2306.01116) as DCLM's baselines have them, after its address lists and language filter: page
// rules, repetition, and lines taken out.
#include <unicode/uchar.h>

#include <algorithm>
#include <unordered_map>

#include "loam/base/hash.h"
#include "loam/stages/collect/limits.h"
#include "loam/stages/collect/repeats.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr int64_t kMostWords = 100000;
constexpr double kShortestMean = 3;
constexpr int64_t kButtonWords = 10;  // lines of more words lose no "read more"

double portion(int64_t part, int64_t whole) { return static_cast<double>(part) / static_cast<double>(std::max<int64_t>(1, whole)); }

Char first_char(std::string_view text) { return text.empty() ? Char{kInvalid, 1} : read_char(text.data(), text.data() + text.size()); }

/// Words between white space that begin with a letter or digit, as fastText's tokenizer gives them.
int64_t count_words(std::string_view text) {
  int64_t count = 0;
  for (size_t at = 0; at < text.size();) {
    at = text.find_first_not_of(std::string_view(" \n\r\t\v\f\0", 7), at);
    if (at == std::string_view::npos) break;
    const size_t end = std::min(text.find_first_of(std::string_view(" \n\r\t\v\f\0", 7), at), text.size());
    count += is_python_alnum(first_char(text.substr(at, end - at)).code);
    at = end;
  }
  return count;
}

/// Words by Unicode's default boundaries (UAX 29, rules WB5 to WB13b) that begin with a letter or digit.
std::vector<std::string_view> segmented(std::string_view text) {
  struct Unit {
    size_t begin;
    int kind;
    char32_t code;
  };
  std::vector<Unit> units;
  for (const char *p = text.data(), *end = p + text.size(); p < end;) {
    const Char c = read_char(p, end);
    const int kind = c.code == kInvalid ? U_WB_OTHER : u_getIntPropertyValue(static_cast<UChar32>(c.code), UCHAR_WORD_BREAK);
    const bool extends = kind == U_WB_EXTEND || kind == U_WB_FORMAT || kind == U_WB_ZWJ;
    if (!extends || units.empty()) units.push_back({static_cast<size_t>(p - text.data()), kind, c.code});  // WB4: else part of the one before
    p += c.bytes;
  }
  auto letter = [](int k) { return k == U_WB_ALETTER || k == U_WB_HEBREW_LETTER; };
  auto joins = [&](size_t i) {  // no boundary between units i - 1 and i
    const int a = units[i - 1].kind, b = units[i].kind;
    const int next = i + 1 < units.size() ? units[i + 1].kind : U_WB_OTHER, before = i >= 2 ? units[i - 2].kind : U_WB_OTHER;
    const auto mid_letter = [](int k) { return k == U_WB_MIDLETTER || k == U_WB_MIDNUMLET || k == U_WB_SINGLE_QUOTE; };
    const auto mid_number = [](int k) { return k == U_WB_MIDNUM || k == U_WB_MIDNUMLET || k == U_WB_SINGLE_QUOTE; };
    if (letter(a) && letter(b)) return true;
    if (letter(a) && mid_letter(b) && letter(next)) return true;
    if (letter(before) && mid_letter(a) && letter(b)) return true;
    if (a == U_WB_NUMERIC && (b == U_WB_NUMERIC || letter(b))) return true;
    if (letter(a) && b == U_WB_NUMERIC) return true;
    if (before == U_WB_NUMERIC && mid_number(a) && b == U_WB_NUMERIC) return true;
    if (a == U_WB_NUMERIC && mid_number(b) && next == U_WB_NUMERIC) return true;
    if (a == U_WB_KATAKANA && b == U_WB_KATAKANA) return true;
    const bool wordlike = letter(a) || a == U_WB_NUMERIC || a == U_WB_KATAKANA || a == U_WB_EXTENDNUMLET;
    if (wordlike && b == U_WB_EXTENDNUMLET) return true;
    return a == U_WB_EXTENDNUMLET && (letter(b) || b == U_WB_NUMERIC || b == U_WB_KATAKANA);
  };
  std::vector<std::string_view> out;
  for (size_t i = 0; i < units.size();) {
    size_t end = i + 1;
    while (end < units.size() && joins(end)) ++end;
    const size_t to = end < units.size() ? units[end].begin : text.size();
    if (is_python_alnum(units[i].code)) out.push_back(text.substr(units[i].begin, to - units[i].begin));
    i = end;
  }
  return out;
}

std::vector<std::string_view> segments_of(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> out;
  for (size_t at = 0;;) {
    const size_t end = text.find(separator, at);
    const std::string_view piece = stripped(text.substr(at, end - at));
    if (!piece.empty()) out.push_back(piece);
    if (end == std::string_view::npos) return out;
    at = end + separator.size();
  }
}

/// Shares of the pieces, and of their characters, that stand more than once; every one of them counts.
std::pair<double, double> repeated_shares(const std::vector<std::string_view>& pieces) {
  std::unordered_map<uint64_t, std::pair<int64_t, int64_t>> counts;  // of each: times, characters
  int64_t all = 0, repeated = 0, characters = 0;
  for (const std::string_view piece : pieces) {
    auto& [times, length] = counts[hash64(piece)];
    if (times++ == 0) length = length_of(piece);
    all += length;
  }
  for (const auto& [hash, count] : counts) {
    if (count.first < 2) continue;
    repeated += count.first;
    characters += count.first * count.second;
  }
  return {portion(repeated, static_cast<int64_t>(pieces.size())), portion(characters, all)};
}

/// Of the words' characters, the share in the most frequent n words (n <= 4), or in all n words that stand more than once.
/// grams[i] is the hash of the n words from i on; ends[i] the characters before word i.
double gram_share(const std::vector<uint64_t>& grams, const std::vector<int64_t>& ends, int64_t n) {
  thread_local GramTable table;
  const auto count = static_cast<int64_t>(grams.size());
  const int64_t all = ends.back();
  table.start(count);
  auto characters = [&](int64_t at) { return ends[static_cast<size_t>(at + n)] - ends[static_cast<size_t>(at)]; };
  auto times = [&](int64_t at) -> uint32_t& { return table.at(grams[static_cast<size_t>(at)], at).count; };
  int64_t most = 0;
  for (int64_t at = 0; at < count; ++at) most = std::max<int64_t>(most, ++times(at));
  if (most <= 1) return 0;
  if (n <= 4) {
    int64_t longest = 0;
    for (int64_t at = 0; at < count; ++at) {
      if (times(at) == most) longest = std::max(longest, characters(at));
    }
    return portion(longest * most, all);
  }
  int64_t covered = 0, upto = 0;
  for (int64_t at = 0; at < count; ++at) {
    if (times(at) < 2) continue;
    const int64_t from = std::max(at, upto);
    covered += ends[static_cast<size_t>(at + n)] - ends[static_cast<size_t>(from)];
    upto = at + n;
  }
  return portion(covered, all);
}

std::optional<Verdict> repetition(std::string_view text, const Limits& limits) {
  auto verdict = [](double value, double threshold) { return Verdict{reason_of(Rule::web_repetition), value, threshold}; };
  const double first = limits[Rule::web_repetition];
  const auto lines = segments_of(text, "\n"), paragraphs = segments_of(text, "\n\n");
  const auto by_line = lines.size() > 1 ? repeated_shares(lines) : std::pair(0.0, 0.0);
  const auto by_paragraph = paragraphs.size() > 1 ? repeated_shares(paragraphs) : std::pair(0.0, 0.0);
  if (by_line.first > first) return verdict(by_line.first, first);
  if (by_paragraph.first > first) return verdict(by_paragraph.first, first);
  if (by_line.second > 0.2) return verdict(by_line.second, 0.2);
  if (by_paragraph.second > 0.2) return verdict(by_paragraph.second, 0.2);
  std::vector<uint64_t> hashes;
  std::vector<int64_t> ends = {0};
  for (const std::string_view word : segmented(text)) {
    hashes.push_back(hash64(word));
    ends.push_back(ends.back() + length_of(word));
  }
  std::vector<uint64_t> grams = hashes;
  static constexpr double kMost[] = {0.20, 0.18, 0.16, 0.15, 0.14, 0.13, 0.12, 0.11, 0.10};
  for (int64_t n = 2; n <= 10 && static_cast<size_t>(n) <= hashes.size(); ++n) {
    grams.pop_back();
    for (size_t i = 0; i < grams.size(); ++i) grams[i] = mix64(grams[i] * 3 + hashes[i + static_cast<size_t>(n) - 1]);
    if (const double share = gram_share(grams, ends, n); share > kMost[n - 2]) return verdict(share, kMost[n - 2]);
  }
  return std::nullopt;
}

bool starts_with_fold(std::string_view text, std::string_view lower) {
  return text.size() >= lower.size() && std::equal(lower.begin(), lower.end(), text.begin(), [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + 32 : b); });
}

/// "3 likes", "1.2k views": a number, perhaps with a letter for thousands, white space, and what is counted.
bool is_counter(std::string_view line) {
  const std::string lower = lowered(line);
  const char *p = lower.data(), *const end = p + lower.size();
  auto word_char = [&](const char* at) { return is_python_alnum(read_char(at, end).code) || *at == '_'; };
  while (p < end && !word_char(p)) p += read_char(p, end).bytes;
  if (p == end || *p < '0' || *p > '9') return false;
  while (p < end && ((*p >= '0' && *p <= '9') || *p == ',' || *p == '.')) ++p;
  if (p < end && (*p == 'k' || *p == 'm' || *p == 'b')) ++p;
  const char* const space = p;
  while (p < end && is_python_space(read_char(p, end).code)) p += read_char(p, end).bytes;
  if (p == space) return false;
  const std::string_view rest(p, static_cast<size_t>(end - p));
  for (const std::string_view what : {"likes", "shares", "comments", "retweets", "reposts", "quotes", "bookmarks", "upvotes", "downvotes", "downloads", "views", "followers"}) {
    if (!rest.starts_with(what)) continue;
    const char* q = p + what.size();
    while (q < end && !word_char(q)) q += read_char(q, end).bytes;
    if (q == end) return true;
  }
  return false;
}

/// Takes "items in cart" anywhere, "read more..." at the end and "sign-in" at the beginning out of a short line.
std::string without_buttons(std::string_view line) {
  std::string out(line);
  auto space_before = [&](size_t at) { return at > 0 && is_python_space(static_cast<unsigned char>(out[at - 1])) ? at - 1 : at; };
  constexpr std::string_view kCart = "items in cart", kMore = "read more", kSign = "sign-in";
  for (size_t at = 0; at + kCart.size() <= out.size();) {
    if (!starts_with_fold(std::string_view(out).substr(at), kCart)) {
      ++at;
      continue;
    }
    const size_t from = space_before(at);
    out.erase(from, at + kCart.size() - from);
    at = from;
  }
  // The reference's pattern has dots that stand for any character: "read more" and three more of them at the end.
  const int64_t characters = length_of(out);
  if (characters >= 12) {
    size_t at = out.size();
    for (int i = 0; i < 3; ++i) {
      do --at;
      while (at > 0 && (static_cast<unsigned char>(out[at]) & 0xC0) == 0x80);
    }
    if (at >= kMore.size() && starts_with_fold(std::string_view(out).substr(at - kMore.size()), kMore)) out.resize(space_before(at - kMore.size()));
  }
  if (starts_with_fold(out, kSign)) out.erase(0, kSign.size() + (out.size() > kSign.size() && is_python_space(static_cast<unsigned char>(out[kSign.size()])) ? 1 : 0));
  return out;
}

/// The lines that stay, as the reference's modifiers leave them.
std::string without_bad_lines(std::string_view text) {
  std::string out;
  bool first = true;
  for (const std::string_view line : split_at(text, '\n')) {
    std::string kept(line);
    if (!line.empty()) {
      int64_t upper = 0, digits = 0;
      for (const char *p = line.data(), *end = p + line.size(); p < end;) {
        const Char c = read_char(p, end);
        p += c.bytes;
        if (c.code == kInvalid) continue;
        upper += u_isUUppercase(static_cast<UChar32>(c.code)) != 0;
        digits += u_charType(static_cast<UChar32>(c.code)) == U_DECIMAL_DIGIT_NUMBER;
      }
      const int64_t length = length_of(line);
      if (portion(upper, length) > 0.5 || digits == length || is_counter(line)) continue;
      const auto words = static_cast<int64_t>(split_space(line).size());
      if (words < 2) continue;
      if (words <= kButtonWords) {
        kept = without_buttons(line);
        if (stripped(kept).empty()) continue;
      }
    }
    if (!first) out += '\n';
    first = false;
    out += kept;
  }
  return std::string(stripped(out));
}

}  // namespace

std::optional<Verdict> judge_refinedweb(JudgedText& judged, const Limits& limits) {
  // At most two line ends in a row.
  if (judged.text().find("\n\n\n") != std::string::npos) {
    std::string out;
    int ends = 0;
    for (const char c : judged.text()) {
      ends = c == '\n' ? ends + 1 : 0;
      if (ends <= 2) out += c;
    }
    judged.replace(std::move(out));
  }
  const std::string_view text = judged.text();
  const int64_t before = count_words(text);
  if (static_cast<double>(before) < limits[Rule::page_length]) return breaks(Rule::page_length, static_cast<double>(before), limits);
  if (before > kMostWords) return Verdict{reason_of(Rule::page_length), static_cast<double>(before), static_cast<double>(kMostWords)};
  const auto words = split_space(text);
  int64_t characters = 0, letterless = 0, stops = 0;
  for (const std::string_view word : words) {
    characters += length_of(word);
    bool letter = false;
    for (const char *p = word.data(), *end = p + word.size(); p < end && !letter;) {
      const Char c = read_char(p, end);
      letter = c.code != kInvalid && is_python_alpha(c.code);
      p += c.bytes;
    }
    letterless += !letter;
    if (word.size() > 4) continue;
    const std::string lower = lowered(word);
    for (const std::string_view stop : {"the", "be", "to", "of", "and", "that", "have", "with"}) stops += lower == stop;
  }
  const auto count = static_cast<int64_t>(words.size());
  const double mean = portion(characters, count);
  if (mean < kShortestMean) return Verdict{reason_of(Rule::word_length), mean, kShortestMean};
  if (mean > limits[Rule::word_length]) return breaks(Rule::word_length, mean, limits);
  const double symbols = portion(count_of(text, "#") + count_of(text, "...") + count_of(text, ". . .") + count_of(text, "…"), count);
  if (symbols > limits[Rule::symbol_ratio]) return breaks(Rule::symbol_ratio, symbols, limits);
  const auto lines = segments_of(text, "\n");
  int64_t bullets = 0, ellipses = 0;
  for (const std::string_view line : lines) {
    bullets += line.starts_with("●") || line.starts_with("•") || line.starts_with('*') || line.starts_with('-');
    ellipses += line.ends_with("...") || line.ends_with(". . .") || line.ends_with("…");
  }
  const auto line_count = static_cast<int64_t>(lines.size());
  if (const double share = portion(bullets, line_count); share > limits[Rule::bullet_count]) return breaks(Rule::bullet_count, share, limits);
  if (const double share = portion(ellipses, line_count); share > limits[Rule::ellipsis_count]) return breaks(Rule::ellipsis_count, share, limits);
  if (const double share = portion(letterless, count); share > limits[Rule::alphabetic_word_ratio]) return breaks(Rule::alphabetic_word_ratio, share, limits);
  if (static_cast<double>(stops) < limits[Rule::stop_word]) return breaks(Rule::stop_word, static_cast<double>(stops), limits);
  if (auto verdict = repetition(text, limits)) return verdict;
  std::string kept = without_bad_lines(text);
  const double removed = portion(before - count_words(kept), before);
  if (kept.empty() || removed > limits[Rule::word_removal_ratio]) return breaks(Rule::word_removal_ratio, removed, limits);
  if (kept != judged.text()) judged.replace(std::move(kept));
  return std::nullopt;
}

}  // namespace loam
