// Products with weights in blocks (q8_0, q4_0, q4_k, q6_k): whole numbers with whole numbers, a block's sum exact, scaled and added.
//
// Weights are kept without a sign, plus 128, 32 or 8, as the instructions want one factor; so much times the block's sum of
// activations is what a sum begins at, below zero. q4_k's minima want that sum itself.
#include "loam/kernels/cpu/halves.h"
#include "loam/kernels/cpu/product.h"
#include "loam/kernels/cpu/stored.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int kParts = kPanelRows / kWidth;  // vectors of a panel's width
constexpr int kQuads = 8;                    // quads of a block

#if defined(__AVX512F__)
constexpr int kTilePanels = 2, kRows = 6;  // 12 sums of floats, 12 of whole numbers, weights and scales: of 32 registers
#else
constexpr int kTilePanels = 1, kRows = 2;
#endif

typedef int32_t vi_unaligned __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));
LOAM_INLINE vi load_bytes(const uint8_t* p) { return *reinterpret_cast<const vi_unaligned*>(p); }
LOAM_INLINE vi splat_int(int32_t x) { return x - vi{}; }
LOAM_INLINE int32_t quad_at(const int8_t* p) {
  int32_t x;
  std::memcpy(&x, p, 4);
  return x;
}

/// sum += the four products of each lane: bytes of w without a sign, of x with one.
template <bool kDots>
LOAM_INLINE void add_products(vi& sum, vi w, vi x) {
  if constexpr (kDots) {
#if defined(__AVX512F__)
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
#elif defined(__AVX2__)
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(w), "x"(x));
#endif
  } else {
    // Even and odd bytes as numbers of 16 bits, whose products do not overflow in pairs.
#if defined(__AVX512F__)
    const __m512i a = (__m512i)w, b = (__m512i)x;
    const __m512i even = _mm512_madd_epi16(_mm512_and_si512(a, _mm512_set1_epi16(255)), _mm512_srai_epi16(_mm512_slli_epi16(b, 8), 8));
    const __m512i odd = _mm512_madd_epi16(_mm512_srli_epi16(a, 8), _mm512_srai_epi16(b, 8));
    sum += (vi)_mm512_add_epi32(even, odd);
#elif defined(__AVX2__)
    const __m256i a = (__m256i)w, b = (__m256i)x;
    const __m256i even = _mm256_madd_epi16(_mm256_and_si256(a, _mm256_set1_epi16(255)), _mm256_srai_epi16(_mm256_slli_epi16(b, 8), 8));
    const __m256i odd = _mm256_madd_epi16(_mm256_srli_epi16(a, 8), _mm256_srai_epi16(b, 8));
    sum += (vi)_mm256_add_epi32(even, odd);
#else
    for (int k = 0; k < 4; ++k) sum += ((w >> (8 * k)) & 255) * ((x << (24 - 8 * k)) >> 24);
#endif
  }
}

LOAM_INLINE vi to_nearest(vf x) {
#if defined(__AVX512F__)
  return (vi)_mm512_cvtps_epi32((__m512)x);
#elif defined(__AVX2__)
  return (vi)_mm256_cvtps_epi32((__m256)x);
#else
  vi out;
  for (int i = 0; i < kWidth; ++i) out[i] = static_cast<int32_t>(__builtin_nearbyintf(x[i]));
  return out;
#endif
}

LOAM_INLINE vf to_float(vi x) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtepi32_ps((__m512i)x);
#elif defined(__AVX2__)
  return (vf)_mm256_cvtepi32_ps((__m256i)x);
#else
  return __builtin_convertvector(x, vf);
#endif
}

/// x to the nearest number that a half holds, ties to even; below 2^-14 in steps of 2^-24.
LOAM_INLINE float to_half_and_back(float x) {
  if (x < 0x1.0p-14f) return (x + 0.5f) - 0.5f;  // 0.5's last place is 2^-24
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  bits = (bits + 0xfffu + ((bits >> 13) & 1u)) & ~0x1fffu;
  std::memcpy(&x, &bits, 4);
  return x;
}

/// What scales a block's sums: one half for each row of weights, a scale and a minimum, or a scale for each half.
enum class Scaling { half, line, halves };

