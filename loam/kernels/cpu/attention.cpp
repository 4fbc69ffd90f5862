#include "loam/kernels/attention.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/random_mask.h"
#include "loam/kernels/cpu/scratch.h"
#include "loam/kernels/cpu/tile.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int64_t kBlock = 4 * kTileRows;  // queries worked on at once

/// Where one query block's scores stand: keys [begin, end) in whole panels, rows of `ld` floats.
struct Span {
  int64_t begin, end, ld;  // begin is a multiple of kTileCols
};

/// First key of query t, and the span of a block of queries.
LOAM_INLINE int64_t first_key(const AttentionShape& s, int64_t row0, int64_t t) { return s.starts != nullptr ? s.starts[row0 + t] : 0; }
LOAM_INLINE Span block_span(const AttentionShape& s, int64_t row0, int64_t q0, int64_t n) {
  int64_t low = first_key(s, row0, q0);
  for (int64_t i = 1; i < n; ++i) low = min_of(low, first_key(s, row0, q0 + i));
  const int64_t begin = low / kTileCols * kTileCols, end = round_up(q0 + n, kTileCols);
  return {begin, end, end - begin};
}

/// to[r][key - span.begin] = sum over d of a[r][d] * panel(key)[d] for the keys a tile of rows ending at `last` may see;
/// the rest of the span becomes 0.
void score_rows(float* to, const Span& span, int64_t rows, Left a, const float* panels, int64_t depth, int64_t last) {
  const int64_t stop = min_of(span.end, round_up(last + 1, kTileCols));
  each_tile(0, rows, [&]<int kRows>(int64_t row) __attribute__((always_inline)) {
    float* out = to + row * span.ld - span.begin;
    for (int64_t key = span.begin; key < stop; key += kTileCols) {
      vf acc[kRows][kTileVectors] = {};
      multiply_tile<kRows, Walk::rows>(acc, {a.p + row * a.stride, a.stride}, panels + key * depth, depth);
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        store(out + r * span.ld + key, acc[r][0]);
        store(out + r * span.ld + key + kWidth, acc[r][1]);
      }
    }
    for (int r = 0; r < kRows; ++r) {
      for (int64_t key = stop; key < span.end; key += kWidth) store(out + r * span.ld + key, vf{});
    }
  });
}

/// y (+)= a * panels for `rows` rows: depth terms, cols columns in packed panels of `panel_depth` rows, from row `k0`.
/// With `row_scale`, row r is multiplied by row_scale[r].
template <Walk kWalk>
void multiply_rows(float* y, int64_t ld, int64_t rows, int64_t cols, Left a, const float* panels, int64_t panel_depth, int64_t k0, int64_t depth, const float* row_scale,
                   bool add) {
  each_tile(0, rows, [&]<int kRows>(int64_t row) __attribute__((always_inline)) {
    for (int64_t c = 0; c < cols; c += kTileCols) {
      vf acc[kRows][kTileVectors] = {};
      multiply_tile<kRows, kWalk>(acc, {kWalk == Walk::rows ? a.p + row * a.stride : a.p + row, a.stride}, panels + c * panel_depth + k0 * kTileCols, depth);
      const int64_t width = min_of(kTileCols, cols - c), n0 = min_of(kWidth, width), n1 = width - n0;
      vf sums[kRows * kTileVectors];
#pragma GCC unroll 16
      for (int r = 0; r < kRows; ++r) {
        sums[2 * r] = acc[r][0];
        sums[2 * r + 1] = acc[r][1];
      }
      for (int r = 0; r < kRows; ++r) {
        float* at = y + (row + r) * ld + c;
        const float scale = row_scale != nullptr ? row_scale[row + r] : 1.0f;
        vf first = sums[2 * r] * scale, second = sums[2 * r + 1] * scale;
        if (add) first += load_some(at, n0);
        store_some(at, first, n0);
        if (n1 > 0) {
          if (add) second += load_some(at + kWidth, n1);
          store_some(at + kWidth, second, n1);
        }
      }
    }
  });
}

