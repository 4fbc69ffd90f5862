// Attention whose products are of bfloat16 factors, in tiles (bf16_product.h): scores, softmax and all gradients' sums
// stay floats. Blocks of 32 queries against blocks of 32 keys; no T x T matrix in memory.
#pragma once

#include "loam/kernels/attention.h"
#include "loam/kernels/cpu/bf16_product.h"

namespace loam::cpu::LOAM_ISA {

template <class Tiles>
class Bf16Attention final : public AttentionKernels {
 public:
  /// `floats` does what tiles are no help for: one query at a time, and dropout.
  explicit Bf16Attention(const AttentionKernels& floats) : floats_(floats) {}

  void forward(Mat y, Vec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& s) const override {
    if (s.dropout > 0.0f) return floats_.forward(y, lse, q, k, v, s);
    const Sizes z(s);
    parallel_for(s.batch * s.kv_heads, [&](int64_t task) {
      const int64_t row0 = task / s.kv_heads * s.time, kv = task % s.kv_heads, group = s.heads / s.kv_heads;
      uint16_t* keys = numbers(kRoundedSlot, z.by_key + z.by_column + z.query + z.weights);
      uint16_t *values = keys + z.by_key, *query = values + z.by_column, *weights = query + z.query;
      float *scores = scratch(kTaskSlot, z.scores + kBlock), *sums = scores + z.scores;
      pack_by_key(keys, k, row0, kv, s);
      pack_by_column(values, v, row0, s.time, kv, s);
      const Tiles tiles;
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
        for (int64_t q0 = 0; q0 < s.time; q0 += kBf16Block) {
          const Queries of(s, row0, q0);
          pack_queries(query, q, row0 + q0, of.rows, head, s);
          for (int64_t b = of.first; b < of.end; ++b) tiles.multiply(scores + b * kBlock, true, query, keys + b * z.key_block, z.steps, nullptr, 0);
          float inverse[kBf16Block];
          for (int64_t r = 0; r < of.rows; ++r) {
            const int64_t t = q0 + r, low = first_key(s, row0 + t);
            vf top = splat(kNothing);
            each_score(scores, r, of, low, t, [&](float*, vf x) { top = vmax(top, x); });
            const float peak = highest(top) * s.scale;
            vf total = {};
            each_score(scores, r, of, low, t, [&](float* at, vf x) {
              const vf e = vexp(x * s.scale - peak);
              total += e;
              store(at, e);
            });
            const float denominator = sum(total);
            inverse[r] = 1.0f / denominator;
            lse.data[(row0 * s.heads + head * s.time) + t] = peak + __builtin_logf(denominator);
          }
          for (int64_t b = of.first; b < of.end; ++b) pack_weights(weights + b * kBlock, scores + b * kBlock, false);
          for (int64_t c = 0; c < z.columns; ++c) {
            tiles.multiply(sums, true, weights + of.first * kBlock, values + c * z.column_block + of.first * kBlock, of.end - of.first, nullptr, 0);
            const int64_t width = min_of(kBf16Block, s.head_size - c * kBf16Block);
            for (int64_t r = 0; r < of.rows; ++r) {
              float* out = y.data + (row0 + q0 + r) * y.ld + head * s.head_size + c * kBf16Block;
              each_vector(width, [&](int64_t i, int64_t n) { store_some(out + i, load(sums + r * kBf16Block + i) * inverse[r], n); });
            }
          }
        }
      }
    });
  }

