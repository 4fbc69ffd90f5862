// Whole matrix products from tiles: packing, the split into tasks, what is fused behind.
#pragma once

#include "loam/base/threads.h"
#include "loam/kernels/cpu/scratch.h"
#include "loam/kernels/cpu/tile.h"
#include "loam/kernels/matmul.h"

namespace loam::cpu::LOAM_ISA {

constexpr int64_t kDepth = 384;    // sums are cut here: a packed panel then stays in the nearest caches
constexpr int64_t kFewRows = 32 * kTileRows;  // so many rows of a first factor stay in a core's own cache
constexpr int64_t kPackedFloats = 2 << 20;  // and the packed block (8 MiB) in the last one

/// The second factor as it stands in memory: (depth, cols), or its transpose (cols, depth).
struct Right {
  const float* p;
  int64_t ld;
  bool transposed;
};

LOAM_INLINE int64_t packed_size(int64_t depth, int64_t cols) { return depth * round_up(cols, kTileCols); }

/// Packs columns [c, c + width) of rows [k0, k0 + depth) of b as one panel.
LOAM_INLINE void pack_panel(float* to, Right b, int64_t k0, int64_t depth, int64_t c, int64_t width) {
  if (b.transposed) {
    pack_panel_columns(to, b.p + c * b.ld + k0, b.ld, depth, width);
  } else {
    pack_panel_rows(to, b.p + k0 * b.ld + c, b.ld, depth, width);
  }
}

/// Packs columns [c0, c0 + cols) of b, depth rows: for each part of kDepth rows its panels one after the other. Part k0
/// begins at packed_size(k0, cols).
inline void pack(float* to, Right b, int64_t depth, int64_t c0, int64_t cols) {
  const int64_t panels = (cols + kTileCols - 1) / kTileCols, parts = (depth + kDepth - 1) / kDepth;
  const int64_t grain = max_of(1, 16384 / (min_of(depth, kDepth) * kTileCols));
  const int64_t pieces = (panels + grain - 1) / grain;
  parallel_for(parts * pieces, [&](int64_t task) {
    const int64_t k0 = task / pieces * kDepth, part = min_of(kDepth, depth - k0), first = task % pieces * grain;
    for (int64_t panel = first; panel < min_of(first + grain, panels); ++panel) {
      const int64_t c = c0 + panel * kTileCols, width = min_of(kTileCols, c0 + cols - c);
      pack_panel(to + packed_size(k0, cols) + panel * part * kTileCols, b, k0, part, c, width);
    }
  });
}

/// gelu(x) = x * sigmoid(2u), u = sqrt(2/pi) (x + 0.044715 x^3): the same as x/2 (1 + tanh u).
LOAM_INLINE vf gelu_sigmoid(vf x) {
  const vf u2 = x * (1.5957691216f + 0.0713548162726f * x * x);
  return 1.0f / (1.0f + vexp(-u2));
}
LOAM_INLINE vf above_zero(vf x) { return x < 0.0f ? vf{} : x; }  // NaN stays
LOAM_INLINE vf gelu_value(vf x) { return x * gelu_sigmoid(x); }
LOAM_INLINE vf gelu_slope(vf x) {
  const vf s = gelu_sigmoid(x);
  return s + x * s * (1.0f - s) * (1.5957691216f + 3.0f * 0.0713548162726f * x * x);
}

/// The activation of a finished sum, or its gradient: returns what y gets and writes the rest.
template <Activation kActivation, bool kBackward>
LOAM_INLINE vf activate(vf sum, int64_t row, int64_t col, int64_t n, const Epilogue& then) {
  auto there = [&](ConstMat m) __attribute__((always_inline)) { return load_some(m.data + row * m.ld + col, n); };
  auto keep = [&](Mat m, vf x) __attribute__((always_inline)) { store_some(m.data + row * m.ld + col, x, n); };
  if constexpr (kActivation == Activation::gelu) {
    if constexpr (kBackward) return sum * gelu_slope(there(then.gradient_at));
    keep(then.activated, gelu_value(sum));
  } else if constexpr (kActivation == Activation::squared_relu) {
    if constexpr (kBackward) return 2.0f * above_zero(there(then.gradient_at)) * sum;
    keep(then.activated, above_zero(sum) * above_zero(sum));
  } else if constexpr (kActivation == Activation::swiglu) {
    const vf gate = there(then.gate), s = 1.0f / (1.0f + vexp(-gate));
    if constexpr (kBackward) {
      keep(then.gate_gradient, sum * there(then.gradient_at) * s * (1.0f + gate * (1.0f - s)));
      return sum * gate * s;
    }
    keep(then.activated, gate * s * sum);
  }
  return sum;
}

/// Writes one vector of a finished (`last`) or partial sum at (row, col), with what follows it.
template <Activation kActivation, bool kBackward>
LOAM_INLINE void write_as(Mat y, vf sum, int64_t row, int64_t col, int64_t n, bool add, bool last, const Epilogue& then) {
  float* at = y.data + row * y.ld + col;
  if (add) sum += load_some(at, n);
  if (last) {
    if (then.bias.data != nullptr) sum += load_some(then.bias.data + col, n);
    if (then.residual.data != nullptr) sum += load_some(then.residual.data + row * then.residual.ld + col, n);
    sum = activate<kActivation, kBackward>(sum, row, col, n, then);
  }
  store_some(at, sum, n);
}

/// The same for a tile: rows x 2 vectors, n0 and n1 floats of them. Code of its own for each activation: a test a vector of
/// what follows cost 2 to 5 % of a training step.
template <Activation kActivation, bool kBackward>
__attribute__((noinline)) void write_rows_as(Mat y, const vf* sums, int64_t row, int64_t rows, int64_t col, int64_t n0, int64_t n1, bool add, bool last, const Epilogue& then) {
  if (n1 == kWidth) {  // whole vectors, the usual case, without a test a vector
    for (int64_t r = 0; r < rows; ++r) {
      write_as<kActivation, kBackward>(y, sums[2 * r], row + r, col, kWidth, add, last, then);
      write_as<kActivation, kBackward>(y, sums[2 * r + 1], row + r, col + kWidth, kWidth, add, last, then);
    }
    return;
  }
  for (int64_t r = 0; r < rows; ++r) {
    write_as<kActivation, kBackward>(y, sums[2 * r], row + r, col, n0, add, last, then);
    if (n1 > 0) write_as<kActivation, kBackward>(y, sums[2 * r + 1], row + r, col + kWidth, n1, add, last, then);
  }
}

LOAM_INLINE void write_rows(Mat y, const vf* sums, int64_t row, int64_t rows, int64_t col, int64_t n0, int64_t n1, bool add, bool last, const Epilogue& then) {
  auto write = [&]<Activation kActivation>() __attribute__((always_inline)) {
    if (then.gradient_at.data != nullptr) return write_rows_as<kActivation, true>(y, sums, row, rows, col, n0, n1, add, last, then);
    write_rows_as<kActivation, false>(y, sums, row, rows, col, n0, n1, add, last, then);
  };
  switch (last ? then.activation : Activation::none) {
    case Activation::none: return write_rows_as<Activation::none, false>(y, sums, row, rows, col, n0, n1, add, last, then);
    case Activation::gelu: return write.template operator()<Activation::gelu>();
    case Activation::squared_relu: return write.template operator()<Activation::squared_relu>();
    case Activation::swiglu: return write.template operator()<Activation::swiglu>();
  }
}

/// One vector, n floats of it.
LOAM_INLINE void write_vector(Mat y, vf sum, int64_t row, int64_t col, int64_t n, bool add, bool last, const Epilogue& then) {
  if (!last || then.activation == Activation::none) return write_as<Activation::none, false>(y, sum, row, col, n, add, last, then);
  const vf sums[2] = {sum, {}};
  write_rows(y, sums, row, 1, col, n, 0, add, last, then);
}

/// The rectangle rows [r0, r1) x panels [p0, p1) of y (+)= a * packed.
template <Walk kWalk>
inline void multiply_block(Mat y, Left a, const float* packed, int64_t depth, int64_t r0, int64_t r1, int64_t p0, int64_t p1,
                           int64_t c0, int64_t cols, bool add, bool last, const Epilogue& then) {
  for (int64_t panel = p0; panel < p1; ++panel) {
    const float* b = packed + panel * depth * kTileCols;
    const int64_t col = panel * kTileCols, width = min_of(kTileCols, cols - col);
    const int64_t n0 = min_of(kWidth, width), n1 = width - n0;
    each_tile(r0, r1, [&]<int kRows>(int64_t row) __attribute__((always_inline)) {
      vf acc[kRows][kTileVectors] = {};
      multiply_tile<kRows, kWalk>(acc, {kWalk == Walk::rows ? a.p + row * a.stride : a.p + row, a.stride}, b, depth);
      vf sums[kRows * kTileVectors];  // through memory: what follows is then one piece of code, not one for each register
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        sums[2 * r] = acc[r][0];
        sums[2 * r + 1] = acc[r][1];
      }
      write_rows(y, sums, row, kRows, c0 + col, n0, n1, add, last, then);
    });
  }
}

