// Matrix products of bfloat16 factors with float32 sums, in tiles of 16 x 16 sums as Intel's AMX has them (Intel 64 and
// IA-32 Architectures Software Developer's Manual, TDPBF16PS): packing, the split into tasks, what is fused behind.
//
// Both factors are rounded once and packed for the tiles: a block of 32 lines (rows of the left factor, columns of the
// right one) is a sequence of steps of 32 products each, a step two tiles of 1 KiB. A left tile is 16 rows of 32
// numbers; a right tile has the pair of numbers (2k, 2k + 1) of its 16 columns as its row k.
//
// Tiles are so fast that reading the factors costs as much as multiplying them. So the factor of more lines is packed
// in pieces, each by the task that uses it, where its core's own cache holds it; the other one once, for all tasks.
//
// `Tiles` packs and multiplies: the processor's tiles in amx.cpp, plain loops in the tests.
#pragma once

#include "loam/base/threads.h"
#include "loam/kernels/cpu/product.h"

namespace loam::cpu::LOAM_ISA {

constexpr int64_t kBf16Block = 32;      // rows and columns of sums at once: 2 x 2 tiles
constexpr int64_t kBf16Step = 32;       // products of a sum that one instruction adds
constexpr int64_t kBf16Tile = 16 * 32;  // numbers of a tile
constexpr int64_t kBf16Depth = 256;     // products of a sum in one go: two blocks' then stay in the nearest cache
constexpr int64_t kBf16Deepest = 4096;  // and before sums go to memory: so much of the shared factor is packed at once
constexpr int64_t kBf16TaskBlocks = 8;  // blocks of lines that a task packs at most
constexpr int64_t kBf16TaskSums = 192;  // blocks of sums that a task keeps at most, if it must: 768 KiB

/// Lines of a factor: number k of line i is at p[i * stride + k], or, where they lie across, at p[k * stride + i].
struct Bf16Lines {
  const float* p;
  int64_t stride;
  bool across;
  LOAM_INLINE const float* at(int64_t line, int64_t k) const {
    return across ? p + k * stride + line : p + line * stride + k;
  }
};

/// Packs `blocks` blocks of 32 lines from line `first` on, each of block_size numbers, of products [k0, k0 + depth); what
/// is not there becomes 0. Lines across are packed a step of all blocks after the other: so memory is read in long rows.
template <class Tiles, bool kPairs>
LOAM_INLINE void bf16_pack(uint16_t* to, const Bf16Lines& from, int64_t first, int64_t blocks, int64_t lines, int64_t k0, int64_t depth, int64_t block_size) {
  const int64_t steps = (depth + kBf16Step - 1) / kBf16Step;
  auto pack = [&](int64_t block, int64_t step) __attribute__((always_inline)) {
    for (int64_t tile = 0; tile < 2; ++tile) {
      const int64_t line = first + block * kBf16Block + 16 * tile, here = max_of(0, min_of(16, lines - line)), k = step * kBf16Step;
      // Without a line, any address will do: nothing is read.
      Tiles::template pack<kPairs>(to + block * block_size + (2 * step + tile) * kBf16Tile, here > 0 ? from.at(line, k0 + k) : from.p, from.stride, from.across, here,
                                   min_of(kBf16Step, depth - k));
    }
  };
  if (from.across) {
    for (int64_t step = 0; step < steps; ++step) {
      for (int64_t block = 0; block < blocks; ++block) pack(block, step);
    }
  } else {
    for (int64_t block = 0; block < blocks; ++block) {
      for (int64_t step = 0; step < steps; ++step) pack(block, step);
    }
  }
}

/// One block of finished or partial sums, 32 x 32, to y.
LOAM_INLINE void bf16_write(Mat y, const float* sums, int64_t row, int64_t rows, int64_t col, int64_t cols, bool add,
                            bool last, const Epilogue& then) {
  if constexpr (kTileCols == kBf16Block) {
    write_rows(y, reinterpret_cast<const vf*>(sums), row, rows, col, min_of(kWidth, cols), max_of(0, cols - kWidth),
               add, last, then);
  } else {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t v = 0; v < cols; v += kWidth)
        write_vector(y, load(sums + i * kBf16Block + v), row + i, col + v, min_of(kWidth, cols - v), add, last, then);
    }
  }
}

