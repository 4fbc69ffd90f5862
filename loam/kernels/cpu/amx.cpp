// bfloat16 products in the tiles of Intel's AMX, for the set avx512, whose every machine with tiles has that.
#include "loam/kernels/cpu/amx.h"

#if defined(__AVX512F__)
#include "loam/kernels/cpu/bf16_attention.h"
#include "loam/kernels/cpu/bf16_product.h"

#define LOAM_AMX __attribute__((target("amx-tile,amx-bf16")))
// Every machine with these tiles converts, too (AVX512_BF16 came before them).
#define LOAM_CONVERTS __attribute__((target("avx512bf16")))

namespace loam::cpu::LOAM_ISA {
namespace {

/// 32 numbers rounded to nearest even, in order. Subnormal numbers become 0, as they do in tiles.
LOAM_CONVERTS inline vf rounded(vf low, vf high) {
  return reinterpret_cast<vf>(_mm512_cvtne2ps_pbh(reinterpret_cast<__m512>(high), reinterpret_cast<__m512>(low)));
}

/// The same in pairs: (low[0], high[0]), (low[1], high[1])...
LOAM_CONVERTS inline vf rounded_pairs(vf low, vf high) {
  alignas(64) static constexpr uint16_t kOrder[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                      8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return reinterpret_cast<vf>(
      _mm512_permutexvar_epi16(_mm512_load_si512(kOrder), reinterpret_cast<__m512i>(rounded(low, high))));
}

/// A thread's tile registers, configured while this lives: 0 to 3 are sums, 4 and 5 left, 6 and 7 right.
class AmxTiles {
  struct alignas(64) Config {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t bytes_a_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  };
  static_assert(sizeof(Config) == 64);

 public:
  LOAM_AMX AmxTiles() {
    // In memory that is never written: to g++ 12 the instruction reads 8 bytes of it, and it would leave out the rest.
    static constexpr Config kConfig;
    _tile_loadconfig(&kConfig);
  }
  LOAM_AMX ~AmxTiles() { _tile_release(); }
  AmxTiles(const AmxTiles&) = delete;
  AmxTiles& operator=(const AmxTiles&) = delete;

  /// Packs a tile of `lines` lines of `depth` numbers, at most 16 and 32, zeros behind them. pairs: a right tile.
  template <bool kPairs>
  LOAM_CONVERTS static void pack(uint16_t* to, const float* from, int64_t stride, bool across, int64_t lines,
                                 int64_t depth) {
    vf rows[16];   // their bits: only moved from here on, never added
    if (across) {  // a row of memory is one product's numbers of all lines
#pragma GCC unroll 16
      for (int64_t i = 0; i < 16; ++i) {
        const vf low = 2 * i < depth ? load_some(from + 2 * i * stride, lines) : vf{},
                 high = 2 * i + 1 < depth ? load_some(from + (2 * i + 1) * stride, lines) : vf{};
        rows[i] = rounded_pairs(low, high);
      }
    } else {
      const int64_t low_part = min_of(depth, kWidth), high_part = depth - low_part;
#pragma GCC unroll 16
      for (int64_t i = 0; i < 16; ++i)
        rows[i] = i < lines ? rounded(load_some(from + i * stride, low_part),
                                      high_part > 0 ? load_some(from + i * stride + kWidth, high_part) : vf{})
                            : vf{};
    }
    if (across != kPairs) transpose(rows);
#pragma GCC unroll 16
    for (int64_t i = 0; i < 16; ++i) std::memcpy(to + 32 * i, &rows[i], sizeof(vf));
  }

  /// sums (32 x 32) = (fresh) or += the products of `steps` steps. Meanwhile the 32 x 32 numbers at `goal` (null: none), rows `ld` apart,
  /// come into the nearest cache to be written: waiting for them took as long as the products themselves.
  LOAM_AMX void multiply(float* sums, bool fresh, const uint16_t* left, const uint16_t* right, int64_t steps, const float* goal,
                         int64_t ld) const {
    constexpr int64_t kRow = kBf16Block * sizeof(float);
    if (fresh) {
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
    } else {
      _tile_loadd(0, sums, kRow);
      _tile_loadd(1, sums + 16, kRow);
      _tile_loadd(2, sums + 16 * kBf16Block, kRow);
      _tile_loadd(3, sums + 16 * kBf16Block + 16, kRow);
    }
    const int64_t rows = goal != nullptr ? (kBf16Block + steps - 1) / steps : 0;  // a step
    for (int64_t s = 0; s < steps; ++s, left += 2 * kBf16Tile, right += 2 * kBf16Tile) {
      _tile_loadd(4, left, 64);
      _tile_loadd(6, right, 64);
      for (int64_t i = 0; i < rows; ++i, goal += ld) {
        __builtin_prefetch(goal, 1);
        __builtin_prefetch(goal + kWidth, 1);
      }
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(7, right + kBf16Tile, 64);
      _tile_dpbf16ps(1, 4, 7);
      _tile_loadd(5, left + kBf16Tile, 64);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, kRow);
    _tile_stored(1, sums + 16, kRow);
    _tile_stored(2, sums + 16 * kBf16Block, kRow);
    _tile_stored(3, sums + 16 * kBf16Block + 16, kRow);
  }
};

constexpr int64_t kSpinSteps = 8;  // 32 KiB of factors: they stay in the nearest cache

float spin(int64_t rounds) {
  alignas(64) static const uint16_t factors[2][2 * kBf16Tile * kSpinSteps] = {};
  alignas(64) float sums[kBf16Block * kBf16Block];
  const AmxTiles tiles;
  for (int64_t r = 0; r < rounds; ++r) tiles.multiply(sums, true, factors[0], factors[1], kSpinSteps, nullptr, 0);
  return sums[0];
}

}  // namespace

TileParts tile_parts(const MatmulKernels& floats, const AttentionKernels& float_attention) {
  static const Bf16Matmul<AmxTiles> matmul(floats);
  static const Bf16Attention<AmxTiles> attention(float_attention);
  return {&matmul, &attention, {&spin, 2.0 * kBf16Block * kBf16Block * kBf16Step * kSpinSteps, 5'000}};
}

}  // namespace loam::cpu::LOAM_ISA
#else
namespace loam::cpu::LOAM_ISA {
TileParts tile_parts(const MatmulKernels&, const AttentionKernels&) { return {}; }
}  // namespace loam::cpu::LOAM_ISA
#endif
