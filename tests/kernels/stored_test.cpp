#include "loam/kernels/stored.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include "loam/base/half.h"
#include "loam/kernels/cpu/cpu_backend.h"
#include "tests/kernels/kernel_test.h"

namespace loam {
namespace {

/// A stored matrix with its memory, and the rows as a file would have them.
struct StoredMatrix {
  StoredMat mat;
  std::vector<std::vector<std::byte>> rows;
  std::unique_ptr<std::byte[], decltype(&std::free)> memory{nullptr, &std::free};

  StoredMatrix(NumberType type, int64_t r, int64_t c, uint64_t seed) {
    const StoredSize size = stored_size(type, r, c);
    memory.reset(static_cast<std::byte*>(std::aligned_alloc(64, static_cast<size_t>(size.numbers + size.scales))));
    std::memset(memory.get(), 0, static_cast<size_t>(size.numbers + size.scales));
    mat = stored_view(type, r, c, memory.get());
    for (int64_t row = 0; row < r; ++row) {
      std::vector<std::byte> bytes(static_cast<size_t>(row_bytes(type, c)));
      const auto random = [&](size_t i) { return uniform01(seed + static_cast<uint64_t>(row) * 977, i); };
      const int64_t block = in_blocks(type) ? row_bytes(type, block_columns(type)) : 2;
      for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(static_cast<int>(random(i) * 256));
      if (type == NumberType::q6_k) {
        for (size_t i = 208; i < bytes.size(); i += 210) {
          const uint16_t two = float_to_half(0.001f * (2 * random(i + 100000) - 1));
          std::memcpy(bytes.data() + i, &two, 2);
        }
      }
      for (size_t i = 0; type != NumberType::q6_k && i < bytes.size(); i += static_cast<size_t>(block)) {
        const float value = (2 * random(i + 100000) - 1) * (in_blocks(type) ? 0.01f : 1.0f);
        const uint16_t two = type == NumberType::bf16 ? float_to_bfloat(value) : float_to_half(value);
        std::memcpy(bytes.data() + i, &two, 2);
        if (type == NumberType::q4_k) std::memcpy(bytes.data() + i + 2, &two, 2);
      }
      pack_row(mat, row, bytes);
      rows.push_back(std::move(bytes));
    }
  }
};

const NumberType kTypes[] = {NumberType::f16, NumberType::bf16, NumberType::q8_0, NumberType::q4_0, NumberType::q4_k, NumberType::q6_k};
const NumberType kBlockTypes[] = {NumberType::q8_0, NumberType::q4_0, NumberType::q4_k, NumberType::q6_k};
struct StoredCase {
  int64_t n, blocks, o;
};
const StoredCase kStoredCases[] = {{1, 1, 1}, {1, 3, 17}, {2, 5, 33}, {3, 2, 15}, {5, 1, 16}, {7, 4, 31}, {11, 13, 50}, {13, 3, 49}, {24, 24, 96}, {101, 2, 65}, {400, 1, 47}};

TEST(Stored, RowsComeBackAsTheFileHasThem) {
  const std::byte q8[34] = {std::byte{0x00}, std::byte{0x38}, std::byte{0x80}, std::byte{0x7f}, std::byte{0x01}};  // scale 0.5: -128, 127, 1, 0...
  std::vector<std::byte> memory(4096);
  auto* at = reinterpret_cast<std::byte*>((reinterpret_cast<uintptr_t>(memory.data()) + 63) / 64 * 64);
  const StoredMat eight = stored_view(NumberType::q8_0, 2, 32, at);
  pack_row(eight, 1, q8);
  float out[32];
  unpack_row(eight, 1, out);
  EXPECT_EQ(out[0], -64.0f);
  EXPECT_EQ(out[1], 63.5f);
  EXPECT_EQ(out[2], 0.5f);
  EXPECT_EQ(out[31], 0.0f);
  std::byte q4[18] = {std::byte{0x00}, std::byte{0xc0}, std::byte{0xf0}, std::byte{0x08}};  // scale -2; first byte: 0 and 15; second 8 and 0
  const StoredMat four = stored_view(NumberType::q4_0, 2, 32, at);
  pack_row(four, 0, q4);
  unpack_row(four, 0, out);
  EXPECT_EQ(out[0], 16.0f);
  EXPECT_EQ(out[16], -14.0f);
  EXPECT_EQ(out[1], 0.0f);
  EXPECT_EQ(out[17], 16.0f);
  q4[1] = std::byte{0x7c};
  q4[0] = std::byte{0x00};
  EXPECT_THROW(pack_row(four, 1, q4), Error);
}

TEST(Stored, ABlockOfActivationsIsRoundedToNearest) {
  float x[32] = {12.7f, -6.35f, 0.05f, 0.15f};
  const QuantisedBlock q = quantise_block(x);
  EXPECT_EQ(q.q[0], 127);
  EXPECT_EQ(q.q[1], -64);  // -63.5 goes to the even one
  EXPECT_EQ(q.q[2], 0);
  EXPECT_EQ(q.q[3], 2);
  EXPECT_EQ(q.q[31], 0);
  EXPECT_EQ(q.scale, half_to_float(float_to_half(12.7f / 127)));
}

TEST(Stored, BlocksOfASuperBlockShareAScale) {
  float x[256] = {12.7f, -6.35f, 0.05f, 0.15f};
  x[255] = -127.0f;
  const QuantisedBlock q = quantise_block(x, x);
  EXPECT_EQ(q.scale, 1.0f);
  EXPECT_EQ(q.q[0], 13);
  EXPECT_EQ(q.q[1], -6);
  EXPECT_EQ(q.q[3], 0);
  EXPECT_EQ(quantise_block(x + 224, x).q[31], -127);
  EXPECT_EQ(quantise_block(x + 32, x + 0).q[0], 0);
}

TEST(Stored, GeluOfAHalfIsAHalf) {
  EXPECT_EQ(gelu_by_halves(0.0f), 0.0f);
  EXPECT_EQ(gelu_by_halves(-10.0f), 0.0f);
  EXPECT_EQ(gelu_by_halves(-std::numeric_limits<float>::infinity()), 0.0f);
  EXPECT_EQ(gelu_by_halves(12.3456789f), 12.3456789f);
  EXPECT_TRUE(std::isnan(gelu_by_halves(std::nanf(""))));
  EXPECT_EQ(gelu_by_halves(1.0002f), gelu_by_halves(1.0f));  // the same half
  EXPECT_EQ(gelu_by_halves(1.0f), half_to_float(float_to_half(0.841192f)));
  for (float x = -9.9f; x < 9.9f; x += 0.0173f) {
    const double u = std::sqrt(2 / std::numbers::pi) * (x + 0.044715 * x * x * x), want = 0.5 * x * (1 + std::tanh(u));
    EXPECT_NEAR(gelu_by_halves(x), want, 1e-3 * std::max(1.0, std::abs(static_cast<double>(x)))) << x;
  }
}

using StoredTest = EachIsa;

TEST_P(StoredTest, GeluIsTheReferencesToTheBit) {
  Matrix x = uniform(37, 301, 9), got(37, 301, -7), want(37, 301, -7);
  for (size_t i = 0; i < x.data.size(); ++i) x.data[i] *= static_cast<float>(i % 29);
  x.data[5] = 10.0f, x.data[6] = -10.0f, x.data[7] = 70000.0f, x.data[8] = -70000.0f, x.data[9] = 1e-7f;
  fast().stored().gelu(got.mat(), x.view());
  ref().stored().gelu(want.mat(), x.view());
  EXPECT_EQ(got.data, want.data);
  fast().stored().gelu(x.mat(), x.view());  // in place
  for (int64_t r = 0; r < x.rows; ++r) {
    for (int64_t c = 0; c < x.cols; ++c) EXPECT_EQ(x.at(r, c), want.at(r, c));
  }
}

TEST_P(StoredTest, ProductsMatchTheReference) {
  for (const NumberType type : kTypes) {
    for (const auto& [n, blocks, o] : kStoredCases) {
      const int64_t cols = in_blocks(type) ? blocks * block_columns(type) : blocks * kBlock - 3;
      const StoredMatrix w(type, o, cols, 3);
      const Matrix x = uniform(n, cols, 1), residual = uniform(n, o, 3);
      const Vector bias = uniform_vector(o, 4);
      for (int kind = 0; kind < 3; ++kind) {
        Matrix got(n, o, -7), want(n, o, -7), got_active(n, o, -7), want_active(n, o, -7);
        Epilogue a, b;
        if (kind >= 1) a.bias = b.bias = bias.view();
        if (kind == 1) a.residual = b.residual = residual.view();
        if (kind == 2) {
          a.activation = b.activation = Activation::gelu;
          a.activated = got_active.mat();
          b.activated = want_active.mat();
        }
        fast().stored().nt(got.mat(), x.view(), w.mat, a);
        ref().stored().nt(want.mat(), x.view(), w.mat, b);
        EXPECT_LT(distance(got.data, want.data), 2e-6) << static_cast<int>(type) << ": " << n << "x" << cols << "x" << o << " kind " << kind;
        EXPECT_LT(distance(got_active.data, want_active.data), 3e-6) << static_cast<int>(type) << ": " << n << "x" << cols << "x" << o;
      }
    }
  }
}

TEST_P(StoredTest, RowsAreWidened) {
  for (const NumberType type : kTypes) {
    const StoredMatrix w(type, 19, 256, 5);
    const std::vector<int32_t> ids = {18, 0, 7, 7};
    Matrix got(4, 256, -7), want(4, 256, -7);
    fast().stored().rows(got.mat(), ids.data(), w.mat);
    ref().stored().rows(want.mat(), ids.data(), w.mat);
    EXPECT_EQ(got.data, want.data);
  }
}

TEST_P(StoredTest, SameBitsOnAnyNumberOfThreads) {
  for (const NumberType type : kTypes) {
    const StoredMatrix w(type, 330, 256, 6);
    for (const int64_t n : {1, 5, 77}) {
      const Matrix x = uniform(n, 256, 8);
      std::vector<std::vector<float>> results;
      for (int team : {1, 2, 3, 5}) {
        set_threads(team);
        Matrix y(n, 330);
        fast().stored().nt(y.mat(), x.view(), w.mat);
        results.push_back(y.data);
      }
      set_threads(hardware_threads());
      for (const auto& result : results) EXPECT_EQ(result, results.front());
    }
  }
}

TEST_P(StoredTest, InBlocksARowIsTheSameAloneAndAmongOthers) {
  for (const NumberType type : kBlockTypes) {
    const StoredMatrix w(type, 70, 512, 6);
    const Matrix x = uniform(40, 512, 8);
    Matrix all(40, 70);
    fast().stored().nt(all.mat(), x.view(), w.mat);
    for (const int64_t row : {0, 17, 39}) {
      Matrix one(1, 70);
      fast().stored().nt(one.mat(), x.view().range(row, 1), w.mat);
      for (int64_t o = 0; o < 70; ++o) EXPECT_EQ(one.at(0, o), all.at(row, o));
    }
  }
}

#if defined(__x86_64__)
TEST_P(StoredTest, TheInstructionForDotsChangesNoBit) {
  const cpu::Parts parts = GetParam() == "avx512" ? cpu::avx512::parts() : GetParam() == "avx2" ? cpu::avx2::parts() : cpu::generic::parts();
  if (&fast().stored() != parts.stored_with_dots) GTEST_SKIP() << "this machine has no VNNI for " << GetParam();
  for (const NumberType type : kBlockTypes) {
    const StoredMatrix w(type, 70, 512, 6);
    const Matrix x = uniform(40, 512, 8);
    Matrix with(40, 70), without(40, 70);
    parts.stored_with_dots->nt(with.mat(), x.view(), w.mat);
    parts.stored->nt(without.mat(), x.view(), w.mat);
    EXPECT_EQ(with.data, without.data);
  }
}
#endif

LOAM_EACH_ISA(StoredTest);

}  // namespace
}  // namespace loam
