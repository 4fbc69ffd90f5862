#include "loam/metrics/logistic.h"

#include <algorithm>
#include <cmath>
#include <deque>

#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr int64_t kBuckets = int64_t{1} << 20;
constexpr int64_t kHistory = 8, kIterations = 200;
constexpr double kPenalties[] = {1, 10, 100, 1000};

bool in_word(unsigned char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
}

/// Calls f(bucket) for each word and each pair of neighbours.
template <class F>
void each_bucket(std::string_view text, F f) {
  std::string word, pair, last;
  size_t i = 0;
  while (i < text.size()) {
    while (i < text.size() && !in_word(static_cast<unsigned char>(text[i]))) ++i;
    word.clear();
    for (; i < text.size() && in_word(static_cast<unsigned char>(text[i])); ++i) {
      const char c = text[i];
      word += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    if (word.size() < 2) continue;
    f(static_cast<int64_t>(hash64(word) % kBuckets));
    if (!last.empty()) {
      pair = last;
      pair += ' ';
      pair += word;
      f(static_cast<int64_t>(hash64(pair) % kBuckets));
    }
    std::swap(last, word);
  }
}

double dot(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

double margin(const std::vector<double>& w, const SparseRow& row) {
  double sum = w.back();
  for (size_t k = 0; k < row.at.size(); ++k) sum += w[static_cast<size_t>(row.at[k])] * static_cast<double>(row.value[k]);
  return sum;
}

/// ln(1 + e^-m) without overflow.
double logistic_loss(double m) { return m > 0 ? std::log1p(std::exp(-m)) : -m + std::log1p(std::exp(m)); }

/// The objective at w; its gradient goes to g.
double objective(const std::vector<double>& w, std::span<const SparseRow> rows, std::span<const uint8_t> positive, double c, std::vector<double>& g) {
  double loss = 0;
  for (size_t k = 0; k + 1 < w.size(); ++k) g[k] = w[k];
  g.back() = 0;
  for (size_t i = 0; i < rows.size(); ++i) {
    const double sign = positive[i] != 0 ? 1 : -1, m = sign * margin(w, rows[i]);
    loss += logistic_loss(m);
    const double slope = -sign * c / (1 + std::exp(m));
    for (size_t k = 0; k < rows[i].at.size(); ++k) g[static_cast<size_t>(rows[i].at[k])] += slope * static_cast<double>(rows[i].value[k]);
    g.back() += slope;
  }
  double norm = 0;
  for (size_t k = 0; k + 1 < w.size(); ++k) norm += w[k] * w[k];
  return 0.5 * norm + c * loss;
}

}  // namespace

void BagOfWords::learn(std::span<const LabelledText> texts) {
  std::vector<int32_t> texts_with(static_cast<size_t>(kBuckets)), last_text(static_cast<size_t>(kBuckets), -1);
  for (size_t i = 0; i < texts.size(); ++i) {
    each_bucket(texts[i].text, [&](int64_t bucket) {
      auto& last = last_text[static_cast<size_t>(bucket)];
      texts_with[static_cast<size_t>(bucket)] += last != static_cast<int32_t>(i);
      last = static_cast<int32_t>(i);
    });
  }
  feature_.assign(static_cast<size_t>(kBuckets), -1);
  weight_.clear();
  for (size_t b = 0; b < texts_with.size(); ++b) {
    if (texts_with[b] < 2) continue;
    feature_[b] = static_cast<int32_t>(weight_.size());
    weight_.push_back(static_cast<float>(1 + std::log((1 + static_cast<double>(texts.size())) / (1 + static_cast<double>(texts_with[b])))));
  }
}

SparseRow BagOfWords::row(std::string_view text) const {
  std::vector<int32_t> found;
  each_bucket(text, [&](int64_t bucket) {
    if (const int32_t f = feature_[static_cast<size_t>(bucket)]; f >= 0) found.push_back(f);
  });
  std::sort(found.begin(), found.end());
  SparseRow out;
  double squares = 0;
  for (size_t i = 0; i < found.size();) {
    size_t end = i;
    while (end < found.size() && found[end] == found[i]) ++end;
    const double value = (1 + std::log(static_cast<double>(end - i))) * static_cast<double>(weight_[static_cast<size_t>(found[i])]);
    out.at.push_back(found[i]);
    out.value.push_back(static_cast<float>(value));
    squares += value * value;
    i = end;
  }
  for (auto& v : out.value) v = static_cast<float>(static_cast<double>(v) / std::sqrt(squares));
  return out;
}

int64_t fit_logistic(std::vector<double>& w, std::span<const SparseRow> rows, std::span<const uint8_t> positive, double c) {
  const size_t n = w.size();
  std::vector<double> g(n), next_w(n), next_g(n), step(n);
  std::deque<std::vector<double>> moves, turns;  // differences of w and of g, the newest last
  std::vector<double> shares(kHistory);
  double value = objective(w, rows, positive, c, g);
  const double enough = 1e-4 * std::max(1.0, std::sqrt(dot(g, g)));
  int64_t iteration = 0;
  for (; iteration < kIterations && std::sqrt(dot(g, g)) > enough; ++iteration) {
    // The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4).
    step = g;
    for (size_t k = moves.size(); k-- > 0;) {
      shares[k] = dot(moves[k], step) / dot(moves[k], turns[k]);
      for (size_t i = 0; i < n; ++i) step[i] -= shares[k] * turns[k][i];
    }
    const double scale = moves.empty() ? 1 / std::max(1.0, std::sqrt(dot(g, g))) : dot(moves.back(), turns.back()) / dot(turns.back(), turns.back());
    for (auto& s : step) s *= scale;
    for (size_t k = 0; k < moves.size(); ++k) {
      const double beta = dot(turns[k], step) / dot(moves[k], turns[k]);
      for (size_t i = 0; i < n; ++i) step[i] += (shares[k] - beta) * moves[k][i];
    }
    const double slope = -dot(g, step);
    double length = 1, next_value = value;
    bool found = false;
    for (int tries = 0; tries < 40 && !found; ++tries, length *= found ? 1 : 0.5) {
      for (size_t i = 0; i < n; ++i) next_w[i] = w[i] - length * step[i];
      next_value = objective(next_w, rows, positive, c, next_g);
      found = next_value <= value + 1e-4 * length * slope;
    }
    if (!found) break;  // as near as the arithmetic allows
    std::vector<double> move(n), turn(n);
    for (size_t i = 0; i < n; ++i) {
      move[i] = next_w[i] - w[i];
      turn[i] = next_g[i] - g[i];
    }
    if (dot(move, turn) > 1e-12 * dot(turn, turn)) {
      moves.push_back(std::move(move));
      turns.push_back(std::move(turn));
      if (static_cast<int64_t>(moves.size()) > kHistory) {
        moves.pop_front();
        turns.pop_front();
      }
    }
    std::swap(w, next_w);
    std::swap(g, next_g);
    value = next_value;
  }
  return iteration;
}

std::vector<float> LogisticFloor::predict(const SparseRow& row) const {
  std::vector<float> out(static_cast<size_t>(classes_));
  double sum = 0;
  for (size_t k = 0; k < weights_.size(); ++k) {
    const double p = 1 / (1 + std::exp(-margin(weights_[k], row)));
    if (classes_ == 2) return {static_cast<float>(1 - p), static_cast<float>(p)};
    out[k] = static_cast<float>(p);
    sum += p;
  }
  for (auto& p : out) p = sum > 0 ? static_cast<float>(static_cast<double>(p) / sum) : 1.0f / static_cast<float>(classes_);
  return out;
}

std::vector<float> LogisticFloor::predict(std::string_view text) const { return predict(bag_.row(text)); }

LogisticFloor LogisticFloor::fit(std::span<const LabelledText> train, std::span<const LabelledText> validation, int64_t classes) {
  require_input(classes >= 2 && !train.empty(), "a logistic regression needs two classes and rows to learn from; there are ", classes, " and ", train.size());
  LogisticFloor best;
  best.classes_ = classes;
  best.bag_.learn(train);
  std::vector<SparseRow> rows(train.size()), checks(validation.size());
  parallel_for(static_cast<int64_t>(rows.size()), [&](int64_t i) { rows[static_cast<size_t>(i)] = best.bag_.row(train[static_cast<size_t>(i)].text); });
  parallel_for(static_cast<int64_t>(checks.size()), [&](int64_t i) { checks[static_cast<size_t>(i)] = best.bag_.row(validation[static_cast<size_t>(i)].text); });
  const int64_t models = classes == 2 ? 1 : classes;
  std::vector<std::vector<double>> weights(static_cast<size_t>(models), std::vector<double>(static_cast<size_t>(best.bag_.features() + 1)));
  int64_t best_right = -1;
  double best_loss = 0;
  for (const double c : kPenalties) {
    if (validation.empty() && c != 10) continue;
    parallel_for(models, [&](int64_t k) {  // from the solution of the stronger penalty on
      std::vector<uint8_t> positive(train.size());
      for (size_t i = 0; i < train.size(); ++i) positive[i] = train[i].label == (classes == 2 ? 1 : k);
      fit_logistic(weights[static_cast<size_t>(k)], rows, positive, c);
    });
    LogisticFloor candidate;
    candidate.classes_ = classes;
    candidate.weights_ = weights;
    int64_t right = 0;
    double loss = 0;
    for (size_t i = 0; i < checks.size(); ++i) {
      const auto p = candidate.predict(checks[i]);
      const auto label = static_cast<size_t>(validation[i].label);
      right += static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin()) == label;
      loss -= std::log(std::max(label < p.size() ? static_cast<double>(p[label]) : 0, 1e-15));
    }
    if (right > best_right || (right == best_right && loss < best_loss)) {
      best_right = right;
      best_loss = loss;
      best.weights_ = weights;
      best.c_ = c;
    }
  }
  return best;
}

}  // namespace loam
