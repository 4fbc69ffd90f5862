// The rules that may leave a document out, each with the limit that it is held against. A limit can be changed by name.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/text/english_words.h"

namespace loam {

/// In the order in which help shows them. Names and limits: kRules in limits.cpp.
enum class Rule {
  few_words, few_letters, short_words, long_words, symbols, one_long_word, broken_characters, repeated_lines,
  gopher_short_doc, gopher_long_doc, gopher_below_avg, gopher_above_avg, gopher_hashes, gopher_ellipsis, gopher_bullets, gopher_end_ellipsis, gopher_alpha, gopher_stop_words,
  dup_para_frac, dup_para_char_frac, dup_line_frac, dup_line_char_frac, top_2_gram, top_3_gram, top_4_gram,
  duplicated_5, duplicated_6, duplicated_7, duplicated_8, duplicated_9, duplicated_10,
  lorem_ipsum, curly_bracket, too_few_sentences,
  line_punct_ratio, short_line_ratio, char_dup_ratio, list_ratio,
  page_length, word_length, symbol_ratio, bullet_count, ellipsis_count, alphabetic_word_ratio, stop_word, web_repetition, word_removal_ratio,
  empty,
};
inline constexpr size_t kRuleCount = static_cast<size_t>(Rule::empty) + 1;

const char* reason_of(Rule rule);
/// What passes, with the limit: "at least 50 words".
std::string says_of(Rule rule, double limit);

class Limits {
 public:
  Limits();  ///< those of the papers and programs that the rules come from
  double operator[](Rule rule) const { return values_[static_cast<size_t>(rule)]; }
  void set(Rule rule, double value) { values_[static_cast<size_t>(rule)] = value; }
  /// "gopher_short_doc=10". Throws Error{usage} with the nearest reason.
  void set(const std::string& words);

 private:
  std::array<double, kRuleCount> values_;
};

/// Why a text is left out: the first rule it breaks.
struct Verdict {
  std::string reason;
  double value = 0, threshold = 0;
  bool operator==(const Verdict&) const = default;
};

inline Verdict breaks(Rule rule, double value, const Limits& limits) { return {reason_of(rule), value, limits[rule]}; }

/// A text on its way through the rules. Its words are looked for once, whatever the number of rules that want them.
class JudgedText {
 public:
  explicit JudgedText(std::string& text) : text_(text) {}
  const std::string& text() const { return text_; }
  const std::vector<Word>& words();
  std::string_view word(const Word& word) const { return std::string_view(text_).substr(static_cast<size_t>(word.begin), static_cast<size_t>(word.bytes)); }
  void replace(std::string text) {
    text_ = std::move(text);
    have_words_ = false;
  }
  /// With the words that english_words() would find in it.
  void replace(std::string text, std::vector<Word> words) {
    text_ = std::move(text);
    words_ = std::move(words);
    have_words_ = true;
  }

 private:
  std::string& text_;
  std::vector<Word> words_;
  bool have_words_ = false;
};

// The rule sets; each takes the text as the ones before left it. c4 and refinedweb take lines out of it.
std::optional<Verdict> judge_clean(JudgedText& text, const Limits& limits);
std::optional<Verdict> judge_gopher_quality(JudgedText& text, const Limits& limits);
std::optional<Verdict> judge_gopher_repetition(JudgedText& text, const Limits& limits);
/// `terminal`: lines must end in a terminal punctuation mark.
std::optional<Verdict> judge_c4(JudgedText& text, const Limits& limits, bool terminal);
std::optional<Verdict> judge_fineweb(JudgedText& text, const Limits& limits);
std::optional<Verdict> judge_refinedweb(JudgedText& text, const Limits& limits);

}  // namespace loam
