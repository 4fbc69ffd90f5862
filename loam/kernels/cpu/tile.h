// The inner product of every matrix kernel: a tile of kTileRows x kTileCols sums held in registers.
//
// The second factor is packed: for each panel of kTileCols columns, k rows of kTileCols floats, padded with zeros. The
// first is read in place. Each sum runs over k in order, one fused multiply-add a step: how the work is cut into tiles
// or threads never changes a bit.
#pragma once

#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {

/// The first factor: element (row, k) is at p[row * row_stride + k * k_stride].
/// rows: k_stride is 1 (a row-major matrix); columns: row_stride is 1 (its transpose).
enum class Walk { rows, columns };
struct Left {
  const float* p;
  int64_t stride;
};

/// acc[r][v] += sum over k of a(r, k) * b[k][v].
template <int kRows, Walk kWalk>
LOAM_INLINE void multiply_tile(vf (&acc)[kRows][kTileVectors], Left a, const float* b, int64_t depth) {
  if constexpr (kWalk == Walk::columns) {
    const float* at = a.p;
    for (int64_t k = 0; k < depth; ++k, at += a.stride, b += kTileCols) {
      const vf b0 = load(b), b1 = load(b + kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const vf x = splat(at[r]);
        acc[r][0] += x * b0;
        acc[r][1] += x * b1;
      }
    }
  } else {
    // Three rows a pointer: their addresses are p, p + stride, p + 2 * stride, which x86 forms without extra registers.
    constexpr int kPointers = (kRows + 2) / 3;
    const float* at[kPointers];
#pragma GCC unroll 16
    for (int i = 0; i < kPointers; ++i) at[i] = a.p + 3 * i * a.stride;
    for (int64_t k = 0; k < depth; ++k, b += kTileCols) {
      const vf b0 = load(b), b1 = load(b + kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        const vf x = splat(at[r / 3][(r % 3) * a.stride]);
        acc[r][0] += x * b0;
        acc[r][1] += x * b1;
      }
#pragma GCC unroll 16
      for (int i = 0; i < kPointers; ++i) ++at[i];
    }
  }
}

/// Calls f.template operator()<R>() with R = rows, 1 <= rows <= kTileRows.
template <class F>
LOAM_INLINE void with_rows(int64_t rows, F&& f) {
  switch (rows) {
    case 1: f.template operator()<1>(); break;
    case 2: f.template operator()<2>(); break;
    case 3: f.template operator()<3>(); break;
    case 4: f.template operator()<4>(); break;
    case 5: f.template operator()<5>(); break;
    case 6: f.template operator()<6>(); break;
#if defined(__AVX512F__)
    case 7: f.template operator()<7>(); break;
    case 8: f.template operator()<8>(); break;
    case 9: f.template operator()<9>(); break;
    case 10: f.template operator()<10>(); break;
    case 11: f.template operator()<11>(); break;
    case 12: f.template operator()<12>(); break;
#endif
    default: break;
  }
}

/// Packs rows of b (depth x cols, row-major, ld) as panels: panel j holds columns [j * kTileCols, ...).
LOAM_INLINE void pack_panel_rows(float* to, const float* b, int64_t ld, int64_t depth, int64_t cols) {
  if (cols == kTileCols) {
    for (int64_t k = 0; k < depth; ++k) {
      store(to + k * kTileCols, load(b + k * ld));
      store(to + k * kTileCols + kWidth, load(b + k * ld + kWidth));
    }
    return;
  }
  for (int64_t k = 0; k < depth; ++k) {
    for (int64_t c = 0; c < kTileCols; ++c) to[k * kTileCols + c] = c < cols ? b[k * ld + c] : 0.0f;
  }
}

/// Packs the transpose: column c of the panel is row c of b (cols x depth, row-major, ld).
LOAM_INLINE void pack_panel_columns(float* to, const float* b, int64_t ld, int64_t depth, int64_t cols) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t k = 0; k < depth; ++k) to[k * kTileCols + c] = b[c * ld + k];
  }
  for (int64_t c = cols; c < kTileCols; ++c) {
    for (int64_t k = 0; k < depth; ++k) to[k * kTileCols + c] = 0.0f;
  }
}

}  // namespace loam::cpu::LOAM_ISA
