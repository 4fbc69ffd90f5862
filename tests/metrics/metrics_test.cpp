// Scores against small values derived by hand or published: sacreBLEU's own test vectors, textbook tables.
#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/metrics/classification.h"
#include "loam/metrics/intervals.h"
#include "loam/metrics/logistic.h"
#include "loam/metrics/overlap.h"
#include "loam/metrics/paired.h"

namespace loam {
namespace {

TEST(Intervals, WilsonHasItsPublishedValues) {
  // Newcombe 1998 (Stat. Med. 17), table I, method 3: 81/263, 15/148, 0/20, 1/29.
  const struct { int64_t hits, n; double low, high; } cases[] = {{81, 263, .2553, .3662}, {15, 148, .0624, .1605}, {0, 20, 0, .1611}, {1, 29, .0061, .1718}};
  for (const auto& c : cases) {
    const Interval got = wilson(c.hits, c.n);
    EXPECT_NEAR(got.low, c.low, 5e-5) << c.hits;
    EXPECT_NEAR(got.high, c.high, 5e-5) << c.hits;
  }
  EXPECT_EQ(wilson(0, 0).high, 1);
  EXPECT_EQ(wilson(7, 7).high, 1);
}

TEST(Intervals, MeansAndQuantiles) {
  const double values[] = {1, 2, 3, 4};
  const Estimate m = mean_of(values);
  EXPECT_DOUBLE_EQ(m.value, 2.5);
  EXPECT_NEAR(m.standard_error, std::sqrt(5.0 / 3 / 4), 1e-12);
  EXPECT_DOUBLE_EQ(quantile(values, 0), 1);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 1), 4);
  EXPECT_EQ(mean_of({}).value, 0);
}

TEST(Intervals, BootstrapAgreesWithTheNormalIntervalWhateverTheThreads) {
  std::vector<double> values;
  for (int i = 0; i < 400; ++i) values.push_back(static_cast<double>(normal01(5, static_cast<uint64_t>(i))));
  auto mean = [&](std::span<const int32_t> rows, double* out) {
    double sum = 0;
    for (const int32_t r : rows) sum += values[static_cast<size_t>(r)];
    out[0] = sum / static_cast<double>(rows.size());
  };
  const Interval normal = mean_of(values).interval;
  set_threads(1);
  const Interval one = bootstrap_intervals(400, 1, mean)[0];
  set_threads(3);
  const Interval three = bootstrap_intervals(400, 1, mean)[0];
  set_threads(hardware_threads());
  EXPECT_EQ(one.low, three.low);
  EXPECT_EQ(one.high, three.high);
  EXPECT_NEAR(one.low, normal.low, 0.02);
  EXPECT_NEAR(one.high, normal.high, 0.02);
}

Confusion table(std::vector<std::vector<int64_t>> counts) {
  Confusion c(static_cast<int64_t>(counts.size()));
  for (size_t t = 0; t < counts.size(); ++t) {
    for (size_t p = 0; p < counts.size(); ++p) c.add(static_cast<int64_t>(t), static_cast<int64_t>(p), counts[t][p]);
  }
  return c;
}

TEST(Classification, TwoClassesByHand) {
  const Confusion c = table({{90, 5}, {10, 45}});  // tn 90, fp 5, fn 10, tp 45
  EXPECT_DOUBLE_EQ(c.accuracy(), 0.9);
  EXPECT_DOUBLE_EQ(c.precision(1), 0.9);
  EXPECT_DOUBLE_EQ(c.recall(1), 45.0 / 55);
  EXPECT_DOUBLE_EQ(c.f1(1), 90.0 / 105);
  EXPECT_DOUBLE_EQ(c.f1(0), 180.0 / 195);
  EXPECT_DOUBLE_EQ(c.macro_f1(), (90.0 / 105 + 180.0 / 195) / 2);
  EXPECT_NEAR(c.mcc(), (45.0 * 90 - 5 * 10) / std::sqrt(50.0 * 55 * 95 * 100), 1e-12);
  EXPECT_DOUBLE_EQ(c.balanced_accuracy(), (45.0 / 55 + 90.0 / 95) / 2);
}

