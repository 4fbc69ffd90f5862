// Runs of words that come again in a text, exactly counted, for the most part without looking at each: what is no
// repetition shows in one pass over small tables of counts.
//
//   WordRuns runs(judged);
//   if (runs.most_common(2, [&](int64_t characters) { return characters > limit; }) > limit) ...
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/hash.h"
#include "loam/stages/collect/limits.h"
#include "loam/stages/collect/repeats.h"

namespace loam {

/// Of one text's words. What it needs is kept by the thread for the next one; one at a time.
class WordRuns {
 public:
  explicit WordRuns(JudgedText& judged);
  WordRuns(const WordRuns&) = delete;
  WordRuns& operator=(const WordRuns&) = delete;

  int64_t words() const { return count_; }

  /// Of the runs of n words with a space between, 2 to 4, the one that occurs most often (of several the first): its
  /// characters times how often. Exact if `too_many` holds of it; else any number of which it does not hold. `too_many`
  /// holds of all numbers above one of which it holds.
  template <class F>
  int64_t most_common(int64_t n, F&& too_many) {
    int64_t bound = 0;
    for (int64_t at = 0; at + n <= count_; ++at) bound = std::max(bound, (characters(at, n) + n - 1) * at_most(at, n));
    return too_many(bound) ? count_most_common(n) : bound;
  }
  /// From left to right, characters of runs of n words, 5 to 10, that came before: one that did is stepped over, another by
  /// a word. Runs are the same if their letters are, written together.
  int64_t repeated(int64_t n);

 private:
  struct Kept;
  static Kept& kept();
  int64_t count_most_common(int64_t n);
  int64_t characters(int64_t at, int64_t n) const { return ends_[at + n] - ends_[at]; }
  int64_t bytes(int64_t at, int64_t n) const { return places_[at + n] - places_[at]; }
  /// Occurrences of the n words from `at` on, 2 to 4: no more than those of the pairs in them.
  int64_t at_most(int64_t at, int64_t n) const { return std::min(pairs_[at], pairs_[at + n - 2]); }

  Kept& kept_;
  int64_t count_;
  const uint32_t *ends_, *places_, *pairs_;   // characters and bytes before each word; an upper bound of each pair's occurrences
};

}  // namespace loam
