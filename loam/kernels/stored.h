// Products with weights that stay in the type they are stored in (loam/tensor/stored.h), and how rows come to lie there.
//
//   pack_row(mat, row, bytes);                       // once for each row, as the file has it
//   backend.stored().nt(y, x, mat, {.bias = b});     // y = x w' + b
#pragma once

#include <cstdint>
#include <span>

#include "loam/kernels/matmul.h"
#include "loam/tensor/mat.h"
#include "loam/tensor/stored.h"

namespace loam {

class StoredKernels {
 public:
  virtual ~StoredKernels() = default;
  /// y = x w'. x: (N,I), w: (O,I), y: (N,O), written; y must not overlap x.
  /// f16, bf16: the numbers are widened, the sums are as a float matrix has them. Block types: each row of x is rounded to
  /// whole numbers in blocks of 32 (see quantise_block), products and sums of a block are exact, blocks are added in order
  /// in floats: an output is the same whatever stands in the other rows.
  virtual void nt(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then = {}) const = 0;
  /// y[n] = w[ids[n]], widened. y: (N,I).
  virtual void rows(Mat y, const int32_t* ids, const StoredMat& w) const = 0;
  /// y = gelu_by_halves(x), number by number. They may be one.
  virtual void gelu(Mat y, ConstMat x) const = 0;
};

/// GELU as llama.cpp computes it on a CPU, from a table of halves: x is rounded to a half, and so is gelu of that; 0 up to -10,
/// x itself from 10 on. What stands between two products of block types must round alike in both programs, or the rounded
/// activations of the second differ in many places.
float gelu_by_halves(float x);

/// A block of 32 activations as whole numbers -127..127 and the scale they are multiplied by again: q = x * (127 / m) to
/// nearest even for the largest magnitude m, and m / 127 rounded to half precision (llama.cpp's q8_0 of activations). For
/// weights in super-blocks m is that of the 256 numbers at `super`, x among them, and the scale 1 / (127 / m) (its q8_K): the
/// answers of both programs are then the same but for the order of sums.
struct QuantisedBlock {
  int8_t q[kBlock];
  float scale;
};
QuantisedBlock quantise_block(const float* x, const float* super = nullptr);

/// Writes row `row` of `to` (whose memory is the caller's to write) from `from`: cols numbers of 2 bytes, or the blocks of
/// GGUF (scale first). Rows may be written from several threads. Throws Error{input} for a scale that is no finite number.
void pack_row(const StoredMat& to, int64_t row, std::span<const std::byte> from);
/// Bytes of a row as a file has it.
int64_t row_bytes(NumberType type, int64_t cols);
/// The row, widened. out: cols floats.
void unpack_row(const StoredMat& from, int64_t row, float* out);

}  // namespace loam
