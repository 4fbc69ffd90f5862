// Causal attention with grouped queries, in tiles: no T x T matrix ever stands in memory.
#pragma once

#include "loam/tensor/mat.h"

namespace loam {

struct AttentionShape {
  int64_t batch = 1, time = 1;   ///< B, T: rows are b * T + t
  int64_t heads = 1, kv_heads = 1, head_size = 1;  ///< H, K (divides H), D; query head h reads key head h / (H / K)
  float scale = 1.0f;            ///< of the scores, usually 1 / sqrt(D)
  /// Row n attends keys starts[n] .. t of its own sequence (positions within it); null: all from 0. For packed documents.
  const int32_t* starts = nullptr;
  float dropout = 0.0f;          ///< share of probabilities set to 0, the rest scaled up by 1 / (1 - dropout)
  uint64_t dropout_key = 0;      ///< which ones: random number (h, t, key) of row `first_row + n`
  int64_t first_row = 0;
};

class AttentionKernels {
 public:
  virtual ~AttentionKernels() = default;
  /// y = softmax(q k' * scale, causal) v. q, y: (B*T, H*D); k, v: (B*T, K*D); lse: (B*H*T), the log of each row's
  /// softmax denominator at [(b * H + h) * T + t], kept for backward. Views may have any ld.
  virtual void forward(Mat y, Vec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& shape) const = 0;
  /// Writes dq, dk, dv from dy and what forward took and gave. (Dao et al. 2022, section 3.1, for the formula.)
  virtual void backward(Mat dq, Mat dk, Mat dv, ConstMat dy, ConstMat y, ConstVec lse, ConstMat q, ConstMat k, ConstMat v,
                        const AttentionShape& shape) const = 0;
  /// One sequence against its cache: q, y: (n, H*D), the queries at positions first .. first + n - 1;
  /// keys, values: (at least first + n, K*D), all positions so far. Without dropout.
  virtual void cached(Mat y, ConstMat q, ConstMat keys, ConstMat values, int64_t first, const AttentionShape& shape) const = 0;
};

}  // namespace loam