TEST(Classification, ThreeClassesAndEdges) {
  // Gorodkin's formula by hand: s = 9, c = 6, t = (3,3,3), p = (2,3,4): (54 - 27) / sqrt((81 - 29)(81 - 27)).
  const Confusion c = table({{2, 1, 0}, {0, 2, 1}, {0, 0, 2}});
  const Confusion d = table({{2, 1, 0}, {0, 2, 1}, {0, 0, 3}});
  EXPECT_NEAR(d.mcc(), (7.0 * 9 - (3.0 * 2 + 3 * 3 + 3 * 4)) / std::sqrt((81.0 - 29) * (81 - 27)), 1e-12);
  EXPECT_NEAR(c.accuracy(), 0.75, 1e-12);
  EXPECT_EQ(table({{5, 0}, {5, 0}}).mcc(), 0);  // one class alone is predicted
  EXPECT_EQ(table({{5, 0}, {5, 0}}).precision(1), 0);
  EXPECT_EQ(table({{5, 0, 0}, {0, 5, 0}, {0, 0, 0}}).macro_f1(), 1);  // a class that never occurs does not count
  EXPECT_EQ(Confusion(2).macro_f1(), 0);
}

TEST(Classification, CalibrationByHand) {
  // Four rows of confidence .8 (bin 12), three of them right, one of .6 (bin 9), wrong:
  // ECE = (4 |.75 - .8| + 1 |0 - .6|) / 5 = .16.
  std::vector<Prediction> rows(5, {0, {.8f, .2f}});
  rows[3].truth = 1;
  rows[4] = {1, {.6f, .4f}};
  const auto s = score_classifier(rows, {"a", "b"});
  EXPECT_NEAR(s.ece.value, 0.16, 1e-6);
  EXPECT_NEAR(s.brier.value, (3 * (0.04 + 0.04) + (0.64 + 0.64) + (0.36 + 0.36)) / 5, 1e-6);
  EXPECT_NEAR(s.log_loss.value, -(3 * std::log(.8) + std::log(.2) + std::log(.4)) / 5, 1e-6);
  EXPECT_DOUBLE_EQ(s.accuracy.value, 0.6);
  EXPECT_DOUBLE_EQ(s.majority, 0.6);
  EXPECT_EQ(s.calibration[12].rows, 4);  // a float's .8 lies just above
  EXPECT_EQ(s.confusion, (std::vector<std::vector<int64_t>>{{3, 0}, {2, 0}}));
  EXPECT_LE(s.brier.interval.low, s.brier.value);
  EXPECT_GE(s.brier.interval.high, s.brier.value);
}

TEST(Classification, ALabelTheModelDoesNotKnowIsAlwaysWrong) {
  const std::vector<Prediction> rows = {{0, {.9f, .1f}}, {2, {.9f, .1f}}};
  const auto s = score_classifier(rows, {"a", "b", "new"});
  EXPECT_DOUBLE_EQ(s.accuracy.value, 0.5);
  EXPECT_EQ(s.classes[2].rows, 1);
  EXPECT_EQ(s.classes[2].recall.value, 0);
  EXPECT_NEAR(s.brier.value, ((.01 + .01) + (.81 + .01 + 1)) / 2, 1e-6);
}

TEST(Classification, MetricsByName) {
  const std::vector<Prediction> rows = {{0, {.9f, .1f}}, {1, {.2f, .8f}}, {1, {.7f, .3f}}};
  EXPECT_NEAR(classification_metric("accuracy", rows, 2), 2.0 / 3, 1e-12);
  EXPECT_NEAR(classification_metric("macro_f1", rows, 2), 2.0 / 3, 1e-12);
  EXPECT_NEAR(classification_metric("balanced_accuracy", rows, 2), 0.75, 1e-12);
  EXPECT_NEAR(classification_metric("mcc", rows, 2), 0.5, 1e-12);
  EXPECT_NEAR(classification_metric("log_loss", rows, 2), -(std::log(.9) + std::log(.8) + std::log(.3)) / 3, 1e-6);
  EXPECT_FALSE(greater_is_better("log_loss"));
  try {
    classification_metric("macro-f1", rows, 2);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean \"macro_f1\""), std::string::npos);
  }
}

TEST(Paired, McNemarHasItsPublishedValues) {
  // Fagerland, Lydersen & Laake 2013, table 1 (airway hyper-responsiveness): 1 and 7 of 21 children; exact .070, mid-p .039.
  std::vector<uint8_t> a(21, 1), b(21, 1);
  a[0] = 0;
  for (int i = 1; i < 8; ++i) b[static_cast<size_t>(i)] = 0;
  const McNemar m = mcnemar(a, b);
  EXPECT_EQ(m.only_a, 7);
  EXPECT_EQ(m.only_b, 1);
  EXPECT_NEAR(m.exact_p, 18.0 / 256, 1e-12);
  EXPECT_NEAR(m.mid_p, 10.0 / 256, 1e-12);
  EXPECT_NEAR(m.difference, -6.0 / 21, 1e-12);
  EXPECT_LT(m.interval.low, m.difference);
  EXPECT_LT(m.interval.high, 0);
  EXPECT_EQ(mcnemar(a, a).mid_p, 1);
  EXPECT_EQ(mcnemar({}, {}).exact_p, 1);
}