/// Rows of activations as whole numbers with their scales, and what the sums begin at: of a block and 0, or, with
/// Scaling::halves, of both its halves.
struct Activations {
  const int8_t* q;       // (N, cols)
  const float* scale;    // (N, blocks)
  const int32_t* start;  // (N, blocks, 2)
  int64_t cols, blocks;
};

/// Whole numbers to bytes.
LOAM_INLINE void store_bytes(int8_t* to, vi x) {
#if defined(__AVX512F__)
  _mm_storeu_si128(reinterpret_cast<__m128i*>(to), _mm512_cvtepi32_epi8((__m512i)x));
#else
  for (int i = 0; i < kWidth; ++i) to[i] = static_cast<int8_t>(x[i]);
#endif
}

LOAM_INLINE int32_t sum_of(vi x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_epi32((__m512i)x);
#else
  int32_t total = 0;
  for (int i = 0; i < kWidth; ++i) total += x[i];
  return total;
#endif
}

LOAM_INLINE float largest(vf x) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_ps((__m512)x);
#else
  return highest(x);
#endif
}

/// The largest magnitude of `blocks` blocks.
LOAM_INLINE float largest_magnitude(const float* x, int64_t blocks) {
  vf most = {};
  for (int64_t v = 0; v < blocks * kBlock / kWidth; ++v) {
    const vf value = load(x + v * kWidth);
    most = vmax(most, vmax(value, -value));
  }
  return largest(most);
}

LOAM_INLINE void quantise(const float* x, float inverse, int8_t* q, int32_t* start, int32_t offset, bool halves) {
  constexpr int kVectors = static_cast<int>(kBlock) / kWidth;
  vi total[2] = {};
  for (int v = 0; v < kVectors; ++v) {
    const vi n = to_nearest(load(x + v * kWidth) * inverse);
    total[v / (kVectors / 2)] += n;
    store_bytes(q + v * kWidth, n);
  }
  start[0] = -offset * sum_of(halves ? total[0] : total[0] + total[1]);
  start[1] = halves ? -offset * sum_of(total[1]) : 0;
}

/// As quantise_block() has it: a scale for `shared` blocks, 1 or those of a super-block.
Activations quantise_rows(ConstMat x, int32_t offset, bool halves, int64_t shared) {
  const int64_t blocks = x.cols / kBlock;
  float* scale = scratch(kPackedSlot, x.rows * (3 * blocks + x.cols / 4));
  auto* start = reinterpret_cast<int32_t*>(scale + x.rows * blocks);
  auto* q = reinterpret_cast<int8_t*>(start + 2 * x.rows * blocks);
  parallel_chunks(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      float inverse = 0, by = 0;
      for (int64_t b = 0; b < blocks; ++b) {
        const float* at = x.data + n * x.ld + b * kBlock;
        if (b % shared == 0) {
          const float m = largest_magnitude(at, shared);
          inverse = m > 0.0f ? 127.0f / m : 0.0f;
          by = shared == 1 ? to_half_and_back(m / 127.0f) : m > 0.0f ? 1.0f / inverse : 0.0f;
        }
        scale[n * blocks + b] = by;
        quantise(at, inverse, q + n * x.cols + b * kBlock, start + 2 * (n * blocks + b), offset, halves);
      }
    }
  });
  return {q, scale, start, x.cols, blocks};
}

/// Where a tile's panels are: `stride` bytes, and `scale_stride` scales, from one to the next.
struct Panels {
  const uint8_t* numbers;
  const uint16_t* scales;
  const float* factors;
  int64_t stride, scale_stride, factor_stride;
};

