#include "loam/kernels/stored.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/half.h"

namespace loam {
namespace {

using Byte = unsigned char;

/// Where the numbers of (row, column 0) begin.
template <class T>
T* panel_of(const StoredMat& m, int64_t row) {
  return const_cast<T*>(reinterpret_cast<const T*>(m.numbers + row / kPanelRows * panel_bytes(m.type, m.cols)));
}
/// Where scale (0) and minimum, or the scales of both halves, of a row's block are.
int64_t factor_at(const StoredMat& m, int64_t row, int64_t block, int64_t which) { return ((row / kPanelRows * m.blocks() + block) * 2 + which) * kPanelRows + row % kPanelRows; }
int64_t scale_at(const StoredMat& m, int64_t row, int64_t block) { return (row / kPanelRows * m.blocks() + block) * kPanelRows + row % kPanelRows; }

float finite_half(const Byte* at, int64_t block) {
  uint16_t half;
  std::memcpy(&half, at, 2);
  require_input((half & 0x7c00u) != 0x7c00u, "the scale of its block ", block, " is ", half_to_float(half));
  return half_to_float(half);
}

/// The numbers of one block of a row, without a sign, into their quads.
void put_block(const StoredMat& to, int64_t row, int64_t block, const Byte* q) {
  const bool nibbles = in_nibbles(to.type);
  auto* out = panel_of<Byte>(to, row) + block * kPanelRows * (nibbles ? kBlock / 2 : kBlock) + 4 * (row % kPanelRows);
  for (int64_t i = 0; i < (nibbles ? 4 : 8); ++i, out += 4 * kPanelRows) {
    for (int64_t j = 0; j < 4; ++j) out[j] = static_cast<Byte>(nibbles ? q[4 * i + j] | q[4 * i + j + 16] << 4 : q[4 * i + j]);
  }
}

/// Group `g` of q4_k's packed scales: groups 0-3 have the low 6 bits of their bytes; 4-7 nibbles of the last four bytes and
/// the two high bits of the first eight.
int scale_of(const Byte* packed, int64_t g) { return g < 4 ? packed[g] & 63 : (packed[g + 4] & 15) | (packed[g - 4] >> 6) << 4; }
int minimum_of(const Byte* packed, int64_t g) { return g < 4 ? packed[g + 4] & 63 : (packed[g + 4] >> 4) | (packed[g] >> 6) << 4; }

/// d, m, 12 bytes of scales and minima, 128 of nibbles (loam/formats/ggml_types.h).
void pack_q4_k(const StoredMat& to, int64_t row, const Byte* in) {
  auto* factors = const_cast<float*>(to.factors);
  for (int64_t super = 0; super < to.cols / kSuperBlock; ++super, in += 144) {
    const int64_t number = row * (to.cols / kSuperBlock) + super;
    const float d = finite_half(in, number), m = finite_half(in + 2, number);
    for (int64_t g = 0; g < 8; ++g) {
      Byte q[kBlock];
      for (int64_t j = 0; j < kBlock; ++j) q[j] = static_cast<Byte>(in[16 + g / 2 * 32 + j] >> (g % 2 * 4) & 15);
      put_block(to, row, super * 8 + g, q);
      factors[factor_at(to, row, super * 8 + g, 0)] = d * static_cast<float>(scale_of(in + 4, g));
      factors[factor_at(to, row, super * 8 + g, 1)] = m * static_cast<float>(minimum_of(in + 4, g));
    }
  }
}

/// 128 bytes of low nibbles, 64 of high pairs, 16 scales, d.
void pack_q6_k(const StoredMat& to, int64_t row, const Byte* in) {
  auto* factors = const_cast<float*>(to.factors);
  for (int64_t super = 0; super < to.cols / kSuperBlock; ++super, in += 210) {
    const float d = finite_half(in + 208, row * (to.cols / kSuperBlock) + super);
    for (int64_t g = 0; g < 8; ++g) {
      const int64_t half = g / 4, quarter = g % 4;
      Byte q[kBlock];
      for (int64_t l = 0; l < kBlock; ++l) {
        const int low = in[64 * half + 32 * (quarter % 2) + l] >> (quarter < 2 ? 0 : 4) & 15, high = in[128 + 32 * half + l] >> (2 * quarter) & 3;
        q[l] = static_cast<Byte>(low | high << 4);
      }
      put_block(to, row, super * 8 + g, q);
      for (int64_t i = 0; i < 2; ++i) factors[factor_at(to, row, super * 8 + g, i)] = d * static_cast<float>(static_cast<int8_t>(in[192 + 2 * g + i]));
    }
  }
}

/// The numbers of one block of a row as they are kept.
void take_block(const StoredMat& from, int64_t row, int64_t block, Byte* q) {
  const bool nibbles = in_nibbles(from.type);
  const auto* in = panel_of<const Byte>(from, row) + block * kPanelRows * (nibbles ? kBlock / 2 : kBlock) + 4 * (row % kPanelRows);
  for (int64_t i = 0; i < (nibbles ? 4 : 8); ++i, in += 4 * kPanelRows) {
    for (int64_t j = 0; j < 4; ++j) {
      q[4 * i + j] = nibbles ? in[j] & 15 : in[j];
      if (nibbles) q[4 * i + j + 16] = static_cast<Byte>(in[j] >> 4);
    }
  }
}

}  // namespace

int64_t row_bytes(NumberType type, int64_t cols) {
  if (type == NumberType::q4_k) return cols / kSuperBlock * 144;
  if (type == NumberType::q6_k) return cols / kSuperBlock * 210;
  return panel_bytes(type, cols) / kPanelRows + (in_blocks(type) ? cols / kBlock * 2 : 0);
}

QuantisedBlock quantise_block(const float* x, const float* super) {
  float most = 0;
  for (int64_t j = 0; j < (super != nullptr ? kSuperBlock : kBlock); ++j) most = std::max(most, std::fabs((super != nullptr ? super : x)[j]));
  QuantisedBlock out;
  const float inverse = most > 0 ? 127.0f / most : 0.0f;
  out.scale = super == nullptr ? half_to_float(float_to_half(most / 127.0f)) : most > 0 ? 1.0f / inverse : 0.0f;
  for (int64_t j = 0; j < kBlock; ++j) out.q[j] = static_cast<int8_t>(std::nearbyint(x[j] * inverse));
  return out;
}

void pack_row(const StoredMat& to, int64_t row, std::span<const std::byte> from) {
  LOAM_ASSERT(row >= 0 && row < to.rows && static_cast<int64_t>(from.size()) == row_bytes(to.type, to.cols));
  const auto* in = reinterpret_cast<const Byte*>(from.data());
  const int64_t lane = row % kPanelRows;
  if (!in_blocks(to.type)) {
    auto* out = panel_of<uint16_t>(to, row) + lane;
    for (int64_t c = 0; c < to.cols; ++c) std::memcpy(out + c * kPanelRows, in + 2 * c, 2);
    return;
  }
  if (to.type == NumberType::q4_k) return pack_q4_k(to, row, in);
  if (to.type == NumberType::q6_k) return pack_q6_k(to, row, in);
  auto* scales = const_cast<uint16_t*>(to.scales);
  const int64_t quads = to.type == NumberType::q8_0 ? 8 : 4;
  auto* out = panel_of<uint32_t>(to, row) + lane;
  for (int64_t b = 0; b < to.blocks(); ++b, in += 2 + 4 * quads) {
    scales[scale_at(to, row, b)] = float_to_half(finite_half(in, row * to.blocks() + b));
    for (int64_t i = 0; i < quads; ++i, out += kPanelRows) {
      uint32_t quad;
      std::memcpy(&quad, in + 2 + 4 * i, 4);
      *out = to.type == NumberType::q8_0 ? quad ^ 0x80808080u : quad;
    }
  }
}

void unpack_row(const StoredMat& from, int64_t row, float* out) {
  const int64_t lane = row % kPanelRows;
  if (!in_blocks(from.type)) {
    const auto* in = panel_of<const uint16_t>(from, row) + lane;
    const bool half = from.type == NumberType::f16;
    for (int64_t c = 0; c < from.cols; ++c) out[c] = half ? half_to_float(in[c * kPanelRows]) : bfloat_to_float(in[c * kPanelRows]);
    return;
  }
  for (int64_t b = 0; b < from.blocks(); ++b, out += kBlock) {
    Byte q[kBlock];
    take_block(from, row, b, q);
    if (in_super_blocks(from.type)) {
      const float first = from.factors[factor_at(from, row, b, 0)], second = from.factors[factor_at(from, row, b, 1)];
      for (int64_t j = 0; j < kBlock; ++j) {
        out[j] = from.type == NumberType::q4_k ? first * static_cast<float>(q[j]) - second : (j < 16 ? first : second) * static_cast<float>(q[j] - 32);
      }
    } else {
      const float scale = half_to_float(from.scales[scale_at(from, row, b)]);
      for (int64_t j = 0; j < kBlock; ++j) out[j] = scale * static_cast<float>(q[j] - (from.type == NumberType::q8_0 ? 128 : 8));
    }
  }
}

float gelu_by_halves(float x) {
  if (x <= -10.0f) return 0.0f;
  if (x >= 10.0f) return x;
  const float h = half_to_float(float_to_half(x));
  constexpr float kRoot = 0.79788456080286535588f;  // of 2 / pi
  return half_to_float(float_to_half(0.5f * h * (1.0f + std::tanh(kRoot * h * (1.0f + 0.044715f * h * h)))));
}

}  // namespace loam