TEST(Paired, BinomialTails) {
  EXPECT_NEAR(binomial_half_cdf(0, 10), 1.0 / 1024, 1e-15);
  EXPECT_NEAR(binomial_half_cdf(5, 10), 638.0 / 1024, 1e-12);
  EXPECT_EQ(binomial_half_cdf(10, 10), 1);
  EXPECT_NEAR(binomial_half_cdf(499'999, 1'000'000), 0.5, 1e-3);
  EXPECT_NEAR(mcnemar(std::vector<uint8_t>{1, 0, 1}, std::vector<uint8_t>{0, 1, 1}).exact_p, 1, 1e-12);
}

TEST(Paired, BootstrapSeesADifferenceAndNone) {
  std::vector<double> a, b, c;
  for (uint64_t i = 0; i < 300; ++i) {
    a.push_back(static_cast<double>(normal01(1, i)));
    b.push_back(a.back() + 0.1 + 0.3 * static_cast<double>(normal01(2, i)));
    c.push_back(a.back() + 0.3 * static_cast<double>(normal01(3, i)) * (i % 2 == 0 ? 1 : -1));
  }
  const auto real = paired_bootstrap(a, b);
  EXPECT_NEAR(real.difference, 0.1, 0.05);
  EXPECT_LT(real.p, 0.01);
  EXPECT_GT(real.interval.low, 0);
  const auto none = paired_bootstrap(a, c);
  EXPECT_GT(none.p, 0.05);
  EXPECT_LT(none.interval.low, 0);
  EXPECT_GT(none.interval.high, 0);
  EXPECT_EQ(paired_bootstrap(a, a).p, 1);
  EXPECT_EQ(paired_bootstrap(std::span<const double>(), std::span<const double>()).p, 1);
}

double corpus_chrf(const std::vector<std::string>& ours, const std::vector<std::string>& wanted, double beta, bool smoothed) {
  ChrfCounts sum;
  for (size_t i = 0; i < ours.size(); ++i) sum += chrf_counts(ours[i], wanted[i]);
  return sum.score(beta, smoothed);
}

TEST(Overlap, ChrfHasSacreBleusValues) {
  // Values of sacreBLEU 2's own tests (test/test_chrf.py), beta 3.
  const struct { std::vector<std::string> ours, wanted; double score; bool smoothed; } cases[] = {
      {{"abcdefg"}, {"hijklmnop"}, 0, true}, {{""}, {"ref"}, 0, true}, {{"aa"}, {"ab"}, 8.3333, true}, {{"a", "b"}, {"a", "c"}, 8.3333, true},
      {{"a"}, {"a"}, 16.6667, true}, {{"a b c"}, {"abc"}, 50, true},
      {{" Die    Beziehung zwischen  Obama und Netanjahu ist nicht gerade  freundlich. "},
       {"Das Verhältnis zwischen Obama und Netanyahu ist nicht gerade freundschaftlich."}, 64.1302698, true},
      {{"a"}, {"a"}, 100, false}, {{""}, {"reference"}, 0, false}, {{"a b c"}, {"abc"}, 100, false}, {{"a", "b"}, {"a", "c"}, 50, false}, {{"aa"}, {"ab"}, 25, false}};
  for (const auto& c : cases) EXPECT_NEAR(corpus_chrf(c.ours, c.wanted, 3, c.smoothed), c.score, 1e-4) << c.ours[0];
  // Its sentence level, beta 2.
  EXPECT_NEAR(chrf_counts("Lapali po dechu, jejich životy skončily dřív, než skutečně začaly.",
                          "Lapali po dechu a pak jejich život skončil - dřív, než skutečně mohl začít, připomněli.").score(2, true), 57.15704367, 1e-4);
  // lighteval's chrF cases (beta 2, without smoothing); its references reach sacreBLEU so that the first row alone counts.
  EXPECT_NEAR(chrf("Le rapide renard brun", "Le renard brun rapide"), 78.84, 0.01);
  EXPECT_NEAR(chrf("Le soleil", "Le soleil est brillant"), 37.68, 0.01);
  EXPECT_NEAR(chrf("Il pleut beaucoup", "Le temps est agréable"), 7.7, 0.05);
}

TEST(Overlap, BleuHasSacreBleusValues) {
  const std::vector<std::string> ours = {"The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."};
  const std::vector<std::vector<std::string>> wanted = {{"The dog bit the man.", "The dog had bit the man."},
                                                        {"It was not unexpected.", "No one was surprised."},
                                                        {"The man bit him first.", "The man had bitten the dog."}};
  BleuCounts sum, none;
  for (size_t i = 0; i < ours.size(); ++i) {
    sum += bleu_counts(ours[i], wanted[i]);
    none += bleu_counts("", wanted[i]);
  }
  EXPECT_NEAR(sum.score(), 48.530827, 1e-5);
  EXPECT_EQ(none.score(), 0);
  EXPECT_EQ(tokenize_13a("It's 1,000.5% (or &quot;so&quot;), no?\nYes: 2-3."), "It's 1,000.5 % ( or \" so \" ) , no ? Yes : 2 - 3 .");
}

TEST(Overlap, RougeByHand) {
  const auto one = rouge_n("The cat sat.", "the cat sat on the mat", 1);
  EXPECT_DOUBLE_EQ(one.precision, 1);
  EXPECT_DOUBLE_EQ(one.recall, 0.5);
  EXPECT_DOUBLE_EQ(rouge_n("the the the", "the cat", 1).precision, 1.0 / 3);
  EXPECT_DOUBLE_EQ(rouge_n("a b c d", "a b x c d", 2).recall, 0.5);
  const auto l = rouge_l("police killed the gunman", "police kill the gunman");  // Lin 2004: 3 of 4
  EXPECT_DOUBLE_EQ(l.f1, 0.75);
  EXPECT_DOUBLE_EQ(rouge_l("the gunman kill police", "police kill the gunman").recall, 0.5);
  EXPECT_EQ(rouge_l("", "x").f1, 0);
}

TEST(Overlap, ExactMatchForgivesWhiteSpaceAtTheEndsAlone) {
  EXPECT_TRUE(exact_match(" Ouvrir.\n", "Ouvrir."));
  EXPECT_FALSE(exact_match("ouvrir.", "Ouvrir."));
  EXPECT_TRUE(exact_match("", " "));
}

TEST(Logistic, FindsTheKnownMinimum) {
  // One feature of value 1 on rows of both classes: three of four positive. Without a penalty's pull the bias is ln 3;
  // here rows have no feature, so the bias alone is fitted: ln(3).
  std::vector<SparseRow> rows(4);
  const std::vector<uint8_t> positive = {1, 1, 1, 0};
  std::vector<double> w(1);
  fit_logistic(w, rows, positive, 10);
  EXPECT_NEAR(w[0], std::log(3.0), 1e-3);
  // With one feature the gradient is zero: w = c * sum of residuals on its rows.
  rows.assign(4, {{0}, {1.0f}});
  rows[2] = rows[3] = {};
  const std::vector<uint8_t> half = {1, 1, 0, 0};
  w.assign(2, 0);
  fit_logistic(w, rows, half, 1);
  const double residual = 1 / (1 + std::exp(w[0] + w[1]));
  EXPECT_NEAR(w[0], 2 * residual, 1e-3);
  EXPECT_NEAR(2 * residual, 2 / (1 + std::exp(-w[1])), 1e-3);
}

TEST(Logistic, LearnsWordsAndPairs) {
  std::vector<LabelledText> train, check;
  Random random(7, "test");
  const char* filler[] = {"about", "things", "today", "report", "meeting", "garden"};
  for (int i = 0; i < 300; ++i) {
    std::string text;
    for (int k = 0; k < 8; ++k) text += std::string(filler[random.below(6)]) + " ";
    const int label = i % 3;
    text += label == 0 ? "not good" : label == 1 ? "good not" : "free money";
    (i < 240 ? train : check).push_back({text, label});
  }
  const auto floor = LogisticFloor::fit(train, check, 3);
  int64_t right = 0;
  for (const auto& row : check) {
    const auto p = floor.predict(row.text);
    EXPECT_NEAR(p[0] + p[1] + p[2], 1, 1e-5);
    right += std::max_element(p.begin(), p.end()) - p.begin() == row.label;
  }
  EXPECT_EQ(right, static_cast<int64_t>(check.size()));  // only pairs tell the first two apart
  set_threads(1);
  const auto again = LogisticFloor::fit(train, check, 3);
  set_threads(hardware_threads());
  EXPECT_EQ(again.predict(check[0].text), floor.predict(check[0].text));
  EXPECT_EQ(floor.predict("").size(), 3u);
  EXPECT_THROW(LogisticFloor::fit(train, check, 1), Error);
}

}  // namespace
}  // namespace loam
