// One vector type per instruction set, for the files of this folder, which are compiled once for each: LOAM_ISA names
// the namespace, the compiler's flags decide the width. Nothing here, nor in any file that includes it, may be an inline
// function outside that namespace: the linker would keep one copy of it for all instruction sets.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LOAM_INLINE inline __attribute__((always_inline))

namespace loam::cpu::LOAM_ISA {

#if defined(__AVX512F__)
constexpr int kWidth = 16;
constexpr int kTileRows = 12;  // 12 rows x 2 vectors of accumulators, of 32 registers
#elif defined(__AVX2__)
constexpr int kWidth = 8;
constexpr int kTileRows = 6;  // 6 x 2 of 16 registers
#elif defined(__aarch64__)
constexpr int kWidth = 4;  // NEON, which every such machine has: the set "generic" there
constexpr int kTileRows = 12;  // 12 x 2 of 32 registers
#else
constexpr int kWidth = 4;
constexpr int kTileRows = 6;
#endif
constexpr int kTileVectors = 2;
constexpr int kTileCols = kTileVectors * kWidth;

typedef float vf __attribute__((vector_size(kWidth * 4)));
typedef int32_t vi __attribute__((vector_size(kWidth * 4)));
typedef float vf_unaligned __attribute__((vector_size(kWidth * 4), aligned(4), may_alias));

LOAM_INLINE vf load(const float* p) { return *reinterpret_cast<const vf_unaligned*>(p); }
LOAM_INLINE void store(float* p, vf x) { *reinterpret_cast<vf_unaligned*>(p) = x; }
LOAM_INLINE vf splat(float x) { return x - vf{}; }  // not + : x + 0 is not x where x is -0, so it would really be added
/// The first n of kWidth lanes, 0 <= n <= kWidth; the others are 0, and are not written.
#if defined(__AVX512F__)
LOAM_INLINE __mmask16 first_lanes(int64_t n) { return static_cast<__mmask16>((1u << n) - 1u); }
LOAM_INLINE vf load_first(const float* p, int64_t n) { return (vf)_mm512_maskz_loadu_ps(first_lanes(n), p); }
LOAM_INLINE void store_first(float* p, vf x, int64_t n) { _mm512_mask_storeu_ps(p, first_lanes(n), (__m512)x); }
LOAM_INLINE vf keep_first(vf x, int64_t n) { return (vf)_mm512_maskz_mov_ps(first_lanes(n), (__m512)x); }
#elif defined(__AVX2__)
LOAM_INLINE __m256i first_lanes(int64_t n) {
  static constexpr int32_t kMask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(kMask + 8 - n));
}
LOAM_INLINE vf load_first(const float* p, int64_t n) { return (vf)_mm256_maskload_ps(p, first_lanes(n)); }
LOAM_INLINE void store_first(float* p, vf x, int64_t n) { _mm256_maskstore_ps(p, first_lanes(n), (__m256)x); }
LOAM_INLINE vf keep_first(vf x, int64_t n) { return (vf)_mm256_and_ps((__m256)x, _mm256_castsi256_ps(first_lanes(n))); }
#else
LOAM_INLINE vf load_first(const float* p, int64_t n) {
  vf x = {};
  for (int64_t i = 0; i < n; ++i) x[i] = p[i];
  return x;
}
LOAM_INLINE void store_first(float* p, vf x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) p[i] = x[i];
}
LOAM_INLINE vf keep_first(vf x, int64_t n) {
  for (int64_t i = n; i < kWidth; ++i) x[i] = 0.0f;
  return x;
}
#endif
LOAM_INLINE vf vmax(vf a, vf b) { return a > b ? a : b; }
LOAM_INLINE vf vmin(vf a, vf b) { return a < b ? a : b; }
/// Lanes of a (0 to kWidth-1) and b (from kWidth on) in the order `from` names.
#if defined(__clang__)
LOAM_INLINE vf shuffle(vf a, vf b, vi from) {
  vf out;
  for (int i = 0; i < kWidth; ++i) out[i] = from[i] < kWidth ? a[from[i]] : b[from[i] - kWidth];
  return out;
}
#else
LOAM_INLINE vf shuffle(vf a, vf b, vi from) { return __builtin_shuffle(a, b, from); }
#endif
/// Lane sums, always by halves: the order does not depend on the compiler.
LOAM_INLINE float sum(vf x) {
  float lanes[kWidth];
  store(lanes, x);
  for (int half = kWidth / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}
LOAM_INLINE float highest(vf x) {
  float lanes[kWidth];
  store(lanes, x);
  for (int half = kWidth / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) lanes[i] = lanes[i] > lanes[i + half] ? lanes[i] : lanes[i + half];
  }
  return lanes[0];
}

/// e^x within 2 units in the last place; 0 below -87.3, and no infinity above 88.
/// Range reduction by ln 2 in two parts and a degree-6 polynomial on [-ln2/2, ln2/2] (Cephes' expf coefficients).
LOAM_INLINE vf vexp(vf x) {
  const vf lowest = splat(-87.33f), clamped = vmin(vmax(x, lowest), splat(88.02f));
  const vf shifted = clamped * 1.44269504f + 12582912.0f;  // adding 1.5 * 2^23 rounds to a whole number
  const vf n = shifted - 12582912.0f;
  vf r = clamped - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  vf p = splat(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const vi power = (reinterpret_cast<vi>(shifted) - 0x4b400000 + 127) << 23;
  const vf y = p * reinterpret_cast<vf>(power);
  return x < lowest ? vf{} : y;
}

LOAM_INLINE int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
LOAM_INLINE int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }
LOAM_INLINE int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

/// f(offset, count) over n in vectors: count is kWidth, and less for the last.
template <class F>
LOAM_INLINE void each_vector(int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) f(i, int64_t{kWidth});
  if (i < n) f(i, n - i);
}
LOAM_INLINE vf load_some(const float* p, int64_t n) { return n == kWidth ? load(p) : load_first(p, n); }
LOAM_INLINE void store_some(float* p, vf x, int64_t n) {
  if (n == kWidth) {
    store(p, x);
  } else {
    store_first(p, x, n);
  }
}

}  // namespace loam::cpu::LOAM_ISA