/// Sums of rows [row, row + kR) with kP panels. kNibbles: two numbers a byte, taken apart on the way.
template <int kR, int kP, bool kNibbles, bool kDots, Scaling kScaling>
LOAM_INLINE void multiply_blocks(vf (&acc)[kR][kP * kParts], const Activations& a, int64_t row, const Panels& w) {
  constexpr int kV = kP * kParts;
  constexpr int64_t kBlockBytes = kNibbles ? kPanelRows * kBlock / 2 : kPanelRows * kBlock;
  const int8_t* q = a.q + row * a.cols;
  const float* scale = a.scale + row * a.blocks;
  const int32_t* start = a.start + 2 * row * a.blocks;
  constexpr int kSteps = kNibbles ? kQuads / 2 : kQuads, kSums = kScaling == Scaling::halves ? 2 : 1;
  for (int64_t b = 0; b < a.blocks; ++b, q += kBlock) {
    const uint8_t* at = w.numbers + b * kBlockBytes;
#pragma GCC unroll 2
    for (int half = 0; half < kSums; ++half) {
      vi sums[kR][kV];
#pragma GCC unroll 16
      for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 16
        for (int v = 0; v < kV; ++v) sums[r][v] = kScaling == Scaling::line ? vi{} : splat_int(start[2 * (r * a.blocks + b) + half]);
      }
#pragma GCC unroll 8
      for (int i = half * kSteps / kSums; i < (half + 1) * kSteps / kSums; ++i) {
        vi low[kV], high[kV];
#pragma GCC unroll 16
        for (int v = 0; v < kV; ++v) {
          low[v] = load_bytes(at + (v / kParts) * w.stride + (i * kParts + v % kParts) * kWidth * 4);
          if constexpr (kNibbles) {
            high[v] = (low[v] >> 4) & 0x0f0f0f0f;
            low[v] &= 0x0f0f0f0f;
          }
        }
#pragma GCC unroll 16
        for (int r = 0; r < kR; ++r) {
          const vi x = splat_int(quad_at(q + r * a.cols + 4 * i));
#pragma GCC unroll 16
          for (int v = 0; v < kV; ++v) add_products<kDots>(sums[r][v], low[v], x);
          if constexpr (kNibbles) {
            const vi y = splat_int(quad_at(q + r * a.cols + 16 + 4 * i));
#pragma GCC unroll 16
            for (int v = 0; v < kV; ++v) add_products<kDots>(sums[r][v], high[v], y);
          }
        }
      }
#pragma GCC unroll 16
      for (int v = 0; v < kV; ++v) {
        const int64_t lane = (v % kParts) * kWidth;
        if constexpr (kScaling == Scaling::half) {
          const vf by = widen_halves(w.scales + (v / kParts) * w.scale_stride + b * kPanelRows + lane);
#pragma GCC unroll 16
          for (int r = 0; r < kR; ++r) acc[r][v] += to_float(sums[r][v]) * (by * scale[r * a.blocks + b]);
        } else {
          const float* factors = w.factors + (v / kParts) * w.factor_stride + 2 * b * kPanelRows + lane;
          const vf by = load(factors + half * kPanelRows);
#pragma GCC unroll 16
          for (int r = 0; r < kR; ++r) {
            acc[r][v] += to_float(sums[r][v]) * (by * scale[r * a.blocks + b]);
            if constexpr (kScaling == Scaling::line) {
              acc[r][v] += load(factors + kPanelRows) * (static_cast<float>(start[2 * (r * a.blocks + b)]) * scale[r * a.blocks + b]);
            }
          }
        }
      }
    }
  }
}

/// The numbers of panels of nibbles, a byte each.
LOAM_INLINE void take_apart(uint8_t* to, const uint8_t* from, int64_t blocks) {
  constexpr int64_t kQuadBytes = 4 * kPanelRows;
  for (int64_t b = 0; b < blocks; ++b, to += kQuads * kQuadBytes) {
    for (int64_t i = 0; i < kQuads / 2; ++i, from += kQuadBytes) {
      for (int64_t j = 0; j < kQuadBytes; j += kWidth * 4) {
        const vi both = load_bytes(from + j);
        *reinterpret_cast<vi_unaligned*>(to + i * kQuadBytes + j) = both & 0x0f0f0f0f;
        *reinterpret_cast<vi_unaligned*>(to + (i + kQuads / 2) * kQuadBytes + j) = (both >> 4) & 0x0f0f0f0f;
      }
    }
  }
}

template <int kR, int kP, bool kNibbles, bool kDots, Scaling kScaling>
LOAM_INLINE void tile(Mat y, const Activations& a, int64_t row, const Panels& w, int64_t panel, int64_t outputs, const Epilogue& then) {
  vf acc[kR][kP * kParts] = {};
  multiply_blocks<kR, kP, kNibbles, kDots, kScaling>(acc, a, row, w);
  vf sums[kR * kP * kParts];  // through memory: what follows is then one piece of code, not one for each register
#pragma GCC unroll 16
  for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kP * kParts; ++v) sums[r * kP * kParts + v] = acc[r][v];
  }
  for (int r = 0; r < kR; ++r) {
    for (int v = 0; v < kP * kParts; ++v) {
      const int64_t col = panel * kPanelRows + v * kWidth, n = min_of(kWidth, outputs - col);
      if (n > 0) write_vector(y, sums[r * kP * kParts + v], row + r, col, n, false, true, then);
    }
  }
}

