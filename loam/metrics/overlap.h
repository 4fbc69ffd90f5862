// How much a text shares with the one that was wanted: exact match, chrF, BLEU, ROUGE.
//
//   double score = chrf("Le chat dort.", "Le chat dormait.");          // 0..100
//   ChrfCounts sum; for (...) sum += chrf_counts(hypothesis, reference); sum.score();   // of a corpus
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// Equal but for white space at the ends.
bool exact_match(std::string_view hypothesis, std::string_view reference);

/// Counts that chrF is made of, for each order n = 1..6: n-grams of the hypothesis, of the reference, shared.
struct ChrfCounts {
  static constexpr int64_t kOrder = 6;
  std::array<int64_t, kOrder> hypothesis = {}, reference = {}, shared = {};

  ChrfCounts& operator+=(const ChrfCounts& other);
  /// chrF with recall weighted by beta (2: chrF2), 0..100, over the orders that both sides have.
  /// `smoothed`: over all orders, absent ones counting next to nothing (the earliest chrF++ programs).
  double score(double beta = 2, bool smoothed = false) const;
};

/// Character n-grams of Unicode code points, white space left out (sacreBLEU's chrF, word order 0).
/// Source: Popovic 2015, chrF, with the averaging of sacreBLEU 2.
ChrfCounts chrf_counts(std::string_view hypothesis, std::string_view reference);
inline double chrf(std::string_view hypothesis, std::string_view reference) { return chrf_counts(hypothesis, reference).score(); }

/// Counts that BLEU is made of, up to 4-grams.
struct BleuCounts {
  static constexpr int64_t kOrder = 4;
  std::array<int64_t, kOrder> hypothesis = {}, shared = {};
  int64_t hypothesis_words = 0, reference_words = 0;

  BleuCounts& operator+=(const BleuCounts& other);
  /// 0..100 with brevity penalty; orders without a match are smoothed exponentially (sacreBLEU's default).
  double score() const;
};

/// Words as mteval-v13a cuts them; clipped against the references, the length of the closest one. Case counts.
/// Source: Papineni et al. 2002, in sacreBLEU's definition (Post 2018).
BleuCounts bleu_counts(std::string_view hypothesis, std::span<const std::string> references);
/// mteval-v13a's words, separated by single spaces.
std::string tokenize_13a(std::string_view text);

/// Precision, recall and F1 of shared n-grams or of the longest common subsequence, 0..1.
struct RougeScore {
  double precision = 0, recall = 0, f1 = 0;
};

/// Words are runs of a-z and 0-9 after lower-casing ASCII, no stemming (google-research/rouge_score).
/// Source: Lin 2004, ROUGE.
RougeScore rouge_n(std::string_view hypothesis, std::string_view reference, int64_t n);
RougeScore rouge_l(std::string_view hypothesis, std::string_view reference);

}  // namespace loam
