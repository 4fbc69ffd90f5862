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
    constexpr int64_t kAhead = 32;
    const float* at = a.p;
    for (int64_t k = 0; k < depth; ++k, at += a.stride, b += kTileCols) {
      const vf b0 = load(b), b1 = load(b + kWidth);
      __builtin_prefetch(at + kAhead * a.stride);
      __builtin_prefetch(at + kAhead * a.stride + kRows - 1);
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

/// Cuts rows [begin, end) into tiles and calls f.template operator()<R>(row) for each: R is kTileRows, then kSomeRows, then
/// 1 (few sizes: each one is a copy of the code). How rows are cut changes no sum.
constexpr int kSomeRows = kTileRows / 3;
template <class F>
LOAM_INLINE void each_tile(int64_t begin, int64_t end, F&& f) {
  int64_t row = begin;
  for (; row + kTileRows <= end; row += kTileRows) f.template operator()<kTileRows>(row);
  for (; row + kSomeRows <= end; row += kSomeRows) f.template operator()<kSomeRows>(row);
  for (; row < end; ++row) f.template operator()<1>(row);
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

/// rows[i][j] becomes rows[j][i], in log2(kWidth) rounds of exchanges between rows 1, 2, 4... apart.
LOAM_INLINE void transpose(vf (&rows)[kWidth]) {
  auto exchange = [&]<int kApart>() __attribute__((always_inline)) {
    vi low, high;  // lanes of the pair (a, b): a's are 0..kWidth-1, b's follow
    for (int j = 0; j < kWidth; ++j) {
      low[j] = (j & kApart) == 0 ? j : kWidth + j - kApart;
      high[j] = (j & kApart) == 0 ? j + kApart : kWidth + j;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kWidth; ++i) {
      if ((i & kApart) != 0) continue;
      const vf a = rows[i], b = rows[i + kApart];
      rows[i] = shuffle(a, b, low);
      rows[i + kApart] = shuffle(a, b, high);
    }
  };
  exchange.template operator()<1>();
  exchange.template operator()<2>();
  if constexpr (kWidth > 4) exchange.template operator()<4>();
  if constexpr (kWidth > 8) exchange.template operator()<8>();
}

/// Packs the transpose: column c of the panel is row c of b (cols x depth, row-major, ld).
LOAM_INLINE void pack_panel_columns(float* to, const float* b, int64_t ld, int64_t depth, int64_t cols) {
  for (int64_t half = 0; half < kTileCols; half += kWidth) {
    const int64_t wide = cols - half < kWidth ? cols - half : kWidth;
    int64_t k = 0;
    if (wide == kWidth) {
      for (; k + kWidth <= depth; k += kWidth) {
        vf rows[kWidth];
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) rows[c] = load(b + (half + c) * ld + k);
        transpose(rows);
#pragma GCC unroll 16
        for (int c = 0; c < kWidth; ++c) store(to + (k + c) * kTileCols + half, rows[c]);
      }
    }
    for (; k < depth; ++k) {
      for (int64_t c = 0; c < kWidth; ++c) to[k * kTileCols + half + c] = c < wide ? b[(half + c) * ld + k] : 0.0f;
    }
  }
}

}  // namespace loam::cpu::LOAM_ISA
