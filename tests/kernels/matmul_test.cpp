#include "loam/kernels/matmul.h"

#include "tests/kernels/kernel_test.h"

namespace loam {
namespace {

using MatmulTest = EachIsa;
struct Size {
  int64_t n, i, o;
};
const Activation kActivations[] = {Activation::gelu, Activation::squared_relu, Activation::swiglu};
const Size kSizes[] = {{1, 1, 1}, {2, 3, 5}, {7, 17, 33}, {13, 64, 65}, {48, 32, 32}, {101, 129, 31}, {12, 1100, 20}, {3, 40, 700}};

TEST_P(MatmulTest, ForwardWithEveryEpilogue) {
  for (const auto& [n, i, o] : kSizes) {
    const Matrix x = uniform(n, i, 1), w = uniform(o, i, 2), residual = uniform(n, o, 3), gate = uniform(n, o, 5, 6);
    const Vector bias = uniform_vector(o, 4);
    for (int kind = 0; kind < 6; ++kind) {
      Matrix got(n, o, -7), want(n, o, -7), got_active(n, o, -7), want_active(n, o, -7);
      Epilogue a, b;
      if (kind >= 1) a.bias = b.bias = bias.view();
      if (kind == 2) a.residual = b.residual = residual.view();
      if (kind >= 3) {
        a.activation = b.activation = kActivations[kind - 3];
        a.gate = b.gate = gate.view();
        a.activated = got_active.mat();
        b.activated = want_active.mat();
      }
      fast().matmul().nt(got.mat(), x.view(), w.view(), a);
      ref().matmul().nt(want.mat(), x.view(), w.view(), b);
      EXPECT_LT(distance(got.data, want.data), 2e-6) << n << "x" << i << "x" << o << " kind " << kind;
      EXPECT_LT(distance(got_active.data, want_active.data), 3e-6) << n << "x" << i << "x" << o;
    }
  }
}

TEST_P(MatmulTest, BackwardProducts) {
  for (const auto& [n, i, o] : kSizes) {
    const Matrix dy = uniform(n, o, 5), w = uniform(o, i, 6), x = uniform(n, i, 7), pre = uniform(n, i, 8, 3), gate = uniform(n, i, 9, 6);
    for (const Activation activation : {Activation::none, Activation::gelu, Activation::squared_relu, Activation::swiglu}) {
      Matrix got(n, i, -7), want(n, i, -7), got_gate(n, i, -7), want_gate(n, i, -7);
      Epilogue a;
      a.activation = activation;
      if (activation != Activation::none) a.gradient_at = pre.view();
      if (activation == Activation::swiglu) a.gate = gate.view();
      Epilogue b = a;
      if (activation == Activation::swiglu) a.gate_gradient = got_gate.mat(), b.gate_gradient = want_gate.mat();
      fast().matmul().nn(got.mat(), dy.view(), w.view(), a);
      ref().matmul().nn(want.mat(), dy.view(), w.view(), b);
      EXPECT_LT(distance(got.data, want.data), 3e-6) << n << "x" << i << "x" << o << " activation " << static_cast<int>(activation);
      EXPECT_LT(distance(got_gate.data, want_gate.data), 3e-6) << n << "x" << i << "x" << o;
    }
    Matrix got_w(o, i, 0.5f), want_w(o, i, 0.5f);
    fast().matmul().tn_add(got_w.mat(), dy.view(), x.view());
    ref().matmul().tn_add(want_w.mat(), dy.view(), x.view());
    EXPECT_LT(distance(got_w.data, want_w.data), 2e-6) << n << "x" << i << "x" << o;
    Vector got_b(o, 1), want_b(o, 1);
    fast().matmul().sum_rows_add(got_b.vec(), dy.view());
    ref().matmul().sum_rows_add(want_b.vec(), dy.view());
    EXPECT_LT(distance(got_b.data, want_b.data), 2e-6);
  }
}

TEST_P(MatmulTest, GradientsOfActivationsAreTheirSlopes) {
  // Central differences of what the forward writes, in double through the reference.
  const double step = 1e-3;
  const Matrix one = [] { Matrix m(1, 1); m.at(0, 0) = 1; return m; }();
  for (const Activation activation : kActivations) {
    for (const double at : {-3.0, -0.7, -0.01, 0.02, 0.9, 4.0}) {
      auto value = [&](double pre, double gate) {
        Matrix x(1, 1), g(1, 1), y(1, 1), out(1, 1);
        x.at(0, 0) = static_cast<float>(pre), g.at(0, 0) = static_cast<float>(gate);
        Epilogue then;
        then.activation = activation, then.activated = out.mat(), then.gate = g.view();
        ref().matmul().nt(y.mat(), x.view(), one.view(), then);
        return static_cast<double>(out.at(0, 0));
      };
      const double gate = 0.6 - at / 2;
      Matrix pre(1, 1), g(1, 1), slope(1, 1), gate_slope(1, 1);
      pre.at(0, 0) = static_cast<float>(at), g.at(0, 0) = static_cast<float>(gate);
      Epilogue then;
      then.activation = activation, then.gradient_at = pre.view(), then.gate = g.view(), then.gate_gradient = gate_slope.mat();
      fast().matmul().nn(slope.mat(), one.view(), one.view(), then);
      EXPECT_NEAR(slope.at(0, 0), (value(at + step, gate) - value(at - step, gate)) / (2 * step), 1e-3) << at;
      if (activation == Activation::swiglu) {
        EXPECT_NEAR(gate_slope.at(0, 0), (value(at, gate + step) - value(at, gate - step)) / (2 * step), 1e-3) << at;
      }
    }
  }
}

TEST_P(MatmulTest, SquaredReluKeepsNotANumber) {
  Matrix x(1, 1), w(1, 1), y(1, 1), out(1, 1);
  x.at(0, 0) = std::nanf(""), w.at(0, 0) = 1;
  Epilogue then;
  then.activation = Activation::squared_relu, then.activated = out.mat();
  fast().matmul().nt(y.mat(), x.view(), w.view(), then);
  EXPECT_TRUE(std::isnan(out.at(0, 0)));
}

TEST_P(MatmulTest, SymmetricProducts) {
  for (const auto& [n, depth] : {std::pair<int64_t, int64_t>{1, 1}, {5, 7}, {32, 32}, {48, 400}, {97, 50}, {128, 1000}}) {
    const Matrix x = uniform(n, depth, 5);
    Matrix got(n, n, -7), want(n, n, -7), again(n, n, -7);
    set_threads(1);
    fast().matmul().nt_symmetric(got.mat(), x.view(), x.view());
    set_threads(3);
    fast().matmul().nt_symmetric(again.mat(), x.view(), x.view());
    set_threads(hardware_threads());
    ref().matmul().nt_symmetric(want.mat(), x.view(), x.view());
    EXPECT_LT(distance(got.data, want.data), 3e-6) << n << "x" << depth;
    EXPECT_EQ(got.data, again.data);
    for (int64_t r = 0; r < n; ++r) {
      for (int64_t c = 0; c < r; ++c) ASSERT_EQ(got.at(r, c), got.at(c, r)) << r << ", " << c;
    }
  }
}

TEST_P(MatmulTest, SameBitsOnAnyNumberOfThreadsAndWhenAccumulated) {
  const int64_t n = 1536, i = 130, o = 70;
  const Matrix a = uniform(n, o, 9), b = uniform(n, i, 10);
  std::vector<std::vector<float>> results;
  for (int team : {1, 2, 3, 5}) {
    set_threads(team);
    Matrix y(o, i);
    fast().matmul().tn_add(y.mat(), a.view(), b.view());
    results.push_back(y.data);
  }
  set_threads(hardware_threads());
  // Two halves one after the other are the whole, bit for bit, when the cut is where sums are cut anyway.
  Matrix y(o, i);
  fast().matmul().tn_add(y.mat(), a.view().range(0, 768), b.view().range(0, 768));
  fast().matmul().tn_add(y.mat(), a.view().range(768, 768), b.view().range(768, 768));
  results.push_back(y.data);
  for (const auto& result : results) EXPECT_EQ(result, results.front());
}

LOAM_EACH_ISA(MatmulTest);

}  // namespace
}  // namespace loam