/// K' as panels of keys (D rows each), for scores.
void pack_keys(float* to, ConstMat k, int64_t row0, int64_t time, int64_t column, int64_t depth) {
  for (int64_t key = 0; key < time; key += kTileCols) {
    pack_panel_columns(to + key * depth, k.data + (row0 + key) * k.ld + column, k.ld, depth, min_of(kTileCols, time - key));
  }
}

/// Rows [row0, row0 + n) of a head's D columns as panels of columns (n rows each).
void pack_values(float* to, ConstMat v, int64_t row0, int64_t n, int64_t column, int64_t depth) {
  for (int64_t c = 0; c < depth; c += kTileCols) {
    pack_panel_rows(to + c * n, v.data + row0 * v.ld + column + c, v.ld, n, min_of(kTileCols, depth - c));
  }
}

LOAM_INLINE uint64_t mask_index(const AttentionShape& s, int64_t row, int64_t head, int64_t key) {
  return (static_cast<uint64_t>(s.first_row + row) * static_cast<uint64_t>(s.heads) + static_cast<uint64_t>(head)) * 0x100000ull + static_cast<uint64_t>(key);
}

}  // namespace

void Attention::forward(Mat y, Vec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& s) const {
  const int64_t depth = s.head_size, group = s.heads / s.kv_heads;
  const int64_t padded_time = round_up(s.time, kTileCols), padded_depth = round_up(depth, kTileCols);
  parallel_for(s.batch * s.kv_heads, [&](int64_t task) {
    const int64_t b = task / s.kv_heads, kv = task % s.kv_heads, row0 = b * s.time;
    float* keys = scratch(kTaskSlot, padded_time * depth + s.time * padded_depth + kBlock * padded_time);
    float* values = keys + padded_time * depth;
    float* scores = values + s.time * padded_depth;
    pack_keys(keys, k, row0, s.time, kv * depth, depth);
    pack_values(values, v, row0, s.time, kv * depth, depth);
    for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
      for (int64_t q0 = 0; q0 < s.time; q0 += kBlock) {
        const int64_t n = min_of(kBlock, s.time - q0);
        const Span span = block_span(s, row0, q0, n);
        for (int64_t i = 0; i < n; i += kTileRows) {
          const int64_t rows = min_of(kTileRows, n - i);
          float* tile = scores + i * span.ld;
          const float* from = q.data + (row0 + q0 + i) * q.ld + head * depth;
          score_rows(tile, span, rows, {from, q.ld}, keys, depth, q0 + i + rows - 1);
          float inverse[kTileRows];
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t t = q0 + i + r, low = first_key(s, row0, t), count = t + 1 - low;
            float* row = tile + r * span.ld;
            float* at = row + low - span.begin;
            for (int64_t c = span.begin; c < low; ++c) row[c - span.begin] = 0.0f;
            vf top = splat(-3.0e38f);
            each_vector(count, [&](int64_t j, int64_t m) { top = vmax(top, load_some(at + j, m) - (splat(3.0e38f) - keep_first(splat(3.0e38f), m))); });
            const float peak = highest(top) * s.scale;
            vf total = {};
            each_vector(count, [&](int64_t j, int64_t m) {
              const vf e = keep_first(vexp(load_some(at + j, m) * s.scale - peak), m);
              total += e;
              store_some(at + j, e, m);
            });
            const float denominator = sum(total);
            inverse[r] = 1.0f / denominator;
            lse.data[(b * s.heads + head) * s.time + t] = peak + __builtin_logf(denominator);
            if (s.dropout > 0.0f) {
              const float up = 1.0f / (1.0f - s.dropout);
              for (int64_t j = 0; j < count; ++j) at[j] = kept(s.dropout_key, mask_index(s, row0 + t, head, low + j), s.dropout) ? at[j] * up : 0.0f;
            }
            for (int64_t c = t + 1; c < q0 + i + rows; ++c) row[c - span.begin] = 0.0f;
          }
          float* out = y.data + (row0 + q0 + i) * y.ld + head * depth;
          multiply_rows<Walk::rows>(out, y.ld, rows, depth, {tile, span.ld}, values, s.time, span.begin, q0 + i + rows - span.begin, inverse, false);
        }
      }
    }
  });
}

