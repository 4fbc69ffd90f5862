// The language-model head with its loss: logits exist for a few rows at a time only.
#pragma once

#include <cstdint>

#include "loam/tensor/mat.h"

namespace loam {

/// Rows whose logits exist at once, at least: with a large vocabulary so many pay for packing the head. In bfloat16, whose
/// products take less time than their packing, more.
constexpr int64_t kLogitRows = 96, kLogitRowsBfloat16 = 512;

class HeadKernels {
 public:
  virtual ~HeadKernels() = default;
  /// losses[n] = -log softmax(x[n] w')[targets[n]] in nats; 0 where targets[n] < 0.
  /// If dx is given: dx[n] = d(sum of weights[n] * losses[n]) / dx[n], written, and dw += the same by w.
  /// x, dx: (N,C); w, dw: (V,C); losses, weights: (N); weights empty: all 1.
  virtual void loss(Vec losses, Mat dx, Mat dw, ConstMat x, ConstMat w, const int32_t* targets, ConstVec weights) const = 0;
  /// In place: logits (N,V) become log probabilities.
  virtual void log_softmax(Mat logits) const = 0;
};

}  // namespace loam
