// LayerNorm and RMSNorm over rows.
#pragma once

#include "loam/tensor/mat.h"

namespace loam {

/// x, y, dy, dx: (N,C); gain, bias: (C); mean, rstd: (N), kept for backward.
class NormKernels {
 public:
  virtual ~NormKernels() = default;
  /// y = (x - mean) * rstd * gain + bias, rstd = 1 / sqrt(var + eps), var biased (Ba, Kiros & Hinton 2016). y may be x.
  virtual void layernorm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, ConstVec gain, ConstVec bias, float eps) const = 0;
  /// Adds into dx, dgain and dbias. x is what forward took.
  virtual void layernorm_backward_add(Mat dx, Vec dgain, Vec dbias, ConstMat dy, ConstMat x, ConstVec gain, ConstVec mean, ConstVec rstd) const = 0;
  /// y = x * rstd * gain, rstd = 1 / sqrt(mean(x^2) + eps) (Zhang & Sennrich 2019). y may be x.
  virtual void rmsnorm_forward(Mat y, Vec rstd, ConstMat x, ConstVec gain, float eps) const = 0;
  /// Adds into dx and dgain.
  virtual void rmsnorm_backward_add(Mat dx, Vec dgain, ConstMat dy, ConstMat x, ConstVec gain, ConstVec rstd) const = 0;
  /// RMSNorm in place of each of a row's heads by itself (queries or keys: Dehghani et al. 2023). x: (N, heads * D), gain: (D),
  /// rstd: (N, heads). kept: x before, for backward; may be empty.
  virtual void heads_forward(Mat x, Mat kept, Vec rstd, int64_t heads, ConstVec gain, float eps) const = 0;
  /// d, the gradient of what heads_forward made, becomes that of `kept`; adds into dgain.
  virtual void heads_backward(Mat d, Vec dgain, ConstMat kept, int64_t heads, ConstVec gain, ConstVec rstd) const = 0;
};

}  // namespace loam