/// y (+)= a b: rows x cols sums of `depth` products of rounded numbers. kTasksByRow: a's lines are the tasks' own.
template <class Tiles, bool kTasksByRow>
inline void bf16_product_by(Mat y, int64_t rows, int64_t cols, int64_t depth, const Bf16Lines& a, const Bf16Lines& b,
                            bool add, const Epilogue& then) {
  const int64_t own_lines = kTasksByRow ? rows : cols, shared_lines = kTasksByRow ? cols : rows;
  const int64_t own_blocks = (own_lines + kBf16Block - 1) / kBf16Block,
                shared_blocks = (shared_lines + kBf16Block - 1) / kBf16Block;
  const Bf16Lines &own = kTasksByRow ? a : b, &all = kTasksByRow ? b : a;
  int64_t at_once = min_of(kBf16TaskBlocks, max_of(1, own_blocks / (2 * threads())));
  if (depth > kBf16Depth) at_once = max_of(1, min_of(at_once, kBf16TaskSums / shared_blocks));
  const int64_t tasks = (own_blocks + at_once - 1) / at_once;
  const int64_t block_size = kBf16Block * min_of(kBf16Depth, round_up(depth, kBf16Step));  // of one part, packed
  for (int64_t k0 = 0; k0 < depth; k0 += kBf16Deepest) {
    const int64_t deep = min_of(kBf16Deepest, depth - k0), parts = (deep + kBf16Depth - 1) / kBf16Depth;
    auto depth_of = [&](int64_t part) { return min_of(kBf16Depth, deep - part * kBf16Depth); };
    auto* shared = reinterpret_cast<uint16_t*>(scratch(kRoundedSlot, parts * shared_blocks * block_size / 2));
    // Tasks of about 16,384 numbers: some blocks of one part, or, of lines across, a stretch of all blocks.
    const int64_t grain = max_of(1, 16384 / block_size), pieces = all.across ? parts * (block_size / kBf16Block / kBf16Step) : parts * ((shared_blocks + grain - 1) / grain);
    parallel_for(pieces, [&](int64_t piece) {
      const int64_t each = pieces / parts, part = piece / each, at = piece % each;
      uint16_t* to = shared + part * shared_blocks * block_size;
      const int64_t k = k0 + part * kBf16Depth;
      if (all.across) {
        const int64_t step = at * kBf16Step, left = depth_of(part) - step;
        if (left > 0) bf16_pack<Tiles, kTasksByRow>(to + 2 * at * kBf16Tile, all, 0, shared_blocks, shared_lines, k + step, min_of(kBf16Step, left), block_size);
      } else {
        const int64_t first = at * grain;
        bf16_pack<Tiles, kTasksByRow>(to + first * block_size, all, first * kBf16Block, min_of(grain, shared_blocks - first), shared_lines, k, depth_of(part), block_size);
      }
    });
    parallel_for(tasks, [&](int64_t task) {
      const int64_t begin = task * at_once, end = min_of(begin + at_once, own_blocks);
      auto* packed = reinterpret_cast<uint16_t*>(scratch(kRoundedSlot2, at_once * block_size / 2));
      constexpr int64_t kSums = kBf16Block * kBf16Block;
      float* kept = scratch(kTaskSlot, parts > 1 ? at_once * shared_blocks * kSums : kSums);
      const Tiles tiles;  // the processor's are this thread's for as long as it lives
      for (int64_t part = 0; part < parts; ++part) {
        const bool fresh = part == 0, finished = part + 1 == parts;
        const int64_t k = k0 + part * kBf16Depth, steps = (depth_of(part) + kBf16Step - 1) / kBf16Step;
        bf16_pack<Tiles, !kTasksByRow>(packed, own, begin * kBf16Block, end - begin, own_lines, k, depth_of(part), block_size);
        auto multiply_block = [&](int64_t i, int64_t j) __attribute__((always_inline)) {
          const uint16_t *of_all = shared + (part * shared_blocks + i) * block_size, *of_own = packed + (j - begin) * block_size;
          const int64_t row = (kTasksByRow ? j : i) * kBf16Block, col = (kTasksByRow ? i : j) * kBf16Block;
          const int64_t height = min_of(kBf16Block, rows - row), width = min_of(kBf16Block, cols - col);
          const float* goal = finished && height == kBf16Block && width == kBf16Block ? y.data + row * y.ld + col : nullptr;
          float* sums = parts > 1 ? kept + ((j - begin) * shared_blocks + i) * kSums : kept;
          tiles.multiply(sums, fresh, kTasksByRow ? of_own : of_all, kTasksByRow ? of_all : of_own, steps, goal, y.ld);
          if (finished) bf16_write(y, sums, row, height, col, width, add || k0 > 0, k0 + deep == depth, then);
        };
        // Along rows of y, whichever factor's lines they are.
        if constexpr (kTasksByRow) {
          for (int64_t j = begin; j < end; ++j) {
            for (int64_t i = 0; i < shared_blocks; ++i) multiply_block(i, j);
          }
        } else {
          for (int64_t i = 0; i < shared_blocks; ++i) {
            for (int64_t j = begin; j < end; ++j) multiply_block(i, j);
          }
        }
      }
    });
  }
}

template <class Tiles>
inline void bf16_product(Mat y, int64_t rows, int64_t cols, int64_t depth, const Bf16Lines& a, const Bf16Lines& b,
                         bool add, const Epilogue& then = {}) {
  if (rows >= cols) return bf16_product_by<Tiles, true>(y, rows, cols, depth, a, b, add, then);
  bf16_product_by<Tiles, false>(y, rows, cols, depth, a, b, add, then);
}

/// The three orientations with these tiles.
template <class Tiles>
class Bf16Matmul : public MatmulKernels {
 public:
  explicit Bf16Matmul(const MatmulKernels& floats) : floats_(floats) {}
  void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    LOAM_ASSERT(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows);
    bf16_product<Tiles>(y, x.rows, w.rows, x.cols, {x.data, x.ld, false}, {w.data, w.ld, false}, false, then);
  }
  void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override {
    LOAM_ASSERT(x.cols == w.rows && y.rows == x.rows && y.cols == w.cols);
    bf16_product<Tiles>(y, x.rows, w.cols, x.cols, {x.data, x.ld, false}, {w.data, w.ld, true}, false, then);
  }
  void tn_add(Mat y, ConstMat a, ConstMat b) const override {
    LOAM_ASSERT(a.rows == b.rows && y.rows == a.cols && y.cols == b.cols);
    bf16_product<Tiles>(y, a.cols, b.cols, a.rows, {a.data, a.ld, true}, {b.data, b.ld, true}, true);
  }
  /// Of floats: it is Muon's, whose powers of a Gram matrix want them.
  void nt_symmetric(Mat y, ConstMat x, ConstMat w) const override { floats_.nt_symmetric(y, x, w); }
  void sum_rows_add(Vec y, ConstMat x) const override { floats_.sum_rows_add(y, x); }

 private:
  const MatmulKernels& floats_;
};

}  // namespace loam::cpu::LOAM_ISA