/// How a product is cut into tasks: `tiles` tiles of rows by `panels` panels of columns. Large pieces, for a panel is
/// fetched once for all tiles of its task; enough of them that no thread waits long for another. No sum depends on it.
struct Cut {
  int64_t tiles, panels;
};
inline Cut cut(int64_t tiles, int64_t panels, int64_t depth) {
  auto pieces = [](int64_t n, int64_t size) { return (n + size - 1) / size; };
  const int64_t tile_operations = 2 * kTileRows * kTileCols * depth;
  Cut c{min_of(tiles, 16), min_of(panels, 512 / kTileCols)};
  while (pieces(tiles, c.tiles) * pieces(panels, c.panels) < 6 * threads() && c.tiles * c.panels * tile_operations > 1'000'000 && c.tiles * c.panels > 1) {
    int64_t& larger = c.tiles >= c.panels ? c.tiles : c.panels;
    larger = (larger + 1) / 2;
  }
  return c;
}

/// y[:, c0 .. c0+cols) (+)= a * packed (as pack() left it).
template <Walk kWalk>
inline void multiply_packed(Mat y, int64_t rows, Left a, const float* packed, int64_t depth, int64_t c0, int64_t cols, bool add, const Epilogue& then) {
  const int64_t panels = (cols + kTileCols - 1) / kTileCols;
  const Cut size = cut((rows + kTileRows - 1) / kTileRows, panels, depth);
  const int64_t group = size.panels, groups = (panels + group - 1) / group;
  const int64_t block = size.tiles * kTileRows, blocks = (rows + block - 1) / block;
  parallel_for(groups * blocks, [&](int64_t task) {
    const int64_t p0 = task / blocks * group, r0 = task % blocks * block;
    for (int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const int64_t part = min_of(kDepth, depth - k0);
      const Left from{kWalk == Walk::rows ? a.p + k0 : a.p + k0 * a.stride, a.stride};
      multiply_block<kWalk>(y, from, packed + packed_size(k0, cols), part, r0, min_of(r0 + block, rows), p0, min_of(p0 + group, panels), c0, cols, add || k0 > 0,
                            k0 + part == depth, then);
    }
  });
}

