// Norms, gated activation, rotary positions, embeddings, dropout, head and optimizer against the reference.
#include "tests/kernels/kernel_test.h"

namespace loam {
namespace {

using RowsTest = EachIsa;
struct Dims {
  int64_t n, c;
};
const Dims kDims[] = {{1, 1}, {3, 7}, {40, 33}, {64, 769}};

TEST_P(RowsTest, LayerNorm) {
  for (const auto& [n, c] : kDims) {
    const Matrix x = uniform(n, c, 1, 3), dy = uniform(n, c, 2);
    const Vector gain = uniform_vector(c, 3), bias = uniform_vector(c, 4);
    std::vector<std::vector<float>> out[2];
    int which = 0;
    for (const Backend* b : {&fast(), &ref()}) {
      Matrix y(n, c), dx(n, c, 0.25f);
      Vector mean(n), rstd(n), dgain(c, 1), dbias(c, 2);
      b->norm().layernorm_forward(y.mat(), mean.vec(), rstd.vec(), x.view(), gain.view(), bias.view(), 1e-5f);
      b->norm().layernorm_backward_add(dx.mat(), dgain.vec(), dbias.vec(), dy.view(), x.view(), gain.view(), mean.view(), rstd.view());
      out[which++] = {y.data, mean.data, rstd.data, dx.data, dgain.data, dbias.data};
    }
    if (c == 1) continue;  // one number has no variance: rstd is 1 / sqrt(eps), and rounding is all there is
    for (size_t i = 0; i < out[0].size(); ++i) EXPECT_LT(distance(out[0][i], out[1][i]), 1e-5) << n << "x" << c << " part " << i;
  }
}

TEST_P(RowsTest, RmsNorm) {
  for (const auto& [n, c] : kDims) {
    const Matrix x = uniform(n, c, 1, 3), dy = uniform(n, c, 2);
    const Vector gain = uniform_vector(c, 3);
    std::vector<std::vector<float>> out[2];
    int which = 0;
    for (const Backend* b : {&fast(), &ref()}) {
      Matrix y(n, c), dx(n, c, 0.25f);
      Vector rstd(n), dgain(c, 1);
      b->norm().rmsnorm_forward(y.mat(), rstd.vec(), x.view(), gain.view(), 1e-5f);
      b->norm().rmsnorm_backward_add(dx.mat(), dgain.vec(), dy.view(), x.view(), gain.view(), rstd.view());
      out[which++] = {y.data, rstd.data, dx.data, dgain.data};
    }
    for (size_t i = 0; i < out[0].size(); ++i) EXPECT_LT(distance(out[0][i], out[1][i]), 1e-5) << n << "x" << c << " part " << i;
  }
}

TEST_P(RowsTest, HeadsNormedByThemselves) {
  for (const auto& [n, heads, size] : {std::tuple<int64_t, int64_t, int64_t>{1, 1, 1}, {5, 3, 8}, {70, 4, 32}, {33, 2, 20}, {65, 5, 64}}) {
    const int64_t c = heads * size;
    const Matrix x = uniform(n, c, 1, 3), dy = uniform(n, c, 2);
    const Vector gain = uniform_vector(size, 3);
    std::vector<std::vector<float>> out[2];
    int which = 0;
    for (const Backend* b : {&fast(), &ref()}) {
      Matrix y = x, kept(n, c), d = dy, alone = x;
      Vector rstd(n * heads), again(n * heads), dgain(size, 1);
      b->norm().heads_forward(y.mat(), kept.mat(), rstd.vec(), heads, gain.view(), 1e-5f);
      b->norm().heads_forward(alone.mat(), {}, again.vec(), heads, gain.view(), 1e-5f);
      EXPECT_EQ(alone.data, y.data);
      for (int64_t r = 0; r < n; ++r) {
        for (int64_t i = 0; i < c; ++i) ASSERT_EQ(kept.at(r, i), x.data[static_cast<size_t>(r * x.ld + i)]);
      }
      b->norm().heads_backward(d.mat(), dgain.vec(), kept.view(), heads, gain.view(), rstd.view());
      out[which++] = {y.data, rstd.data, d.data, dgain.data};
    }
    for (size_t i = 0; i < out[0].size(); ++i) EXPECT_LT(distance(out[0][i], out[1][i]), 1e-5) << n << "x" << heads << "x" << size << " part " << i;
  }
}

TEST_P(RowsTest, GatedActivation) {
  for (const auto& [n, c] : kDims) {
    const Matrix gate = uniform(n, c, 1, 6), up = uniform(n, c, 2);
    Matrix got(n, c), want(n, c);
    fast().elementwise().swiglu_forward(got.mat(), gate.view(), up.view());
    ref().elementwise().swiglu_forward(want.mat(), gate.view(), up.view());
    EXPECT_LT(distance(got.data, want.data), 2e-6) << n << "x" << c;
  }
}

TEST_P(RowsTest, SquaredRelu) {
  for (const auto& [n, c] : kDims) {
    const Matrix x = uniform(n, c, 1, 3);
    Matrix got(n, c), want(n, c);
    fast().elementwise().squared_relu_forward(got.mat(), x.view());
    ref().elementwise().squared_relu_forward(want.mat(), x.view());
    EXPECT_LT(distance(got.data, want.data), 2e-6) << n << "x" << c;
  }
  Matrix odd(1, 3), out(1, 3);
  odd.at(0, 0) = std::nanf(""), odd.at(0, 1) = -2, odd.at(0, 2) = 3;
  fast().elementwise().squared_relu_forward(out.mat(), odd.view());
  EXPECT_TRUE(std::isnan(out.at(0, 0)));
  EXPECT_EQ(out.at(0, 1), 0);
  EXPECT_EQ(out.at(0, 2), 9);
}

TEST_P(RowsTest, RopeTurnsAndTurnsBack) {
  const int64_t n = 5, heads = 3, size = 10;
  Matrix table(8, size);
  for (int64_t t = 0; t < 8; ++t) {
    for (int64_t i = 0; i < size / 2; ++i) {
      table.at(t, i) = std::cos(0.3f * static_cast<float>(t * (i + 1)));
      table.at(t, size / 2 + i) = std::sin(0.3f * static_cast<float>(t * (i + 1)));
    }
  }
  const std::vector<int32_t> positions = {0, 7, 3, 3, 1};
  const Matrix x = uniform(n, heads * size, 1);
  Matrix got = x, want = x;
  fast().elementwise().rope(got.mat(), heads, size, positions.data(), table.view(), false);
  ref().elementwise().rope(want.mat(), heads, size, positions.data(), table.view(), false);
  EXPECT_LT(distance(got.data, want.data), 1e-6);
  EXPECT_GT(distance(got.data, x.data), 0.1);
  fast().elementwise().rope(got.mat(), heads, size, positions.data(), table.view(), true);
  EXPECT_LT(distance(got.data, x.data), 1e-6);
}

TEST_P(RowsTest, EmbeddingAndDropoutAreExact) {
  const int64_t n = 50, c = 37, vocab = 11, places = 50;
  const Matrix tokens = uniform(vocab, c, 1), where = uniform(places, c, 2), dy = uniform(n, c, 3);
  std::vector<int32_t> ids, positions;
  for (int32_t i = 0; i < n; ++i) {
    ids.push_back(i * 7 % 11);
    positions.push_back(i);
  }
  Matrix a(n, c), b(n, c), da(vocab, c), db(vocab, c), pa(places, c), pb(places, c);
  fast().elementwise().embed_forward(a.mat(), ids.data(), positions.data(), tokens.view(), where.view());
  ref().elementwise().embed_forward(b.mat(), ids.data(), positions.data(), tokens.view(), where.view());
  EXPECT_EQ(a.data, b.data);
  fast().elementwise().embed_backward_add(da.mat(), pa.mat(), ids.data(), positions.data(), dy.view());
  ref().elementwise().embed_backward_add(db.mat(), pb.mat(), ids.data(), positions.data(), dy.view());
  EXPECT_EQ(da.data, db.data);
  EXPECT_EQ(pa.data, pb.data);
  fast().elementwise().dropout(a.mat(), 0.25f, 42, 3);
  ref().elementwise().dropout(b.mat(), 0.25f, 42, 3);
  EXPECT_LT(distance(a.data, b.data), 1e-6);
  const auto zeros = std::count(a.data.begin(), a.data.end(), 0.0f) - n * 3;
  EXPECT_NEAR(static_cast<double>(zeros) / static_cast<double>(n * c), 0.25, 0.05);
}

TEST_P(RowsTest, HeadLossAndGradients) {
  struct HeadSize {
    int64_t n, c, vocab;
  };
  for (const auto& [n, c, vocab] : {HeadSize{1, 4, 3}, HeadSize{130, 33, 65}, HeadSize{300, 16, 257}, HeadSize{20, 600, 40}}) {
    const Matrix x = uniform(n, c, 1, 2), w = uniform(vocab, c, 2, 2);
    const Vector weights = uniform_vector(n, 3);
    std::vector<int32_t> targets;
    for (int64_t i = 0; i < n; ++i) targets.push_back(i % 5 == 4 ? -1 : static_cast<int32_t>(i * 31 % vocab));
    std::vector<std::vector<float>> out[2];
    int which = 0;
    for (const Backend* b : {&fast(), &ref()}) {
      Vector losses(n, -1), only(n, -1);
      Matrix dx(n, c), dw(vocab, c, 0.5f);
      b->head().loss(losses.vec(), dx.mat(), dw.mat(), x.view(), w.view(), targets.data(), weights.view());
      b->head().loss(only.vec(), {}, {}, x.view(), w.view(), targets.data(), {});
      EXPECT_EQ(losses.data, only.data);
      out[which++] = {losses.data, dx.data, dw.data};
    }
    EXPECT_LT(distance(out[0][0], out[1][0]), 2e-6);
    EXPECT_LT(distance(out[0][1], out[1][1]), 1e-5);
    EXPECT_LT(distance(out[0][2], out[1][2]), 1e-5);
  }
  Matrix z = uniform(3, 50, 1, 30), want = z;
  fast().head().log_softmax(z.mat());
  ref().head().log_softmax(want.mat());
  EXPECT_LT(distance(z.data, want.data), 1e-6);
}

TEST_P(RowsTest, AdamWAndSums) {
  const int64_t n = 40001;
  const Vector g = uniform_vector(n, 1);
  const AdamWStep step{1e-3f, 0.9f, 0.95f, 1e-8f, 0.1f, 0.19f, 0.0975f, 0.5f};
  std::vector<std::vector<float>> out[2];
  int which = 0;
  for (const Backend* b : {&fast(), &ref()}) {
    Vector w = uniform_vector(n, 2), m = uniform_vector(n, 3), v(n, 0.01f);
    b->optimizer().adamw(w.vec(), m.vec(), v.vec(), g.view(), step);
    out[which++] = {w.data, m.data, v.data};
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_LT(distance(out[0][i], out[1][i]), 1e-6) << i;
  EXPECT_NEAR(fast().optimizer().sum_of_squares(g.view()), ref().optimizer().sum_of_squares(g.view()), 1e-2);
}

TEST_P(RowsTest, ExponentialsKeepNanAndInfinityVisible) {
  Matrix x(2, 40, 1.0f);
  x.at(0, 3) = NAN;
  const Matrix w = uniform(40, 40, 1);
  const std::vector<int32_t> targets = {1, 1};
  Vector losses(2);
  fast().head().loss(losses.vec(), {}, {}, x.view(), w.view(), targets.data(), {});
  EXPECT_FALSE(std::isfinite(losses.data[0]));
  EXPECT_TRUE(std::isfinite(losses.data[1]));
}

LOAM_EACH_ISA(RowsTest);

}  // namespace
}  // namespace loam