  void backward(Mat dq, Mat dk, Mat dv, ConstMat dy, ConstMat y, ConstVec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& s) const override {
    if (s.dropout > 0.0f) return floats_.backward(dq, dk, dv, dy, y, lse, q, k, v, s);
    const Sizes z(s);
    parallel_for(s.batch * s.kv_heads, [&](int64_t task) {
      const int64_t row0 = task / s.kv_heads * s.time, kv = task % s.kv_heads, group = s.heads / s.kv_heads;
      const int64_t wide = z.columns * kBlock * kQueryBlocks;  // a stretch of queries, by column
      uint16_t* keys = numbers(kRoundedSlot, 2 * z.by_key + z.by_column + 2 * z.query + 2 * wide + z.weights * (1 + 2 * kQueryBlocks));
      uint16_t *values = keys + z.by_key, *key_columns = values + z.by_key, *query = key_columns + z.by_column, *grad = query + z.query;
      uint16_t *query_columns = grad + z.query, *grad_columns = query_columns + wide, *ds_left = grad_columns + wide;
      uint16_t *p_turned = ds_left + z.weights, *ds_turned = p_turned + z.weights * kQueryBlocks;
      const int64_t sums_of_keys = z.blocks * z.columns * kBlock;
      float* p = scratch(kTaskSlot, 2 * z.scores + 2 * sums_of_keys + kBlock);
      float *ds = p + z.scores, *key_gradient = ds + z.scores, *value_gradient = key_gradient + sums_of_keys, *sums = value_gradient + sums_of_keys;
      pack_by_key(keys, k, row0, kv, s);
      pack_by_key(values, v, row0, kv, s);
      pack_by_column(key_columns, k, row0, s.time, kv, s);
      std::memset(key_gradient, 0, static_cast<size_t>(2 * sums_of_keys) * sizeof(float));
      const Tiles tiles;
      for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
        for (int64_t stretch = 0; stretch < s.time; stretch += kQueryBlocks * kBf16Block) {
          const int64_t stretch_rows = min_of(kQueryBlocks * kBf16Block, s.time - stretch);
          const int64_t in_stretch = (stretch_rows + kBf16Block - 1) / kBf16Block;
          int64_t lowest = z.blocks;
          for (int64_t i = 0; i < in_stretch; ++i) {
            const int64_t q0 = stretch + i * kBf16Block;
            const Queries of(s, row0, q0);
            lowest = min_of(lowest, of.first);
            pack_queries(query, q, row0 + q0, of.rows, head, s);
            pack_queries(grad, dy, row0 + q0, of.rows, head, s);
            for (int64_t b = of.first; b < of.end; ++b) {
              tiles.multiply(p + b * kBlock, true, query, keys + b * z.key_block, z.steps, nullptr, 0);
              tiles.multiply(ds + b * kBlock, true, grad, values + b * z.key_block, z.steps, nullptr, 0);
            }
            for (int64_t r = 0; r < of.rows; ++r) {
              const int64_t t = q0 + r;
              const float *g = dy.data + (row0 + t) * dy.ld + head * s.head_size, *out = y.data + (row0 + t) * y.ld + head * s.head_size;
              vf along = {};
              each_vector(s.head_size, [&](int64_t j, int64_t m) { along += load_some(g + j, m) * load_some(out + j, m); });
              const float delta = sum(along), log_sum = lse.data[(row0 * s.heads + head * s.time) + t];
              each_score(p, r, of, first_key(s, row0 + t), t, [&](float* at, vf x) {
                const vf prob = vexp(x * s.scale - log_sum);
                float* d = ds + (at - p);
                store(d, prob * (load(d) - delta) * s.scale);
                store(at, prob);
              });
            }
            for (int64_t b = of.first; b < of.end; ++b) {
              // Queries that are not there have nothing for any key.
              for (int64_t r = of.rows; r < kBf16Block; ++r) {
                std::memset(p + b * kBlock + r * kBf16Block, 0, kBf16Block * sizeof(float));
                std::memset(ds + b * kBlock + r * kBf16Block, 0, kBf16Block * sizeof(float));
              }
              pack_weights(ds_left + b * kBlock, ds + b * kBlock, false);
              pack_weights(p_turned + (b * kQueryBlocks + i) * kBlock, p + b * kBlock, true);
              pack_weights(ds_turned + (b * kQueryBlocks + i) * kBlock, ds + b * kBlock, true);
            }
            for (int64_t c = 0; c < z.columns; ++c) {
              tiles.multiply(sums, true, ds_left + of.first * kBlock, key_columns + c * z.column_block + of.first * kBlock, of.end - of.first, nullptr, 0);
              copy_block(dq, sums, row0 + q0, of.rows, head, c, s);
            }
          }
          pack_by_column(query_columns, q, row0 + stretch, stretch_rows, head, s, kQueryBlocks * kBlock);
          pack_by_column(grad_columns, dy, row0 + stretch, stretch_rows, head, s, kQueryBlocks * kBlock);
          for (int64_t b = lowest; b < min_of(z.blocks, stretch / kBf16Block + in_stretch); ++b) {
            // The queries of this stretch that see the block: from its own on, but for those whose windows begin behind it.
            int64_t i0 = max_of(0, b - stretch / kBf16Block), i1 = in_stretch;
            while (i0 < i1 && Queries(s, row0, stretch + i0 * kBf16Block).first > b) ++i0;
            while (i1 > i0 && Queries(s, row0, stretch + (i1 - 1) * kBf16Block).first > b) --i1;
            for (int64_t i = i0; i < i1; ++i) {  // and of those between, none that left nothing there
              if (Queries(s, row0, stretch + i * kBf16Block).first <= b) continue;
              std::memset(p_turned + (b * kQueryBlocks + i) * kBlock, 0, kBlock * sizeof(uint16_t));
              std::memset(ds_turned + (b * kQueryBlocks + i) * kBlock, 0, kBlock * sizeof(uint16_t));
            }
            if (i0 == i1) continue;
            for (int64_t c = 0; c < z.columns; ++c) {
              const int64_t left = (b * kQueryBlocks + i0) * kBlock, right = (c * kQueryBlocks + i0) * kBlock, to = (b * z.columns + c) * kBlock;
              tiles.multiply(value_gradient + to, false, p_turned + left, grad_columns + right, i1 - i0, nullptr, 0);
              tiles.multiply(key_gradient + to, false, ds_turned + left, query_columns + right, i1 - i0, nullptr, 0);
            }
          }
        }
      }
      for (int64_t b = 0; b < z.blocks; ++b) {
        const int64_t rows = min_of(kBf16Block, s.time - b * kBf16Block);
        for (int64_t c = 0; c < z.columns; ++c) {
          copy_block(dk, key_gradient + (b * z.columns + c) * kBlock, row0 + b * kBf16Block, rows, kv, c, s);
          copy_block(dv, value_gradient + (b * z.columns + c) * kBlock, row0 + b * kBf16Block, rows, kv, c, s);
        }
      }
    });
  }

  void cached(Mat y, ConstMat q, ConstMat keys, ConstMat values, int64_t first, const AttentionShape& s) const override { floats_.cached(y, q, keys, values, first, s); }

 private:
  static constexpr int64_t kBlock = kBf16Block * kBf16Block;  // numbers of a block of scores, and of one step of 32 lines
  static constexpr int64_t kQueryBlocks = 4;                  // whose gradients for a key are added up in tiles
  static constexpr float kNothing = -3.0e38f;                 // a score whose exponential is 0

  /// How many numbers there are of what: 32 lines of one step are a block, kBlock numbers.
  struct Sizes {
    explicit Sizes(const AttentionShape& s)
        : blocks((s.time + kBf16Block - 1) / kBf16Block), columns((s.head_size + kBf16Block - 1) / kBf16Block), steps(columns), key_block(steps * kBlock), column_block(blocks * kBlock) {}
    int64_t blocks, columns;              // of 32 keys; of 32 columns of a head
    int64_t steps;                        // of a score
    int64_t key_block, column_block;      // 32 keys with all their columns; 32 columns with all their keys
    int64_t by_key = blocks * key_block, by_column = columns * column_block, query = key_block;
    int64_t weights = blocks * kBlock, scores = blocks * kBlock;  // of 32 queries
  };

  /// A block of queries and the blocks of keys [first, end) that any of them sees.
  struct Queries {
    Queries(const AttentionShape& s, int64_t row0, int64_t q0) : rows(min_of(kBf16Block, s.time - q0)), first(q0 / kBf16Block), end(q0 / kBf16Block + 1) {
      for (int64_t r = 0; r < rows; ++r) first = min_of(first, first_key(s, row0 + q0 + r) / kBf16Block);
    }
    int64_t rows, first, end;
  };
  LOAM_INLINE static int64_t first_key(const AttentionShape& s, int64_t row) { return s.starts != nullptr ? s.starts[row] : 0; }

  static uint16_t* numbers(int slot, int64_t count) { return reinterpret_cast<uint16_t*>(scratch(slot, (count + 1) / 2)); }
  /// A head's rows as the right factor of scores: lines are keys.
  static void pack_by_key(uint16_t* to, ConstMat m, int64_t row0, int64_t head, const AttentionShape& s) {
    const Sizes z(s);
    bf16_pack<Tiles, true>(to, {m.data + row0 * m.ld + head * s.head_size, m.ld, false}, 0, z.blocks, s.time, 0, s.head_size, z.key_block);
  }
  /// A head's rows as the right factor of sums over rows: lines are columns.
  static void pack_by_column(uint16_t* to, ConstMat m, int64_t row0, int64_t rows, int64_t head, const AttentionShape& s, int64_t block = 0) {
    const Sizes z(s);
    bf16_pack<Tiles, true>(to, {m.data + row0 * m.ld + head * s.head_size, m.ld, true}, 0, z.columns, s.head_size, 0, rows, block > 0 ? block : z.column_block);
  }
  /// 32 queries as the left factor.
  static void pack_queries(uint16_t* to, ConstMat m, int64_t row, int64_t rows, int64_t head, const AttentionShape& s) {
    bf16_pack<Tiles, false>(to, {m.data + row * m.ld + head * s.head_size, m.ld, false}, 0, 1, rows, 0, s.head_size, Sizes(s).key_block);
  }
  /// 32 x 32 floats as a left factor of one step; turned: their transpose.
  LOAM_INLINE static void pack_weights(uint16_t* to, const float* block, bool turned) {
    for (int64_t tile = 0; tile < 2; ++tile) Tiles::template pack<false>(to + tile * kBf16Tile, block + 16 * tile * (turned ? 1 : kBf16Block), kBf16Block, turned, 16, kBf16Step);
  }
  static void copy_block(Mat to, const float* block, int64_t row, int64_t rows, int64_t head, int64_t c, const AttentionShape& s) {
    const int64_t width = min_of(kBf16Block, s.head_size - c * kBf16Block);
    for (int64_t r = 0; r < rows; ++r) std::memcpy(to.data + (row + r) * to.ld + head * s.head_size + c * kBf16Block, block + r * kBf16Block, static_cast<size_t>(width) * sizeof(float));
  }

  /// f(address, scores) for the vectors of query r's row over its blocks of keys; those it may not see are kNothing.
  template <class F>
  LOAM_INLINE static void each_score(float* scores, int64_t r, const Queries& of, int64_t low, int64_t t, F&& f) {
    vi lane;
    for (int i = 0; i < kWidth; ++i) lane[i] = i;
    for (int64_t b = of.first; b < of.end; ++b) {
      for (int64_t i = 0; i < kBf16Block; i += kWidth) {
        float* at = scores + b * kBlock + r * kBf16Block + i;
        const int64_t key = b * kBf16Block + i;
        vf x = load(at);
        if (key < low || key + kWidth - 1 > t) {
          const vi here = lane + static_cast<int32_t>(key);
          x = ((here >= static_cast<int32_t>(low)) & (here <= static_cast<int32_t>(t))) ? x : splat(kNothing);
        }
        f(at, x);
      }
    }
  }

  const AttentionKernels& floats_;
};

}  // namespace loam::cpu::LOAM_ISA
