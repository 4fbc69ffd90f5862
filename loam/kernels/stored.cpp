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
int64_t scale_at(const StoredMat& m, int64_t row, int64_t block) { return (row / kPanelRows * m.blocks() + block) * kPanelRows + row % kPanelRows; }

}  // namespace

int64_t row_bytes(NumberType type, int64_t cols) { return panel_bytes(type, cols) / kPanelRows + (in_blocks(type) ? cols / kBlock * 2 : 0); }

QuantisedBlock quantise_block(const float* x) {
  float most = 0;
  for (int64_t j = 0; j < kBlock; ++j) most = std::max(most, std::fabs(x[j]));
  QuantisedBlock out;
  out.scale = half_to_float(float_to_half(most / 127.0f));
  const float inverse = most > 0 ? 127.0f / most : 0.0f;
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
  auto* scales = const_cast<uint16_t*>(to.scales);
  const int64_t quads = to.type == NumberType::q8_0 ? 8 : 4;
  auto* out = panel_of<uint32_t>(to, row) + lane;
  for (int64_t b = 0; b < to.blocks(); ++b, in += 2 + 4 * quads) {
    uint16_t scale;
    std::memcpy(&scale, in, 2);
    require_input((scale & 0x7c00u) != 0x7c00u, "the scale of its block ", row * to.blocks() + b, " is ", half_to_float(scale));
    scales[scale_at(to, row, b)] = scale;
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
  const int64_t quads = from.type == NumberType::q8_0 ? 8 : 4;
  const auto* in = panel_of<const Byte>(from, row) + 4 * lane;
  for (int64_t b = 0; b < from.blocks(); ++b, out += kBlock) {
    const float scale = half_to_float(from.scales[scale_at(from, row, b)]);
    for (int64_t i = 0; i < quads; ++i, in += 4 * kPanelRows) {
      for (int64_t j = 0; j < 4; ++j) {
        if (quads == 8) {
          out[4 * i + j] = scale * static_cast<float>(in[j] - 128);
        } else {
          out[4 * i + j] = scale * static_cast<float>((in[j] & 15) - 8);
          out[4 * i + j + 16] = scale * static_cast<float>((in[j] >> 4) - 8);
        }
      }
    }
  }
}

}  // namespace loam
