// The cpu backend of one instruction set: its families, its memory, its peak.
#include "loam/kernels/cpu/cpu_backend.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/amx.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/rounded.h"
#include "loam/kernels/cpu/simd.h"
#include "loam/kernels/cpu/stored.h"

#define LOAM_TEXT(x) #x
#define LOAM_NAME_OF(x) LOAM_TEXT(x)

namespace loam::cpu::LOAM_ISA {
namespace {

/// Independent multiply-adds in registers; returns something that depends on all of them.
__attribute__((noinline)) float spin(int64_t rounds) {
  constexpr int kChains = 2 * kTileRows;
  vf acc[kChains];
  for (int i = 0; i < kChains; ++i) acc[i] = splat(static_cast<float>(i));
  vf a = splat(0.999f), b = splat(1e-3f);
  for (int64_t r = 0; r < rounds; ++r) {
#pragma GCC unroll 32
    for (int i = 0; i < kChains; ++i) acc[i] = acc[i] * a + b;
  }
  vf total = {};
  for (int i = 0; i < kChains; ++i) total += acc[i];
  return sum(total);
}

}  // namespace

Parts parts() {
  static const Matmul matmul;
  static const Norm norm;
  static const Attention attention;
  static const Elementwise elementwise;
  static const Head head;
  static const Optimizer optimizer;
  static const Stored<false> stored;
#if defined(__AVX2__)
  static const Stored<true> stored_with_dots;
  const StoredKernels* const with_dots = &stored_with_dots;
#else
  const StoredKernels* const with_dots = nullptr;
#endif
  static const RoundedMatmul rounded(matmul);
  static const Head head_rounded(&rounded);
  static const TileParts tiles = tile_parts(matmul, attention);
  static const Head head_tiles(tiles.matmul);
  return {LOAM_NAME_OF(LOAM_ISA), &matmul, &norm, &attention, &elementwise, &head, &optimizer, &stored, with_dots, {&spin, 2.0 * 2.0 * kTileRows * kWidth, 200'000},
          &rounded, &head_rounded, tiles.matmul, tiles.matmul != nullptr ? &head_tiles : nullptr, tiles.attention, tiles.spin};
}

}  // namespace loam::cpu::LOAM_ISA
