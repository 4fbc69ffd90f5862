// The optimizer's pass over flat arrays of parameters.
#pragma once

#include "loam/tensor/mat.h"

namespace loam {

struct AdamWStep {
  float rate = 0;          ///< learning rate of this step
  float beta1 = 0.9f, beta2 = 0.99f, epsilon = 1e-8f;
  float decay = 0;         ///< decoupled weight decay: w -= rate * decay * w (Loshchilov & Hutter 2019, algorithm 2)
  float correction1 = 1, correction2 = 1;  ///< 1 - beta^t
  float gradient_scale = 1;  ///< the gradient counts times this (clipping)
};

class OptimizerKernels {
 public:
  virtual ~OptimizerKernels() = default;
  /// One step over n numbers: m, v, w are updated. All the same size.
  virtual void adamw(Vec w, Vec m, Vec v, ConstVec g, const AdamWStep& step) const = 0;
  /// y = a x + b z, or a x where z is empty. y may be x or z.
  virtual void combine(Vec y, float a, ConstVec x, float b, ConstVec z) const = 0;
  /// The diagonal of a square matrix += value.
  virtual void add_diagonal(Mat y, float value) const = 0;
  /// The sum of squares, in double, over fixed pieces in a fixed order.
  virtual double sum_of_squares(ConstVec x) const = 0;
};

}  // namespace loam