/// The same without a packed matrix in memory, for so few rows that one task takes them all: each packs a panel where its
/// own caches hold it and uses it at once.
template <Walk kWalk>
inline void multiply_by_panels(Mat y, int64_t rows, int64_t cols, int64_t depth, Left a, Right b, bool add, const Epilogue& then) {
  parallel_for((cols + kTileCols - 1) / kTileCols, [&](int64_t panel) {
    const int64_t c0 = panel * kTileCols, width = min_of(kTileCols, cols - c0);
    float* packed = scratch(kTaskSlot, kDepth * kTileCols);
    for (int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const int64_t part = min_of(kDepth, depth - k0);
      pack_panel(packed, b, k0, part, c0, width);
      const Left from{kWalk == Walk::rows ? a.p + k0 : a.p + k0 * a.stride, a.stride};
      multiply_block<kWalk>(y, from, packed, part, 0, rows, 0, 1, c0, width, add || k0 > 0, k0 + part == depth, then);
    }
  });
}

/// y (+)= a b: rows x cols sums of `depth` products.
template <Walk kWalk>
inline void product(Mat y, int64_t rows, int64_t cols, int64_t depth, Left a, Right b, bool add, const Epilogue& then = {}) {
  if (rows <= kFewRows && cols > kTileCols * threads()) return multiply_by_panels<kWalk>(y, rows, cols, depth, a, b, add, then);
  // As many columns at once as keep the packed block in the last cache.
  const int64_t at_once = max_of(kTileCols, min_of(cols, kPackedFloats / depth / kTileCols * kTileCols));
  float* packed = scratch(kPackedSlot, packed_size(depth, at_once));
  for (int64_t c0 = 0; c0 < cols; c0 += at_once) {
    const int64_t width = min_of(at_once, cols - c0);
    pack(packed, b, depth, c0, width);
    multiply_packed<kWalk>(y, rows, a, packed, depth, c0, width, add, then);
  }
}

}  // namespace loam::cpu::LOAM_ISA
