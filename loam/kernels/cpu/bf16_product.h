// Matrix products of bfloat16 factors with float32 sums, in tiles of 16 x 16 sums as Intel's AMX has them (Intel 64 and
// IA-32 Architectures Software Developer's Manual, TDPBF16PS): packing, the split into tasks, what is fused behind.
//
// Both factors are rounded once and packed for the tiles: a block of 32 rows (or columns) is a sequence of steps of 32
// products each, a step two tiles of 1 KiB. A left tile is 16 rows of 32 numbers; a right tile has the pair of numbers
// (2k, 2k + 1) of its 16 columns as its row k.
//
// `Tiles` multiplies: the processor's tiles in amx.cpp, plain loops in the tests.
#pragma once

#include "loam/base/threads.h"
#include "loam/kernels/cpu/product.h"

namespace loam::cpu::LOAM_ISA {

constexpr int64_t kBf16Block = 32;          // rows and columns of sums at once: 2 x 2 tiles
constexpr int64_t kBf16Step = 32;           // products of a sum that one instruction adds
constexpr int64_t kBf16Tile = 16 * 32;      // numbers of a tile
constexpr int64_t kBf16Steps = 32;          // sums are cut after so many steps: two blocks then stay in a core's own cache

/// Rounded to nearest even; not a number stays none.
LOAM_INLINE uint16_t bf16_of(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, 4);
  return static_cast<uint16_t>(x == x ? (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16 : bits >> 16 | 0x40u);
}

/// Numbers of `lines` rows or columns of `depth` products, packed.
LOAM_INLINE int64_t bf16_packed_size(int64_t lines, int64_t depth) { return round_up(lines, kBf16Block) * round_up(depth, kBf16Step); }

/// Packs 32 lines from `first`, all their steps. at(line, k) is the address of a number; pair: the right factor's order.
template <bool kPairs, class At>
LOAM_INLINE void bf16_pack_block(uint16_t* to, int64_t first, int64_t lines, int64_t depth, At&& at) {
  for (int64_t k0 = 0; k0 < depth; k0 += kBf16Step) {
    for (int64_t tile = 0; tile < 2; ++tile, to += kBf16Tile) {
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t line = first + 16 * tile + i;
        for (int64_t k = 0; k < kBf16Step; ++k) {
          const uint16_t value = line < lines && k0 + k < depth ? bf16_of(*at(line, k0 + k)) : uint16_t{0};
          to[kPairs ? k / 2 * 32 + 2 * i + k % 2 : i * kBf16Step + k] = value;
        }
      }
    }
  }
}

/// y (+)= a b: rows x cols sums of `depth` products of rounded numbers.
template <class Tiles, Walk kWalk>
inline void bf16_product(Mat y, int64_t rows, int64_t cols, int64_t depth, Left a, Right b, bool add, const Epilogue& then = {}) {
  const int64_t row_blocks = (rows + kBf16Block - 1) / kBf16Block, col_blocks = (cols + kBf16Block - 1) / kBf16Block;
  const int64_t steps = (depth + kBf16Step - 1) / kBf16Step, block_size = 2 * kBf16Tile * steps;
  auto* left = reinterpret_cast<uint16_t*>(scratch(kRoundedSlot, bf16_packed_size(rows, depth) / 2));
  auto* right = reinterpret_cast<uint16_t*>(scratch(kRoundedSlot2, bf16_packed_size(cols, depth) / 2));
  parallel_for(row_blocks + col_blocks, [&](int64_t task) {
    if (task < row_blocks) {
      bf16_pack_block<false>(left + task * block_size, task * kBf16Block, rows, depth, [&](int64_t line, int64_t k) {
        return kWalk == Walk::rows ? a.p + line * a.stride + k : a.p + k * a.stride + line;
      });
    } else {
      const int64_t block = task - row_blocks;
      bf16_pack_block<true>(right + block * block_size, block * kBf16Block, cols, depth, [&](int64_t line, int64_t k) {
        return b.transposed ? b.p + line * b.ld + k : b.p + k * b.ld + line;
      });
    }
  });
  constexpr int64_t kGroup = 4;  // a task is 4 x 4 blocks
  const int64_t groups = (col_blocks + kGroup - 1) / kGroup;
  parallel_for((row_blocks + kGroup - 1) / kGroup * groups, [&](int64_t task) {
    const int64_t r_begin = task / groups * kGroup, c_begin = task % groups * kGroup;
    const Tiles tiles;  // the processor's are this thread's for as long as it lives
    alignas(64) float sums[kBf16Block * kBf16Block];
    for (int64_t s0 = 0; s0 < steps; s0 += kBf16Steps) {
      const int64_t part = min_of(kBf16Steps, steps - s0);
      const bool last = s0 + part == steps;
      for (int64_t c = c_begin; c < min_of(c_begin + kGroup, col_blocks); ++c) {
        for (int64_t r = r_begin; r < min_of(r_begin + kGroup, row_blocks); ++r) {
          tiles.multiply(sums, left + r * block_size + 2 * kBf16Tile * s0, right + c * block_size + 2 * kBf16Tile * s0, part);
          for (int64_t i = 0; i < min_of(kBf16Block, rows - r * kBf16Block); ++i) {
            for (int64_t v = 0; v < kBf16Block; v += kWidth) {
              const int64_t col = c * kBf16Block + v, n = min_of(kWidth, cols - col);
              if (n > 0) write_vector(y, load(sums + i * kBf16Block + v), r * kBf16Block + i, col, n, add || s0 > 0, last, then);
            }
          }
        }
      }
    }
  });
}

/// The three orientations with these tiles.
template <class Tiles>
class Bf16Matmul : public MatmulKernels {
 public:
  explicit Bf16Matmul(const MatmulKernels& floats) : floats_(floats) {}
  void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    LOAM_ASSERT(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows);
    bf16_product<Tiles, Walk::rows>(y, x.rows, w.rows, x.cols, {x.data, x.ld}, {w.data, w.ld, true}, false, then);
  }
  void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    LOAM_ASSERT(x.cols == w.rows && y.rows == x.rows && y.cols == w.cols);
    bf16_product<Tiles, Walk::rows>(y, x.rows, w.cols, x.cols, {x.data, x.ld}, {w.data, w.ld, false}, false, then);
  }
  void tn_add(Mat y, ConstMat a, ConstMat b) const override {
    LOAM_ASSERT(a.rows == b.rows && y.rows == a.cols && y.cols == b.cols);
    bf16_product<Tiles, Walk::columns>(y, a.cols, b.cols, a.rows, {a.data, a.ld}, {b.data, b.ld, false}, true);
  }
  /// Of floats: it is Muon's, whose powers of a Gram matrix want them.
  void nt_symmetric(Mat y, ConstMat x, ConstMat w) const override { floats_.nt_symmetric(y, x, w); }
  void sum_rows_add(Vec y, ConstMat x) const override { floats_.sum_rows_add(y, x); }

 private:
  const MatmulKernels& floats_;
};

}  // namespace loam::cpu::LOAM_ISA
