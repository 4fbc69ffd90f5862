// Matrix products in the three orientations a linear layer needs, with what follows them fused in.
//
//   mm.nt(y, x, w, {.bias = b});                       // forward:   y = x w' + b
//   mm.nn(dx, dy, w);                                  // backward:  dx = dy w
//   mm.tn_add(dw, dy, x);                              // gradient:  dw += dy' x
#pragma once

#include "loam/tensor/mat.h"

namespace loam {

/// gelu: the tanh form, Hendrycks & Gimpel 2016, as GPT-2 uses it. squared_relu: max(p, 0)^2 (So et al. 2021, Primer).
/// swiglu: silu(gate) p, silu(z) = z / (1 + e^-z) (Shazeer 2020).
enum class Activation { none, gelu, squared_relu, swiglu };

/// What is done to a finished product p, in this order; every part may be left out. All matrices have y's shape.
struct Epilogue {
  ConstVec bias;       ///< p += bias, by column
  ConstMat residual;   ///< p += residual; may be the output itself
  Activation activation = Activation::none;
  /// Forward: y keeps the pre-activation p, and activated = activation(p).
  Mat activated;
  /// Backward: p is the gradient of what was activated, and y = p activation'(pre), pre being what y kept then.
  ConstMat gradient_at;
  ConstMat gate;      ///< swiglu, both ways
  Mat gate_gradient;  ///< swiglu, backward: p pre silu'(gate)
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
