#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/product.h"

namespace loam::cpu::LOAM_ISA {
namespace {

/// y = x w' for a few rows: packing w would cost as much as the product, so each output is a dot product in place.
void few_rows(Mat y, ConstMat x, ConstMat w, const Epilogue& then) {
  constexpr int64_t kOutputs = 4;
  parallel_chunks(w.rows, max_of(kOutputs, 65536 / (w.cols + 1) / kOutputs * kOutputs), [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < x.rows; ++row) {
      const float* a = x.data + row * x.ld;
      for (int64_t o = begin; o < end; o += kOutputs) {
        const int64_t n = min_of(kOutputs, end - o);
        vf acc[kOutputs] = {};
        const float* b[kOutputs];
        for (int64_t i = 0; i < kOutputs; ++i) b[i] = w.data + (o + min_of(i, n - 1)) * w.ld;
        int64_t k = 0;
        for (; k + kWidth <= x.cols; k += kWidth) {
          const vf v = load(a + k);
          for (int64_t i = 0; i < kOutputs; ++i) acc[i] += v * load(b[i] + k);
        }
        if (k < x.cols) {
          const vf v = load_first(a + k, x.cols - k);
          for (int64_t i = 0; i < kOutputs; ++i) acc[i] += v * load_first(b[i] + k, x.cols - k);
        }
        vf sums = {};
        for (int64_t i = 0; i < n; ++i) sums[i] = sum(acc[i]);
        write_vector(y, sums, row, o, n, false, true, then);
      }
    }
  });
}

}  // namespace

void Matmul::nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const {
  LOAM_ASSERT(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows);
  if (x.rows <= 3) return few_rows(y, x, w, then);
  product<Walk::rows>(y, x.rows, w.rows, x.cols, {x.data, x.ld}, {w.data, w.ld, true}, false, then);
}

void Matmul::nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const {
  LOAM_ASSERT(x.cols == w.rows && y.rows == x.rows && y.cols == w.cols);
  product<Walk::rows>(y, x.rows, w.cols, x.cols, {x.data, x.ld}, {w.data, w.ld, false}, false, then);
}

void Matmul::tn_add(Mat y, ConstMat a, ConstMat b) const {
  LOAM_ASSERT(a.rows == b.rows && y.rows == a.cols && y.cols == b.cols);
  product<Walk::columns>(y, a.cols, b.cols, a.rows, {a.data, a.ld}, {b.data, b.ld, false}, true);
}

void Matmul::nt_symmetric(Mat y, ConstMat x, ConstMat w) const {
  LOAM_ASSERT(x.cols == w.cols && x.rows == w.rows && y.rows == x.rows && y.cols == y.rows);
  const int64_t n = y.rows, depth = x.cols;
  float* packed = scratch(kPackedSlot, packed_size(depth, n));
  pack(packed, {w.data, w.ld, true}, depth, 0, n);
  parallel_for((n + kTileCols - 1) / kTileCols, [&](int64_t panel) {
    const int64_t first = panel * kTileCols, last = min_of(first + kTileCols, n);
    for (int64_t k0 = 0; k0 < depth; k0 += kDepth) {
      const int64_t part = min_of(kDepth, depth - k0);
      multiply_block<Walk::rows>(y, {x.data + k0, x.ld}, packed + packed_size(k0, n), part, first, n, panel, panel + 1, 0, n, k0 > 0, k0 + part == depth, {});
    }
    for (int64_t row = first; row < n; ++row) {
      for (int64_t col = first; col < min_of(row, last); ++col) y.data[col * y.ld + row] = y.data[row * y.ld + col];
    }
  });
}

void Matmul::sum_rows_add(Vec y, ConstMat x) const {
  constexpr int64_t kVectors = 8;  // columns that a task takes: long stretches of each row
  const int64_t vectors = max_of(1, min_of(kVectors, x.cols / (kWidth * threads())));
  parallel_chunks(x.cols, vectors * kWidth, [&](int64_t begin, int64_t end) {
    if (end - begin == kVectors * kWidth) {
      vf total[kVectors] = {};
      for (int64_t row = 0; row < x.rows; ++row) {
        const float* at = x.data + row * x.ld + begin;
#pragma GCC unroll 8
        for (int64_t i = 0; i < kVectors; ++i) total[i] += load(at + i * kWidth);
      }
      for (int64_t i = 0; i < kVectors; ++i) {
        float* to = y.data + begin + i * kWidth;
        store(to, load(to) + total[i]);
      }
      return;
    }
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      const float* at = x.data + begin + i;
      vf total = {};
      for (int64_t row = 0; row < x.rows; ++row) total += load_some(at + row * x.ld, n);
      float* to = y.data + begin + i;
      store_some(to, load_some(to, n) + total, n);
    });
  });
}

}  // namespace loam::cpu::LOAM_ISA
