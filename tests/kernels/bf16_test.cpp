// Products of bfloat16 factors: what rounds them, and the order of AMX's tiles, whose arithmetic plain loops do here.
// The tiles themselves are tested where the machine has them.
#define LOAM_ISA bf16_test
#include "loam/base/half.h"
#include "loam/kernels/cpu/bf16_attention.h"
#include "loam/kernels/cpu/bf16_product.h"
#include "tests/kernels/kernel_test.h"

namespace loam {
namespace {

/// TDPBF16PS on 2 x 2 tiles, as the processor's manual writes it, but for the order of its sums.
struct PlainTiles {
  template <bool kPairs>
  static void pack(uint16_t* to, const float* from, int64_t stride, bool across, int64_t lines, int64_t depth) {
    for (int64_t i = 0; i < 16; ++i) {
      for (int64_t k = 0; k < 32; ++k) {
        const uint16_t value = i < lines && k < depth
                                   ? float_to_bfloat(across ? from[k * stride + i] : from[i * stride + k])
                                   : uint16_t{0};
        to[kPairs ? k / 2 * 32 + 2 * i + k % 2 : i * 32 + k] = value;
      }
    }
  }
  void multiply(float* sums, bool fresh, const uint16_t* left, const uint16_t* right, int64_t steps, const float*, int64_t) const {
    if (fresh) std::fill(sums, sums + 32 * 32, 0.0f);
    for (int64_t s = 0; s < steps; ++s, left += 2 * 512, right += 2 * 512) {
      for (int64_t m = 0; m < 32; ++m) {
        for (int64_t n = 0; n < 32; ++n) {
          const uint16_t *a = left + m / 16 * 512 + m % 16 * 32, *b = right + n / 16 * 512 + n % 16 * 2;
          for (int64_t k = 0; k < 16; ++k) {
            for (int64_t e = 0; e < 2; ++e)
              sums[m * 32 + n] += bfloat_to_float(a[2 * k + e]) * bfloat_to_float(b[k * 32 + e]);
          }
        }
      }
    }
  }
};

Matrix rounded(Matrix m) {
  for (float& x : m.data) x = bfloat_to_float(float_to_bfloat(x));
  return m;
}

struct Bf16Size {
  int64_t n, i, o;
};
const Bf16Size kBf16Sizes[] = {{1, 1, 1},      {2, 3, 5},     {31, 33, 32},  {48, 64, 65},
                               {101, 129, 31}, {7, 1100, 20}, {1100, 40, 70}, {33, 4500, 40}};

/// All that a backend of bfloat16 does, against the reference on factors that were rounded before.
void compare(const MatmulKernels& mm) {
  const Backend& ref = backend("ref");
  for (const auto& [n, i, o] : kBf16Sizes) {
    SCOPED_TRACE(cat(n, " x ", i, " x ", o));
    const Matrix x = uniform(n, i, 1), w = uniform(o, i, 2), dy = uniform(n, o, 3), pre = uniform(n, i, 4, 3),
                 gate = uniform(n, i, 5, 3), residual = uniform(n, o, 6);
    const Vector bias = uniform_vector(o, 7);
    Matrix y(n, o, -7), y_want(n, o, -7), active(n, o, -7), active_want(n, o, -7);
    Epilogue a, b;
    a.bias = b.bias = bias.view();
    a.residual = b.residual = residual.view();
    a.activation = b.activation = Activation::gelu;
    a.activated = active.mat(), b.activated = active_want.mat();
    mm.nt(y.mat(), x.view(), w.view(), a);
    ref.matmul().nt(y_want.mat(), rounded(x).view(), rounded(w).view(), b);
    EXPECT_LT(distance(y.data, y_want.data), 3e-6);
    EXPECT_LT(distance(active.data, active_want.data), 3e-6);

    Matrix dx(n, i, -7), dx_want(n, i, -7), dgate(n, i, -7), dgate_want(n, i, -7);
    a = {}, b = {};
    a.activation = b.activation = Activation::swiglu;
    a.gradient_at = b.gradient_at = pre.view(), a.gate = b.gate = gate.view();
    a.gate_gradient = dgate.mat(), b.gate_gradient = dgate_want.mat();
    mm.nn(dx.mat(), dy.view(), w.view(), a);
    ref.matmul().nn(dx_want.mat(), rounded(dy).view(), rounded(w).view(), b);
    EXPECT_LT(distance(dx.data, dx_want.data), 3e-6);
    EXPECT_LT(distance(dgate.data, dgate_want.data), 3e-6);

    Matrix dw(o, i, 0.5f), dw_want(o, i, 0.5f);
    mm.tn_add(dw.mat(), dy.view(), x.view());
    ref.matmul().tn_add(dw_want.mat(), rounded(dy).view(), rounded(x).view());
    EXPECT_LT(distance(dw.data, dw_want.data), 3e-6);
  }
}

TEST(Bf16Tiles, PackedForTilesTheProductsAreTheReferences) {
  compare(cpu::bf16_test::Bf16Matmul<PlainTiles>(cpu_backend("generic").matmul()));
}

TEST(Bf16Tiles, SameBitsOnAnyNumberOfThreads) {
  const cpu::bf16_test::Bf16Matmul<PlainTiles> mm(cpu_backend("generic").matmul());
  const Matrix a = uniform(1200, 70, 1), b = uniform(1200, 130, 2);
  std::vector<std::vector<float>> results;
  for (int team : {1, 2, 5}) {
    set_threads(team);
    Matrix y(70, 130);
    mm.tn_add(y.mat(), a.view(), b.view());
    results.push_back(y.data);
  }
  set_threads(hardware_threads());
  EXPECT_EQ(results[0], results[1]);
  EXPECT_EQ(results[0], results[2]);
}

TEST(Bf16Tiles, TheMachinesOwn) {
  const Backend& tiles = backend("cpu", Precision::bfloat16);
  if (tiles.products() != "bfloat16")
    GTEST_SKIP() << "this machine has no AMX: its instructions were compiled, not run";
  compare(tiles.matmul());
  EXPECT_GT(tiles.peak_flops(), 0);
}

struct Attended {
  Matrix y, dq, dk, dv;
  Vector lse;
};
struct AttentionCase {
  int64_t batch, time, heads, kv_heads, size;
  bool starts;
};
const AttentionCase kAttention[] = {{2, 5, 2, 2, 8, false}, {1, 32, 1, 1, 32, false}, {2, 70, 4, 2, 33, false}, {1, 300, 2, 1, 64, false}, {2, 290, 4, 2, 40, true}};

Attended attend(const AttentionKernels& kernels, const AttentionCase& c) {
  const int64_t n = c.batch * c.time;
  const Matrix q = uniform(n, c.heads * c.size, 1), k = uniform(n, c.kv_heads * c.size, 2), v = uniform(n, c.kv_heads * c.size, 3), dy = uniform(n, c.heads * c.size, 4);
  std::vector<int32_t> starts(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) {  // documents of 100, seen through windows of 70
    const int64_t t = i % c.time;
    starts[static_cast<size_t>(i)] = static_cast<int32_t>(std::max<int64_t>(t / 100 * 100, t - 69));
  }
  AttentionShape s;
  s.batch = c.batch, s.time = c.time, s.heads = c.heads, s.kv_heads = c.kv_heads, s.head_size = c.size;
  s.scale = 1.0f / std::sqrt(static_cast<float>(c.size));
  if (c.starts) s.starts = starts.data();
  Attended out{Matrix(n, c.heads * c.size, -7), Matrix(n, c.heads * c.size, -7), Matrix(n, c.kv_heads * c.size, -7), Matrix(n, c.kv_heads * c.size, -7), Vector(n * c.heads)};
  kernels.forward(out.y.mat(), out.lse.vec(), q.view(), k.view(), v.view(), s);
  kernels.backward(out.dq.mat(), out.dk.mat(), out.dv.mat(), dy.view(), out.y.view(), out.lse.view(), q.view(), k.view(), v.view(), s);
  return out;
}

void expect_near(const Attended& got, const Attended& want, double most) {
  EXPECT_LT(distance(got.y.data, want.y.data), most);
  EXPECT_LT(distance(got.lse.data, want.lse.data), most);
  EXPECT_LT(distance(got.dq.data, want.dq.data), most);
  EXPECT_LT(distance(got.dk.data, want.dk.data), most);
  EXPECT_LT(distance(got.dv.data, want.dv.data), most);
}

TEST(Bf16Attention, NearTheReferenceAndTheMachinesTilesNearPlainOnes) {
  const cpu::bf16_test::Bf16Attention<PlainTiles> plain(cpu_backend("generic").attention());
  const Backend& tiles = backend("cpu", Precision::bfloat16);
  for (const AttentionCase& c : kAttention) {
    SCOPED_TRACE(cat(c.batch, " x ", c.time, ", ", c.heads, " heads of ", c.size, ", keys of ", c.kv_heads, c.starts ? ", windows" : ""));
    const Attended want = attend(backend("ref").attention(), c), got = attend(plain, c);
    expect_near(got, want, 8e-3);  // the factors' 8 bits
    EXPECT_GT(distance(got.y.data, want.y.data), 1e-6) << "these are floats' products";
    if (tiles.products() == "bfloat16") expect_near(attend(tiles.attention(), c), got, 2e-4);
  }
}

TEST(Bf16Attention, SameBitsOnAnyNumberOfThreadsAndDropoutByFloats) {
  const cpu::bf16_test::Bf16Attention<PlainTiles> plain(cpu_backend("generic").attention());
  set_threads(5);
  const Attended five = attend(plain, kAttention[2]);
  set_threads(1);
  const Attended one = attend(plain, kAttention[2]);
  set_threads(hardware_threads());
  EXPECT_EQ(five.y.data, one.y.data);
  EXPECT_EQ(five.dk.data, one.dk.data);
  const Matrix q = uniform(40, 16, 1);
  AttentionShape s;
  s.time = 40, s.head_size = 16, s.dropout = 0.3f, s.dropout_key = 9;
  Matrix y(40, 16), y_want(40, 16);
  Vector lse(40), lse_want(40);
  plain.forward(y.mat(), lse.vec(), q.view(), q.view(), q.view(), s);
  cpu_backend("generic").attention().forward(y_want.mat(), lse_want.vec(), q.view(), q.view(), q.view(), s);
  EXPECT_EQ(y.data, y_want.data);
}

TEST(Precision, AutoTakesTilesWhereThereAreSome) {
  EXPECT_EQ(parse_precision("float32"), Precision::float32);
  EXPECT_EQ(parse_precision("bfloat16"), Precision::bfloat16);
  const bool tiles = backend("cpu", Precision::bfloat16).products() == "bfloat16";
  EXPECT_EQ(parse_precision("auto"), tiles ? Precision::bfloat16 : Precision::float32);
  EXPECT_THROW(parse_precision("half"), Error);
}

using RoundedTest = EachIsa;
TEST_P(RoundedTest, FactorsAreRounded) {
  const Backend& b = cpu_backend(GetParam(), Precision::bfloat16);
  if (b.products() != "bfloat16, rounded") GTEST_SKIP() << "this set has tiles here";
  compare(b.matmul());
}

TEST_P(RoundedTest, NotANumberStaysNone) {
  Matrix x(1, 2), w(1, 2), y(1, 1);
  x.at(0, 0) = std::nanf(""), w.at(0, 0) = 1;
  cpu_backend(GetParam(), Precision::bfloat16).matmul().nt(y.mat(), x.view(), w.view());
  EXPECT_TRUE(std::isnan(y.at(0, 0)));
}

/// The head's loss and gradients are near those of floats: the factors have 8 bits.
TEST_P(RoundedTest, TheHeadsProductsToo) {
  const int64_t n = 40, c = 70, v = 300;
  const Matrix x = uniform(n, c, 1), w = uniform(v, c, 2);
  std::vector<int32_t> targets(static_cast<size_t>(n));
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<int32_t>(i * 7 % static_cast<size_t>(v));
  std::vector<std::vector<float>> out[2];
  for (const Precision precision : {Precision::float32, Precision::bfloat16}) {
    Vector losses(n);
    Matrix dx(n, c), dw(v, c);
    cpu_backend(GetParam(), precision)
        .head()
        .loss(losses.vec(), dx.mat(), dw.mat(), x.view(), w.view(), targets.data(), {});
    out[precision == Precision::bfloat16] = {losses.data, dx.data, dw.data};
  }
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_LT(distance(out[1][i], out[0][i]), 1e-2) << i;
    EXPECT_GT(distance(out[1][i], out[0][i]), 1e-6) << i << ": these are floats' products";
  }
}

LOAM_EACH_ISA(RoundedTest);

}  // namespace
}  // namespace loam
