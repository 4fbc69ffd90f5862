// What works number by number: gated activation, rotary positions, dropout, embeddings, sums.
#pragma once

#include <cstdint>

#include "loam/tensor/mat.h"

namespace loam {

/// Which of `rows` rows the pair of a token and the one before it (-1: none) has. A hash: pairs may share one.
constexpr int32_t pair_row(int32_t before, int32_t id, int64_t rows) {
  uint32_t h = (static_cast<uint32_t>(before) + 1) * 0x9e3779b1u ^ static_cast<uint32_t>(id) * 0x85ebca77u;
  h = (h ^ h >> 15) * 0x2c1b3c6du;
  return static_cast<int32_t>(static_cast<uint64_t>(h ^ h >> 12) * static_cast<uint64_t>(rows) >> 32);
}

class ElementwiseKernels {
 public:
  virtual ~ElementwiseKernels() = default;

  /// Activations on their own, behind a product of stored weights; elsewhere they follow a product at once (Epilogue).
  /// y = silu(gate) * up, silu(z) = z / (1 + e^-z) (Shazeer 2020). All (N,F).
  virtual void swiglu_forward(Mat y, ConstMat gate, ConstMat up) const = 0;
  /// y = max(x, 0)^2 (So et al. 2021, Primer). (N,F).
  virtual void squared_relu_forward(Mat y, ConstMat x) const = 0;

  /// Rotates each head's halves in place by position (Su et al. 2021, in Llama's half-split order):
  /// (a, b) -> (a cos - b sin, b cos + a sin). x: (N, heads*D), positions: (N), table: (positions, D), each row D/2
  /// cosines, then D/2 sines. `inverse` rotates back: the gradient.
  virtual void rope(Mat x, int64_t heads, int64_t head_size, const int32_t* positions, ConstMat table, bool inverse) const = 0;

  /// y = tokens[ids[n]] + places[positions[n]]; `places` may be empty. y: (N,C), tokens: (V,C), places: (T,C).
  virtual void embed_forward(Mat y, const int32_t* ids, const int32_t* positions, ConstMat tokens, ConstMat places) const = 0;
  /// Adds into dtokens and dplaces (may be empty), in the order of the rows.
  virtual void embed_backward_add(Mat dtokens, Mat dplaces, const int32_t* ids, const int32_t* positions, ConstMat dy) const = 0;

  /// out[n] = pair_row of ids[n] and the id before it in its sequence of `time` rows; the first of a document (starts[n], as
  /// attention has it; null: 0) has none before it.
  virtual void pair_rows(int32_t* out, const int32_t* ids, const int32_t* starts, int64_t n, int64_t time, int64_t rows) const = 0;

  /// x *= mask / (1 - p); the mask of element (n, c) is random number (first_row + n) * cols + c of `key`: kept if >= p.
  virtual void dropout(Mat x, float p, uint64_t key, int64_t first_row) const = 0;

  /// y = x. They do not overlap.
  virtual void copy(Mat y, ConstMat x) const = 0;
  /// y += x.
  virtual void add(Mat y, ConstMat x) const = 0;
  virtual void fill(Vec y, float value) const = 0;
};

}  // namespace loam
