// Products with f16 and bf16 weights: widened to floats on the way, whose sums they are.
#include "loam/kernels/cpu/halves.h"
#include "loam/kernels/cpu/product.h"
#include "loam/kernels/cpu/stored.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int kParts = kPanelRows / kWidth;  // vectors of a panel's width

struct Half {
  static LOAM_INLINE vf widen(const uint16_t* p) { return widen_halves(p); }
};

struct Brain {
  static LOAM_INLINE vf widen(const uint16_t* p) {
#if defined(__AVX512F__)
    return (vf)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16);
#elif defined(__AVX2__)
    return (vf)_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))), 16);
#else
    vi x;
    for (int i = 0; i < kWidth; ++i) x[i] = static_cast<int32_t>(static_cast<uint32_t>(p[i]) << 16);
    return reinterpret_cast<vf>(x);
#endif
  }
};

/// One row: the weights are read once and used once, so they go from memory straight into the sums.
template <class Kind>
void one_row(Mat y, const float* x, const StoredMat& w, const Epilogue& then) {
  constexpr int kSums = 4;  // side by side, or each product would wait for the one before
  const auto* numbers = reinterpret_cast<const uint16_t*>(w.numbers);
  parallel_chunks(w.panels(), max_of(1, 65536 / panel_bytes(w.type, w.cols)), [&](int64_t begin, int64_t end) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const uint16_t* at = numbers + panel * w.cols * kPanelRows;
      vf acc[kSums][kParts] = {};
      int64_t k = 0;
      for (; k + kSums <= w.cols; k += kSums, at += kSums * kPanelRows) {
        for (int s = 0; s < kSums; ++s) {
          for (int v = 0; v < kParts; ++v) acc[s][v] += splat(x[k + s]) * Kind::widen(at + s * kPanelRows + v * kWidth);
        }
      }
      for (; k < w.cols; ++k, at += kPanelRows) {
        for (int v = 0; v < kParts; ++v) acc[0][v] += splat(x[k]) * Kind::widen(at + v * kWidth);
      }
      for (int v = 0; v < kParts; ++v) {
        const int64_t col = panel * kPanelRows + v * kWidth, n = min_of(kWidth, w.rows - col);
        if (n > 0) write_vector(y, (acc[0][v] + acc[1][v]) + (acc[2][v] + acc[3][v]), 0, col, n, false, true, then);
      }
    }
  });
}

/// Rows [k0, k0 + depth) of columns [c, c + kTileCols) as a panel of floats; columns past the last are 0.
template <class Kind>
LOAM_INLINE void widen_panel(float* to, const StoredMat& w, int64_t k0, int64_t depth, int64_t c) {
  const auto* numbers = reinterpret_cast<const uint16_t*>(w.numbers);
  for (int64_t v = 0; v < kTileVectors; ++v) {
    const int64_t col = c + v * kWidth, panel = col / kPanelRows;
    const uint16_t* at = numbers + (panel * w.cols + k0) * kPanelRows + col % kPanelRows;
    const bool there = panel < w.panels();
    for (int64_t k = 0; k < depth; ++k, at += kPanelRows) store(to + k * kTileCols + v * kWidth, there ? Kind::widen(at) : vf{});
  }
}

/// Many rows: a panel is widened where the nearest caches hold it, and used for all rows of the task.
template <class Kind>
void many_rows(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) {
  const int64_t panels = (w.rows + kTileCols - 1) / kTileCols, pieces = (x.rows + kFewRows - 1) / kFewRows;
  parallel_for(panels * pieces, [&](int64_t task) {
    const int64_t panel = task / pieces, r0 = task % pieces * kFewRows, r1 = min_of(r0 + kFewRows, x.rows);
    const int64_t c0 = panel * kTileCols, width = min_of(kTileCols, w.rows - c0);
    float* packed = scratch(kTaskSlot, kDepth * kTileCols);
    for (int64_t k0 = 0; k0 < w.cols; k0 += kDepth) {
      const int64_t part = min_of(kDepth, w.cols - k0);
      widen_panel<Kind>(packed, w, k0, part, c0);
      multiply_block<Walk::rows>(y, {x.data + k0, x.ld}, packed, part, r0, r1, 0, 1, c0, width, k0 > 0, k0 + part == w.cols, then);
    }
  });
}

template <class Kind>
void product_of(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) {
  if (x.rows == 1) {
    one_row<Kind>(y, x.data, w, then);
  } else {
    many_rows<Kind>(y, x, w, then);
  }
}

}  // namespace

void nt_halves(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) {
  if (w.type == NumberType::f16) {
    product_of<Half>(y, x, w, then);
  } else {
    product_of<Brain>(y, x, w, then);
  }
}

}  // namespace loam::cpu::LOAM_ISA