/// Rows [r0, r1) with the panels [p, p + kP).
template <int kP, bool kNibbles, bool kDots, Scaling kScaling>
void rows_of(Mat y, const Activations& a, int64_t r0, int64_t r1, const Panels& w, int64_t panel, int64_t outputs, const Epilogue& then) {
  int64_t row = r0;
  for (; row + kRows <= r1; row += kRows) tile<kRows, kP, kNibbles, kDots, kScaling>(y, a, row, w, panel, outputs, then);
  for (; row < r1; ++row) tile<1, kP, kNibbles, kDots, kScaling>(y, a, row, w, panel, outputs, then);
}

/// y = x w' for one way of scaling; `offset`: what is added to the weights.
template <bool kNibbles, bool kDots, Scaling kScaling>
void product_of(Mat y, ConstMat x, const StoredMat& w, int32_t offset, const Epilogue& then) {
  const Activations a = quantise_rows(x, offset, kScaling == Scaling::halves, in_super_blocks(w.type) ? kSuperBlock / kBlock : 1);
  const int64_t stride = panel_bytes(w.type, w.cols), scale_stride = w.blocks() * kPanelRows, factor_stride = 2 * scale_stride;
  const auto* numbers = reinterpret_cast<const uint8_t*>(w.numbers);
  const auto at = [&](int64_t panel) {
    Panels panels{numbers + panel * stride, nullptr, nullptr, stride, scale_stride, factor_stride};
    if constexpr (kScaling == Scaling::half) {
      panels.scales = w.scales + panel * scale_stride;
    } else {
      panels.factors = w.factors + panel * factor_stride;
    }
    return panels;
  };
  if (x.rows < 2 * kRows) {
    parallel_chunks(w.panels(), max_of(1, 65536 / stride), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) rows_of<1, kNibbles, kDots, kScaling>(y, a, 0, x.rows, at(p), p, w.rows, then);
    });
    return;
  }
  const int64_t groups = (w.panels() + kTilePanels - 1) / kTilePanels;
  // Where one task a group would leave threads without work, rows are cut too.
  const int64_t cuts = min_of((x.rows + kRows - 1) / kRows, max_of(1, 4 * threads() / groups));
  const int64_t piece = round_up((x.rows + cuts - 1) / cuts, kRows), pieces = (x.rows + piece - 1) / piece;
  const int64_t whole = kPanelRows * w.cols;  // bytes of a panel, a byte a number
  parallel_for(groups * pieces, [&](int64_t task) {
    const int64_t p = task / pieces * kTilePanels, r0 = task % pieces * piece, r1 = min_of(r0 + piece, x.rows);
    const int64_t n = min_of(kTilePanels, w.panels() - p);
    Panels panels = at(p);
    if constexpr (kNibbles) {
      auto* apart = reinterpret_cast<uint8_t*>(scratch(kTaskSlot, kTilePanels * whole / 4));
      for (int64_t i = 0; i < n; ++i) take_apart(apart + i * whole, panels.numbers + i * stride, w.blocks());
      panels.numbers = apart;
      panels.stride = whole;
    }
    if (n == kTilePanels) {
      rows_of<kTilePanels, false, kDots, kScaling>(y, a, r0, r1, panels, p, w.rows, then);
    } else {
      rows_of<1, false, kDots, kScaling>(y, a, r0, r1, panels, p, w.rows, then);
    }
  });
}

}  // namespace

template <bool kDots>
void nt_blocks(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) {
  switch (w.type) {
    case NumberType::q8_0: return product_of<false, kDots, Scaling::half>(y, x, w, 128, then);
    case NumberType::q4_0: return product_of<true, kDots, Scaling::half>(y, x, w, 8, then);
    case NumberType::q4_k: return product_of<true, kDots, Scaling::line>(y, x, w, 1, then);
    case NumberType::q6_k: return product_of<false, kDots, Scaling::halves>(y, x, w, 32, then);
    default: fail(ErrorKind::internal, "a product in blocks with numbers that have none");
  }
}

template void nt_blocks<false>(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);
#if defined(__AVX2__)
template void nt_blocks<true>(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);
#endif

}  // namespace loam::cpu::LOAM_ISA
