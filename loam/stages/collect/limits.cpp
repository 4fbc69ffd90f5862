#include "loam/stages/collect/limits.h"

#include <fmt/format.h>

#include "loam/base/error.h"
#include "loam/base/fields.h"

namespace loam {
namespace {

struct RuleInfo {
  const char* reason;
  double limit;
  const char* says;  ///< "{}" stands for the limit
};

/// Reasons are those of datatrove where it has the rule; those of refinedweb are the names of DCLM's functions.
constexpr RuleInfo kRules[kRuleCount] = {
    {"few_words", 10, "at least {} words"},
    {"few_letters", 0.5, "at least {} of what is no white space are letters"},
    {"short_words", 2, "words have {} characters or more in the mean"},
    {"long_words", 12, "words have {} characters or less in the mean"},
    {"symbols", 0.1, "at most {} # and ellipses a word"},
    {"one_long_word", 0.2, "no word of 500 characters or more is over {} of the text"},
    {"broken_characters", 0.005, "at most {} of the characters are U+FFFD"},
    {"repeated_lines", 0.3, "at most {} of the characters are in lines that stood before"},
    {"gopher_short_doc", 50, "at least {} words that are no punctuation"},
    {"gopher_long_doc", 100000, "at most {} words that are no punctuation"},
    {"gopher_below_avg_threshold", 3, "these have {} characters or more in the mean"},
    {"gopher_above_avg_threshold", 10, "these have {} characters or less in the mean"},
    {"gopher_too_many_hashes", 0.1, "at most {} # a word"},
    {"gopher_too_many_ellipsis", 0.1, "at most {} ellipses a word"},
    {"gopher_too_many_bullets", 0.9, "at most {} of the lines begin with a bullet or hyphen"},
    {"gopher_too_many_end_ellipsis", 0.3, "at most {} of the lines end in an ellipsis"},
    {"gopher_below_alpha_threshold", 0.8, "at least {} of the words have a letter"},
    {"gopher_enough_stop_words", 2, "at least {} of the, be, to, of, and, that, have, with"},
    {"dup_para_frac", 0.3, "at most {} of the paragraphs stood before"},
    {"dup_para_char_frac", 0.2, "at most {} of the characters are in paragraphs that stood before"},
    {"dup_line_frac", 0.3, "at most {} of the lines stood before"},
    {"dup_line_char_frac", 0.2, "at most {} of the characters are in lines that stood before"},
    {"top_2_gram", 0.20, "at most {} of the characters are in the most frequent two words"},
    {"top_3_gram", 0.18, "at most {} of the characters are in the most frequent three words"},
    {"top_4_gram", 0.16, "at most {} of the characters are in the most frequent four words"},
    {"duplicated_5_n_grams", 0.15, "at most {} of the characters are in runs of 5 words that stood before"},
    {"duplicated_6_n_grams", 0.14, "at most {} of the characters are in runs of 6 words that stood before"},
    {"duplicated_7_n_grams", 0.13, "at most {} of the characters are in runs of 7 words that stood before"},
    {"duplicated_8_n_grams", 0.12, "at most {} of the characters are in runs of 8 words that stood before"},
    {"duplicated_9_n_grams", 0.11, "at most {} of the characters are in runs of 9 words that stood before"},
    {"duplicated_10_n_grams", 0.10, "at most {} of the characters are in runs of 10 words that stood before"},
    {"lorem_ipsum", 0, "at most {} lines with \"lorem ipsum\""},
    {"curly_bracket", 0, "at most {} lines with a curly bracket"},
    {"too_few_sentences", 5, "at least {} sentences in the lines that stay"},
    {"line_punct_ratio", 0.12, "at least {} of the lines end a sentence"},
    {"short_line_ratio", 0.67, "at most {} of the lines have 30 characters or less"},
    {"char_dup_ratio", 0.01, "at most {} of the characters are in lines that stood before"},
    {"list_ratio", 0.3, "at most {} line ends a word"},
    {"page_length_filter", 50, "at least {} words (and at most 100,000)"},
    {"word_length_filter", 10, "words have 3 to {} characters in the mean"},
    {"symbol_ratio_filter", 0.1, "at most {} # and ellipses a word"},
    {"bullet_count_filter", 0.9, "at most {} of the lines begin with a bullet"},
    {"ellipsis_count_filter", 0.3, "at most {} of the lines end in an ellipsis"},
    {"alphabetic_word_ratio_filter", 0.2, "at most {} of the words have no letter"},
    {"stop_word_filter", 2, "at least {} times the, be, to, of, and, that, have or with"},
    {"massive_web_repetition_filters", 0.3, "the repetition rules of Rae et al. 2021 as DCLM counts them (first limit {})"},
    {"word_removal_ratio_filter", 0.05, "at most {} of the words are in lines that are taken out"},
    {"empty", 1, "at least {} character"},
};

}  // namespace

const char* reason_of(Rule rule) { return kRules[static_cast<size_t>(rule)].reason; }

std::string says_of(Rule rule, double limit) { return fmt::format(fmt::runtime(kRules[static_cast<size_t>(rule)].says), limit); }

const std::vector<Word>& JudgedText::words() {
  if (!have_words_) english_words(text_, words_);
  have_words_ = true;
  return words_;
}

Limits::Limits() {
  for (size_t i = 0; i < kRuleCount; ++i) values_[i] = kRules[i].limit;
}

void Limits::set(const std::string& words) {
  const size_t equals = words.find('=');
  require(equals != std::string::npos && equals > 0, "--limit ", words, " is not REASON=VALUE, such as gopher_short_doc=10");
  const std::string reason = words.substr(0, equals);
  std::vector<std::string> names;
  for (size_t i = 0; i < kRuleCount; ++i) {
    if (reason == kRules[i].reason) {
      values_[i] = parse_number(words.substr(equals + 1), "--limit " + reason);
      return;
    }
    names.emplace_back(kRules[i].reason);
  }
  const std::string near = nearest_name(reason, names);
  fail(ErrorKind::usage, "--limit: no rule gives the reason \"", reason, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?");
}

}  // namespace loam
