// Muon: what it makes of a matrix, on every backend and at any thread count, and that it learns.
#include "loam/train/muon.h"

#include <gtest/gtest.h>

#include <cmath>

#include "loam/base/random.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

ModelConfig shape() {
  ModelConfig c;
  c.vocab = 40;
  c.context = 8;
  c.layers = 2;
  c.channels = 48;
  c.heads = c.kv_heads = 3;
  c.head_size = 16;
  c.hidden = 80;
  return c;
}

void fill(Mat x, uint64_t seed) {
  for (int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] = static_cast<float>(2 * uniform01(seed, static_cast<uint64_t>(i)) - 1);
}

/// Rows (of a tall matrix: columns) that are near unit length and nearly at right angles.
TEST(Muon, MakesAMatrixNearlyOrthogonal) {
  ParamSet params(shape());
  for (const char* name : {"ref", "cpu"}) {
    const Backend& b = backend(name);
    Muon muon(params, b);
    for (auto [rows, cols] : {std::pair<int64_t, int64_t>{48, 48}, {80, 48}, {48, 80}, {48, 60}, {60, 48}}) {
      const Buffer space = b.allocate(rows * cols);
      const Mat x(space.floats(), rows, cols);
      fill(x, 5);
      muon.orthogonalize(x);
      const bool wide = rows <= cols;
      const int64_t n = wide ? rows : cols, depth = wide ? cols : rows;
      double trace = 0, off = 0;
      for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t k = 0; k < depth; ++k) sum += static_cast<double>(wide ? x.data[i * cols + k] * x.data[j * cols + k] : x.data[k * cols + i] * x.data[k * cols + j]);
          if (i == j) {
            trace += sum;
            EXPECT_GT(sum, 0.3);
            EXPECT_LT(sum, 1.6);
          } else {
            off = std::max(off, std::abs(sum));
          }
        }
      }
      EXPECT_NEAR(trace / static_cast<double>(n), 0.85, 0.25) << name << " " << rows << "x" << cols;  // singular values of 0.7 to 1.2
      EXPECT_LT(off, 0.35) << name << " " << rows << "x" << cols;
    }
  }
}

TEST(Muon, TakesTheMatricesOfTheLayersAndNothingElse) {
  ParamSet params(shape());
  Muon muon(params, backend("ref"));
  for (size_t i = 0; i < params.all().size(); ++i) {
    const std::string& name = params.all()[i].pieces.front().name;
    const bool matrix = name.find("_proj") != std::string::npos;
    EXPECT_EQ(muon.takes(i), matrix) << name;
  }
}

/// The weights after three steps on made-up gradients.
std::vector<float> muon_weights_after(const Backend& b) {
  ParamSet params(shape());
  params.allocate(b, true);
  params.initialize(b, 3);
  Muon muon(params, b);
  const Buffer m = b.allocate(params.size());
  for (uint64_t step = 0; step < 3; ++step) {
    for (size_t i = 0; i < params.all().size(); ++i) {
      if (!muon.takes(i)) continue;
      fill(params.gradient(i), 100 * step + i);
    }
    muon.step(params, {m.floats(), params.size()}, {0.01f, 0.95f, 0.1f, 0.5f});
  }
  return {params.values().data, params.values().data + params.size()};
}

TEST(Muon, TheSameBitsAtAnyThreadCountAndTheReferenceWithinRounding) {
  set_threads(1);
  const auto one = muon_weights_after(backend("cpu"));
  for (int n : {2, 3, 16}) {  // with 16 there are too few matrices to share out
    set_threads(n);
    EXPECT_EQ(muon_weights_after(backend("cpu")), one) << n;
  }
  set_threads(hardware_threads());
  const auto plain = muon_weights_after(backend("ref"));
  ASSERT_EQ(plain.size(), one.size());
  for (size_t i = 0; i < one.size(); ++i) ASSERT_NEAR(one[i], plain[i], 2e-4f) << i;
}

TEST(Muon, AnUpdateHasTheSizeOfAdamWs) {
  const Backend& b = backend("cpu");
  ParamSet params(shape());
  params.allocate(b, true);
  params.initialize(b, 3);
  Muon muon(params, b);
  const Buffer m = b.allocate(params.size());
  for (size_t i = 0; i < params.all().size(); ++i) fill(params.gradient(i), i);
  const std::vector<float> all_before(params.values().data, params.values().data + params.size());
  muon.step(params, {m.floats(), params.size()}, {1.0f, 0.95f, 0.0f, 1.0f});
  for (size_t i = 0; i < params.all().size(); ++i) {
    const Param& p = params.all()[i];
    const Mat w = params.value(i);
    const std::vector<float> before(all_before.begin() + p.offset, all_before.begin() + p.offset + p.size());
    if (!muon.takes(i)) {
      EXPECT_TRUE(std::equal(before.begin(), before.end(), w.data)) << p.pieces.front().name;
      continue;
    }
    double square = 0;
    for (int64_t k = 0; k < p.size(); ++k) square += std::pow(static_cast<double>(w.data[k] - before[static_cast<size_t>(k)]), 2);
    EXPECT_NEAR(std::sqrt(square / static_cast<double>(p.size())), 0.2, 0.06) << p.pieces.front().name;
  }
}

}  // namespace
}  // namespace loam