void Attention::backward(Mat dq, Mat dk, Mat dv, ConstMat dy, ConstMat y, ConstVec lse, ConstMat q, ConstMat k, ConstMat v,
                         const AttentionShape& s) const {
  const int64_t depth = s.head_size, group = s.heads / s.kv_heads;
  const int64_t padded_time = round_up(s.time, kTileCols), padded_depth = round_up(depth, kTileCols);
  const int64_t panel_floats = padded_time * depth, row_floats = s.time * padded_depth, block_floats = kBlock * padded_time;
  parallel_for(s.batch * s.kv_heads, [&](int64_t task) {
    const int64_t b = task / s.kv_heads, kv = task % s.kv_heads, row0 = b * s.time;
    float* keys = scratch(kTaskSlot, 2 * panel_floats + 3 * row_floats + 2 * block_floats + 2 * kBlock * padded_depth);
    float* values = keys + panel_floats;            // V' panels, for dP = dy V'
    float* key_rows = values + panel_floats;        // K panels, for dQ = dS K
    float* key_gradient = key_rows + row_floats;    // (T, padded D)
    float* value_gradient = key_gradient + row_floats;
    float* p = value_gradient + row_floats;
    float* ds = p + block_floats;
    float* query_rows = ds + block_floats;          // this block's Q and dy, packed
    float* dy_rows = query_rows + kBlock * padded_depth;
    pack_keys(keys, k, row0, s.time, kv * depth, depth);
    pack_keys(values, v, row0, s.time, kv * depth, depth);
    pack_values(key_rows, k, row0, s.time, kv * depth, depth);
    std::memset(key_gradient, 0, static_cast<size_t>(2 * row_floats) * sizeof(float));
    for (int64_t head = kv * group; head < (kv + 1) * group; ++head) {
      for (int64_t q0 = 0; q0 < s.time; q0 += kBlock) {
        const int64_t n = min_of(kBlock, s.time - q0);
        const Span span = block_span(s, row0, q0, n);
        for (int64_t i = 0; i < n; i += kTileRows) {
          const int64_t rows = min_of(kTileRows, n - i);
          float *p_tile = p + i * span.ld, *ds_tile = ds + i * span.ld;
          const int64_t row = row0 + q0 + i;
          score_rows(p_tile, span, rows, {q.data + row * q.ld + head * depth, q.ld}, keys, depth, q0 + i + rows - 1);
          score_rows(ds_tile, span, rows, {dy.data + row * dy.ld + head * depth, dy.ld}, values, depth, q0 + i + rows - 1);
          for (int64_t r = 0; r < rows; ++r) {
            const int64_t t = q0 + i + r, low = first_key(s, row0, t), count = t + 1 - low;
            float *prow = p_tile + r * span.ld, *drow = ds_tile + r * span.ld;
            float *pa = prow + low - span.begin, *da = drow + low - span.begin;
            const float *grad = dy.data + (row0 + t) * dy.ld + head * depth, *out = y.data + (row0 + t) * y.ld + head * depth;
            vf along = {};
            each_vector(depth, [&](int64_t j, int64_t m) { along += load_some(grad + j, m) * load_some(out + j, m); });
            const float delta = sum(along), log_sum = lse.data[(b * s.heads + head) * s.time + t];
            for (int64_t c = span.begin; c < low; ++c) prow[c - span.begin] = drow[c - span.begin] = 0.0f;
            const int64_t stop = min_of(span.end, round_up(q0 + i + rows, kTileCols));
            for (int64_t c = t + 1; c < stop; ++c) prow[c - span.begin] = drow[c - span.begin] = 0.0f;
            if (s.dropout > 0.0f) {
              const float up = 1.0f / (1.0f - s.dropout);
              for (int64_t j = 0; j < count; j += kWidth) {
                const int64_t m = min_of(kWidth, count - j);
                const vf prob = vexp(load_some(pa + j, m) * s.scale - log_sum);
                vf mask = {};
                for (int64_t lane = 0; lane < m; ++lane) mask[lane] = kept(s.dropout_key, mask_index(s, row0 + t, head, low + j + lane), s.dropout) ? up : 0.0f;
                store_some(da + j, prob * (load_some(da + j, m) * mask - delta) * s.scale, m);
                store_some(pa + j, prob * mask, m);
              }
            } else {
              each_vector(count, [&](int64_t j, int64_t m) {
                const vf prob = vexp(load_some(pa + j, m) * s.scale - log_sum);
                store_some(da + j, prob * (load_some(da + j, m) - delta) * s.scale, m);
                store_some(pa + j, prob, m);
              });
            }
          }
          multiply_rows<Walk::rows>(dq.data + row * dq.ld + head * depth, dq.ld, rows, depth, {ds_tile, span.ld}, key_rows, s.time, span.begin,
                                    q0 + i + rows - span.begin, nullptr, false);
        }
        pack_values(query_rows, q, row0 + q0, n, head * depth, depth);
        pack_values(dy_rows, dy, row0 + q0, n, head * depth, depth);
        for (int64_t key = span.begin; key < q0 + n; key += kTileRows) {
          const int64_t rows = min_of(kTileRows, q0 + n - key);
          const int64_t i0 = key > q0 ? (key - q0) / kTileRows * kTileRows : 0;  // queries before a key have nothing for it
          const float *p_column = p + i0 * span.ld + key - span.begin, *ds_column = ds + i0 * span.ld + key - span.begin;
          multiply_rows<Walk::columns>(value_gradient + key * padded_depth, padded_depth, rows, depth, {p_column, span.ld}, dy_rows, n, i0, n - i0, nullptr, true);
          multiply_rows<Walk::columns>(key_gradient + key * padded_depth, padded_depth, rows, depth, {ds_column, span.ld}, query_rows, n, i0, n - i0, nullptr, true);
        }
      }
    }
    for (int64_t t = 0; t < s.time; ++t) {
      std::memcpy(dk.data + (row0 + t) * dk.ld + kv * depth, key_gradient + t * padded_depth, static_cast<size_t>(depth) * sizeof(float));
      std::memcpy(dv.data + (row0 + t) * dv.ld + kv * depth, value_gradient + t * padded_depth, static_cast<size_t>(depth) * sizeof(float));
    }
  });
}

