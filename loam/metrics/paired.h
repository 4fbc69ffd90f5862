// Which of two models is better on the same rows, by how much, and with what certainty.
//
//   McNemar test = mcnemar(a_right, b_right);                 // right or wrong, row by row
//   PairedDifference d = paired_bootstrap(a_scores, b_scores);  // any score a row
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "loam/metrics/intervals.h"

namespace loam {

/// Two classifiers on the same rows.
struct McNemar {
  int64_t rows = 0, both = 0, neither = 0;
  int64_t only_a = 0, only_b = 0;    ///< rows that only one of them got right
  double exact_p = 1;                ///< two-sided, exact conditional
  double mid_p = 1;                  ///< two-sided mid-p: less conservative, holds its level almost always
  double difference = 0;             ///< accuracy of b less accuracy of a
  Interval interval = {};            ///< 95 %, of the difference
};

/// The spans have one length; nonzero means right.
/// Sources: McNemar 1947; the exact and mid-p forms as in Fagerland, Lydersen & Laake 2013 (BMC Med. Res. Methodol. 13),
/// eqs. 3 and 4; the interval is Agresti & Min's adjusted Wald (2005, Stat. Med. 24): half a row added to each cell.
McNemar mcnemar(std::span<const uint8_t> a_right, std::span<const uint8_t> b_right);

/// P(X <= k) for X ~ Binomial(n, 1/2).
double binomial_half_cdf(int64_t k, int64_t n);

/// Score of b less score of a over the same rows.
struct PairedDifference {
  int64_t rows = 0;
  double a = 0, b = 0, difference = 0;
  Interval interval = {};  ///< 95 %, percentile bootstrap over rows
  double p = 1;            ///< two-sided: share of resamples whose difference lies as far from the observed one as that lies from 0
};

/// Of means. (Efron & Tibshirani 1993, 16.2: the resampled differences are centred to stand for the null.)
PairedDifference paired_bootstrap(std::span<const double> a, std::span<const double> b, Bootstrap how = {.resamples = 10'000});

/// Of any two statistics of the same rows: compute writes a's and b's value of a sample. Corpus chrF is one.
PairedDifference paired_bootstrap(int64_t rows, const SampleStatistics& compute, Bootstrap how = {.resamples = 10'000});

}  // namespace loam
