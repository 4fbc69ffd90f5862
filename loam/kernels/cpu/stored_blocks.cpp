// Products with weights in blocks (q8_0, q4_0): whole numbers with whole numbers, a block's sum exact, scaled and added.
//
// Weights are kept without a sign, plus 128 or 8, as the instructions want one factor; so much times the block's sum of
// activations is what a sum begins at, below zero.
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

LOAM_INLINE vf widen_scales(const uint16_t* p) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (vf)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#else
  vf x;
  for (int i = 0; i < kWidth; ++i) {
    const uint32_t bits = (p[i] & 0x7fffu) << 13;
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude *= 0x1.0p112f;
    x[i] = (p[i] & 0x8000u) != 0 ? -magnitude : magnitude;
  }
  return x;
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

/// Rows of activations as whole numbers with their scales, and what each block's sums begin at.
struct Activations {
  const int8_t* q;       // (N, cols)
  const float* scale;    // (N, blocks)
  const int32_t* start;  // (N, blocks)
  int64_t cols, blocks;
};

LOAM_INLINE void quantise(const float* x, int8_t* q, float* scale, int32_t* start, int32_t offset) {
  constexpr int kVectors = static_cast<int>(kBlock) / kWidth;
  vf values[kVectors], most = {};
  for (int v = 0; v < kVectors; ++v) {
    values[v] = load(x + v * kWidth);
    most = vmax(most, vmax(values[v], -values[v]));
  }
  const float m = highest(most);
  *scale = to_half_and_back(m / 127.0f);
  const float inverse = m > 0.0f ? 127.0f / m : 0.0f;
  vi total = {};
  int32_t whole[kBlock];
  for (int v = 0; v < kVectors; ++v) {
    const vi n = to_nearest(values[v] * inverse);
    total += n;
    *reinterpret_cast<vi_unaligned*>(whole + v * kWidth) = n;
  }
  for (int64_t j = 0; j < kBlock; ++j) q[j] = static_cast<int8_t>(whole[j]);
  int32_t sum_of_q = 0;
  for (int i = 0; i < kWidth; ++i) sum_of_q += total[i];
  *start = -offset * sum_of_q;
}

Activations quantise_rows(ConstMat x, int32_t offset) {
  const int64_t blocks = x.cols / kBlock;
  float* scale = scratch(kPackedSlot, x.rows * (2 * blocks + x.cols / 4));
  auto* start = reinterpret_cast<int32_t*>(scale + x.rows * blocks);
  auto* q = reinterpret_cast<int8_t*>(start + x.rows * blocks);
  parallel_chunks(x.rows, 8, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      for (int64_t b = 0; b < blocks; ++b) {
        quantise(x.data + n * x.ld + b * kBlock, q + n * x.cols + b * kBlock, scale + n * blocks + b, start + n * blocks + b, offset);
      }
    }
  });
  return {q, scale, start, x.cols, blocks};
}

/// Where a tile's panels are: `stride` bytes, and `scale_stride` scales, from one to the next.
struct Panels {
  const uint8_t* numbers;
  const uint16_t* scales;
  int64_t stride, scale_stride;
};

/// Sums of rows [row, row + kR) with kP panels. kNibbles: two numbers a byte, taken apart on the way.
template <int kR, int kP, bool kNibbles, bool kDots>
LOAM_INLINE void multiply_blocks(vf (&acc)[kR][kP * kParts], const Activations& a, int64_t row, const Panels& w) {
  constexpr int kV = kP * kParts;
  constexpr int64_t kBlockBytes = kNibbles ? kPanelRows * kBlock / 2 : kPanelRows * kBlock;
  const int8_t* q = a.q + row * a.cols;
  const float* scale = a.scale + row * a.blocks;
  const int32_t* start = a.start + row * a.blocks;
  for (int64_t b = 0; b < a.blocks; ++b, q += kBlock) {
    vi sums[kR][kV];
#pragma GCC unroll 16
    for (int r = 0; r < kR; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < kV; ++v) sums[r][v] = splat_int(start[r * a.blocks + b]);
    }
    const uint8_t* at = w.numbers + b * kBlockBytes;
#pragma GCC unroll 8
    for (int i = 0; i < (kNibbles ? kQuads / 2 : kQuads); ++i) {
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
      const vf by = widen_scales(w.scales + (v / kParts) * w.scale_stride + b * kPanelRows + (v % kParts) * kWidth);
#pragma GCC unroll 16
      for (int r = 0; r < kR; ++r) acc[r][v] += to_float(sums[r][v]) * (by * scale[r * a.blocks + b]);
    }
  }
}

/// The numbers of q4_0 panels, a byte each.
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

template <int kR, int kP, bool kNibbles, bool kDots>
LOAM_INLINE void tile(Mat y, const Activations& a, int64_t row, const Panels& w, int64_t panel, int64_t outputs, const Epilogue& then) {
  vf acc[kR][kP * kParts] = {};
  multiply_blocks<kR, kP, kNibbles, kDots>(acc, a, row, w);
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
template <int kP, bool kNibbles, bool kDots>
void rows_of(Mat y, const Activations& a, int64_t r0, int64_t r1, const Panels& w, int64_t panel, int64_t outputs, const Epilogue& then) {
  int64_t row = r0;
  for (; row + kRows <= r1; row += kRows) tile<kRows, kP, kNibbles, kDots>(y, a, row, w, panel, outputs, then);
  for (; row < r1; ++row) tile<1, kP, kNibbles, kDots>(y, a, row, w, panel, outputs, then);
}

}  // namespace

template <bool kDots>
void nt_blocks(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) {
  const bool nibbles = w.type == NumberType::q4_0;
  const Activations a = quantise_rows(x, nibbles ? 8 : 128);
  const int64_t stride = panel_bytes(w.type, w.cols), scale_stride = w.blocks() * kPanelRows;
  const auto* numbers = reinterpret_cast<const uint8_t*>(w.numbers);
  const auto at = [&](int64_t panel) { return Panels{numbers + panel * stride, w.scales + panel * scale_stride, stride, scale_stride}; };
  if (x.rows < 2 * kRows) {
    parallel_chunks(w.panels(), max_of(1, 65536 / stride), [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        if (nibbles) {
          rows_of<1, true, kDots>(y, a, 0, x.rows, at(p), p, w.rows, then);
        } else {
          rows_of<1, false, kDots>(y, a, 0, x.rows, at(p), p, w.rows, then);
        }
      }
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
    if (nibbles) {
      auto* apart = reinterpret_cast<uint8_t*>(scratch(kTaskSlot, kTilePanels * whole / 4));
      for (int64_t i = 0; i < n; ++i) take_apart(apart + i * whole, panels.numbers + i * stride, w.blocks());
      panels.numbers = apart;
      panels.stride = whole;
    }
    if (n == kTilePanels) {
      rows_of<kTilePanels, false, kDots>(y, a, r0, r1, panels, p, w.rows, then);
    } else {
      rows_of<1, false, kDots>(y, a, r0, r1, panels, p, w.rows, then);
    }
  });
}

template void nt_blocks<false>(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);
#if defined(__AVX2__)
template void nt_blocks<true>(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);
#endif

}  // namespace loam::cpu::LOAM_ISA