void Attention::cached(Mat y, ConstMat q, ConstMat keys, ConstMat values, int64_t first, const AttentionShape& s) const {
  const int64_t depth = s.head_size, group = s.heads / s.kv_heads;
  parallel_for(s.heads, [&](int64_t head) {
    const int64_t column = head / group * depth;
    float* scores = scratch(kTaskSlot, first + q.rows);
    for (int64_t i = 0; i < q.rows; ++i) {
      const float* query = q.data + i * q.ld + head * depth;
      const int64_t count = first + i + 1;
      float peak = -3.0e38f;
      for (int64_t t = 0; t < count; ++t) {
        const float* key = keys.data + t * keys.ld + column;
        vf total = {};
        each_vector(depth, [&](int64_t j, int64_t m) { total += load_some(query + j, m) * load_some(key + j, m); });
        scores[t] = sum(total) * s.scale;
        peak = peak > scores[t] ? peak : scores[t];
      }
      vf totals = {};
      each_vector(count, [&](int64_t j, int64_t m) {
        const vf e = keep_first(vexp(load_some(scores + j, m) - peak), m);
        totals += e;
        store_some(scores + j, e, m);
      });
      const float inverse = 1.0f / sum(totals);
      each_vector(depth, [&](int64_t j, int64_t m) {
        vf out = {};
        for (int64_t t = 0; t < count; ++t) out += scores[t] * load_some(values.data + t * values.ld + column + j, m);
        store_some(y.data + i * y.ld + head * depth + j, out * inverse, m);
      });
    }
  });
}

}  // namespace loam::cpu::LOAM_ISA
