// Matrix products in the three orientations a linear layer needs, with what follows them fused in.
//
//   mm.nt(y, x, w, {.bias = b});                       // forward:   y = x w' + b
//   mm.nn(dx, dy, w);                                  // backward:  dx = dy w
//   mm.tn_add(dw, dy, x);                              // gradient:  dw += dy' x
#pragma once

#include "loam/tensor/mat.h"

namespace loam {

enum class Activation { none, gelu };  ///< gelu: the tanh form, Hendrycks & Gimpel 2016, as GPT-2 uses it

/// What is done to a finished product p, in this order; every part may be left out.
struct Epilogue {
  ConstVec bias;       ///< p += bias, by column
  ConstMat residual;   ///< p += residual; may be the output itself
  /// The pre-activation of a backward pass: p *= gelu'(pre).
  ConstMat gelu_gradient_at;
  /// Forward activation: y keeps the pre-activation p and activated = gelu(p).
  Mat activated;
};

class MatmulKernels {
 public:
  virtual ~MatmulKernels() = default;
  /// y = x w'. x: (N,I), w: (O,I), y: (N,O), written. y must not overlap x or w.
  virtual void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then = {}) const = 0;
  /// y = x w. x: (N,O), w: (O,I), y: (N,I), written.
  virtual void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then = {}) const = 0;
  /// y += a' b. a: (N,O), b: (N,I), y: (O,I), added to.
  virtual void tn_add(Mat y, ConstMat a, ConstMat b) const = 0;
  /// y = x w' where that is symmetric but for rounding: half of it is computed, the other half is its mirror image.
  /// x, w: (N,I), y: (N,N), written. y must not overlap x or w.
  virtual void nt_symmetric(Mat y, ConstMat x, ConstMat w) const = 0;
  /// y += the sum of x's rows. x: (N,C), y: (C).
  virtual void sum_rows_add(Vec y, ConstMat x) const = 0;
};

}  // namespace loam
