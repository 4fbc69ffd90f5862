// What a corpus must not hold: texts that models are tested on.
//
//   const EvaluationTexts tests({"test.jsonl"}, 13);
//   if (const auto overlap = tests.find(text)) leave_out(overlap->span, overlap->from);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct Overlap {
  int64_t words = 0;   ///< that stand in both, one after the other
  std::string span;    ///< as the document has them
  std::string from;    ///< the evaluation file and its record: "test.jsonl#12"

  Json json() const { return {{"words", words}, {"span", span}, {"from", from}}; }
};

/// The texts are held in memory, their words in lower case without punctuation, with 24 bytes for each run of n words.
class EvaluationTexts {
 public:
  /// Any file that collect reads; of JSON rows and tables all text fields, one after the other. Texts shorter than n words
  /// can overlap with nothing. Throws Error{input} for a file that cannot be read or has no text.
  EvaluationTexts(const std::vector<std::string>& files, int64_t n);
  bool any() const { return !places_.empty(); }
  int64_t texts() const { return static_cast<int64_t>(records_.size()); }

  /// The longest run of at least n words that both have, the first of equal ones; compared word by word, so that none is
  /// there by chance of a hash. Safe on any thread.
  std::optional<Overlap> find(std::string_view text) const;

 private:
  void add(std::string_view text, const std::string& from);
  struct Word {
    uint64_t hash;
    uint32_t begin, bytes;  // in letters_
  };
  int64_t n_;
  std::string letters_;
  std::vector<Word> words_;               // of all texts; between two of them one with bytes 0
  std::vector<std::pair<size_t, std::string>> records_;  // first word, and where it is from
  std::unordered_map<uint64_t, uint32_t> places_;        // of n words: the first of them
};

}  // namespace loam
