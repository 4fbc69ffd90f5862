// Half floats as vectors of floats.
#pragma once

#include <cstdint>
#include <cstring>

#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {

LOAM_INLINE vf widen_halves(const uint16_t* p) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
#elif defined(__AVX2__)
  return (vf)_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
#elif defined(__aarch64__)
  return (vf)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p)));
#else
  vf x;
  for (int i = 0; i < kWidth; ++i) {
    // The exponent's bias is 15 there and 127 here; a product with 2^112 also sets numbers below 2^-14 right.
    const uint32_t bits = (p[i] & 0x7fffu) << 13;
    float magnitude;
    std::memcpy(&magnitude, &bits, 4);
    magnitude *= 0x1.0p112f;
    x[i] = (p[i] & 0x8000u) != 0 ? -magnitude : magnitude;
  }
  return x;
#endif
}

}  // namespace loam::cpu::LOAM_ISA
