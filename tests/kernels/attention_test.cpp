#include "loam/kernels/attention.h"

#include "tests/kernels/kernel_test.h"

namespace loam {
namespace {

using AttentionTest = EachIsa;

struct Case {
  int64_t batch, time, heads, kv_heads, size;
  bool starts;
  float dropout;
};
const Case kCases[] = {{1, 1, 1, 1, 4, false, 0},   {2, 5, 2, 1, 8, false, 0},   {1, 67, 2, 2, 16, false, 0}, {2, 131, 4, 2, 32, true, 0},
                       {1, 200, 2, 1, 40, true, 0}, {1, 96, 1, 1, 64, false, 0}, {1, 60, 2, 1, 12, true, 0.3f}};

/// Starts of packed documents of differing lengths.
std::vector<int32_t> packed(int64_t batch, int64_t time) {
  std::vector<int32_t> starts;
  for (int64_t b = 0; b < batch; ++b) {
    int32_t begin = 0;
    for (int32_t t = 0; t < time; ++t) {
      if (t > 0 && (t * 7 + b) % 29 == 0) begin = t;
      starts.push_back(begin);
    }
  }
  return starts;
}

TEST_P(AttentionTest, ForwardAndBackwardMatchTheReference) {
  for (const Case& c : kCases) {
    const auto starts = packed(c.batch, c.time);
    const AttentionShape shape{c.batch, c.time, c.heads, c.kv_heads, c.size, 1 / std::sqrt(static_cast<float>(c.size)), c.starts ? starts.data() : nullptr, c.dropout, 77, 5};
    const int64_t n = c.batch * c.time, width = c.heads * c.size, kv = c.kv_heads * c.size;
    const Matrix q = uniform(n, width, 1, 2), k = uniform(n, kv, 2, 2), v = uniform(n, kv, 3), dy = uniform(n, width, 4);
    struct Out {
      Matrix y, dq, dk, dv;
      Vector lse;
    };
    auto run = [&](const Backend& b) {
      Out out{Matrix(n, width, -7), Matrix(n, width, -7), Matrix(n, kv, -7), Matrix(n, kv, -7), Vector(n * c.heads)};
      b.attention().forward(out.y.mat(), out.lse.vec(), q.view(), k.view(), v.view(), shape);
      b.attention().backward(out.dq.mat(), out.dk.mat(), out.dv.mat(), dy.view(), out.y.view(), out.lse.view(), q.view(), k.view(), v.view(), shape);
      return out;
    };
    Out got = run(fast()), want = run(ref());
    for (int64_t r = 0; r < n; ++r) {  // the reference zeroes whole margins of dk and dv; compare what counts
      for (int64_t m = kv; m < got.dk.ld; ++m) want.dk.at(r, m) = want.dv.at(r, m) = -7;
    }
    const auto name = testing::Message() << "B" << c.batch << " T" << c.time << " H" << c.heads << " D" << c.size;
    EXPECT_LT(distance(got.y.data, want.y.data), 3e-6) << name;
    EXPECT_LT(distance(got.lse.data, want.lse.data), 3e-6) << name;
    EXPECT_LT(distance(got.dq.data, want.dq.data), 1e-5) << name;
    EXPECT_LT(distance(got.dk.data, want.dk.data), 1e-5) << name;
    EXPECT_LT(distance(got.dv.data, want.dv.data), 1e-5) << name;
  }
}

TEST_P(AttentionTest, CachedIsTheLastRowsOfForward) {
  const int64_t time = 75, heads = 4, kv_heads = 2, size = 24, fresh = 9;
  const AttentionShape shape{1, time, heads, kv_heads, size, 0.2f};
  const Matrix q = uniform(time, heads * size, 1), k = uniform(time, kv_heads * size, 2), v = uniform(time, kv_heads * size, 3);
  Matrix all(time, heads * size), last(fresh, heads * size);
  Vector lse(time * heads);
  ref().attention().forward(all.mat(), lse.vec(), q.view(), k.view(), v.view(), shape);
  fast().attention().cached(last.mat(), q.view().range(time - fresh, fresh), k.view(), v.view(), time - fresh, shape);
  for (int64_t r = 0; r < fresh; ++r) {
    for (int64_t c = 0; c < heads * size; ++c) EXPECT_NEAR(last.at(r, c), all.at(time - fresh + r, c), 2e-6);
  }
}

TEST(AttentionReference, BackwardMatchesFiniteDifferences) {
  const int64_t time = 6, heads = 2, kv_heads = 1, size = 4;
  const std::vector<int32_t> starts = {0, 0, 0, 3, 3, 3};
  const AttentionShape shape{1, time, heads, kv_heads, size, 0.5f, starts.data()};
  Matrix q = uniform(time, heads * size, 1), k = uniform(time, kv_heads * size, 2), v = uniform(time, kv_heads * size, 3);
  const Matrix dy = uniform(time, heads * size, 4);
  const auto& ref = backend("ref").attention();
  auto objective = [&] {  // sum of y * dy
    Matrix y(time, heads * size);
    Vector lse(time * heads);
    ref.forward(y.mat(), lse.vec(), q.view(), k.view(), v.view(), shape);
    double sum = 0;
    for (int64_t r = 0; r < time; ++r) {
      for (int64_t c = 0; c < heads * size; ++c) sum += static_cast<double>(y.at(r, c)) * static_cast<double>(dy.view().data[r * dy.ld + c]);
    }
    return sum;
  };
  Matrix dq(time, heads * size), dk(time, kv_heads * size), dv(time, kv_heads * size), y(time, heads * size);
  Vector lse(time * heads);
  ref.forward(y.mat(), lse.vec(), q.view(), k.view(), v.view(), shape);
  ref.backward(dq.mat(), dk.mat(), dv.mat(), dy.view(), y.view(), lse.view(), q.view(), k.view(), v.view(), shape);
  for (auto [input, gradient] : {std::pair{&q, &dq}, std::pair{&k, &dk}, std::pair{&v, &dv}}) {
    for (int64_t r = 0; r < input->rows; ++r) {
      for (int64_t c = 0; c < input->cols; ++c) {
        const float kept = input->at(r, c);
        input->at(r, c) = kept + 1e-2f;
        const double up = objective();
        input->at(r, c) = kept - 1e-2f;
        const double down = objective();
        input->at(r, c) = kept;
        EXPECT_NEAR((up - down) / 2e-2, static_cast<double>(gradient->at(r, c)), 2e-4);
      }
    }
  }
}

LOAM_EACH_ISA(AttentionTest);

}  // namespace
}  // namespace loam
