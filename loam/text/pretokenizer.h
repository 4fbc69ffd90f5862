// Cutting text into the pieces that byte-pair merges never cross.
//
//   const PreTokenizer cut = PreTokenizer::from_pattern("cl100k");       // or a regular expression
//   cut.split(text, [&](std::string_view piece) { ... });                // in order; together they are the text
//
// The patterns of GPT-2, cl100k (GPT-4, Llama 3) and o200k are scanners written by hand, equal to their regular
// expressions; any other pattern runs on ICU's regular expressions, some hundred times slower. A byte that is not
// well-formed UTF-8 counts as one symbol: neither letter, number nor space.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"

namespace loam {

namespace detail {
/// The end of the piece that begins at `at` < `end`; `end` is the end of the text.
const char* gpt2_piece(const char* at, const char* end);
const char* cl100k_piece(const char* at, const char* end, int max_digits);
const char* o200k_piece(const char* at, const char* end);
const char* digit_piece(const char* at, const char* end);  ///< each number character alone, the rest in runs
class RegexSplit;
void regex_split(const RegexSplit& regex, std::string_view text, const std::function<void(std::string_view)>& piece);
}  // namespace detail

class PreTokenizer {
 public:
  /// The whole text is one piece.
  PreTokenizer() = default;
  /// A name (gpt2, cl100k, o200k, llama3) or a regular expression: its matches, and what lies between them, are the
  /// pieces. Throws Error{usage} with ICU's reason if it does not compile.
  static PreTokenizer from_pattern(const std::string& name_or_regex);
  /// Names that from_pattern() knows.
  static const std::vector<std::string>& names();

  /// Hugging Face's `pre_tokenizer`: ByteLevel, Split, Digits and sequences of them. Throws Error{input} for others.
  static PreTokenizer from_json(const Json& json);
  Json to_json() const;
  /// The regular expression, where there is one step: what .tiktoken users need beside the ranks. "" otherwise.
  std::string regex() const;

  template <class F>
  void split(std::string_view text, F&& piece) const {
    split_from(0, text, piece);
  }

 private:
  struct Step {
    enum Kind { gpt2, cl100k, o200k, digits, other } kind;
    int max_digits = 3;  ///< of cl100k's \p{N}{1,3}
    std::string pattern;
    std::shared_ptr<const detail::RegexSplit> compiled;
  };
  static Step step_of(const std::string& regex);

  template <class F>
  void split_from(size_t index, std::string_view text, F& piece) const {
    if (index == steps_.size()) {
      if (!text.empty()) piece(text);
      return;
    }
    const bool last = index + 1 == steps_.size();
    auto give = [&](std::string_view part) {
      if (last) {
        piece(part);
      } else {
        split_from(index + 1, part, piece);
      }
    };
    const char* at = text.data();
    const char* const end = at + text.size();
    auto scan = [&](auto&& next) {
      while (at < end) {
        const char* stop = next();
        give(std::string_view(at, static_cast<size_t>(stop - at)));
        at = stop;
      }
    };
    const Step& step = steps_[index];
    switch (step.kind) {
      case Step::gpt2: scan([&] { return detail::gpt2_piece(at, end); }); break;
      case Step::cl100k: scan([&] { return detail::cl100k_piece(at, end, step.max_digits); }); break;
      case Step::o200k: scan([&] { return detail::o200k_piece(at, end); }); break;
      case Step::digits: scan([&] { return detail::digit_piece(at, end); }); break;
      case Step::other: detail::regex_split(*step.compiled, text, give); break;
    }
  }

  std::vector<Step> steps_;
};

}  // namespace loam
