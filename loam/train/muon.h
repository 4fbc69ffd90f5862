// Muon: momentum, made orthogonal before it is applied (Jordan et al. 2024), for the matrices of the layers.
#pragma once

#include <cstddef>

#include "loam/model/params.h"

namespace loam {

struct MuonStep {
  float rate = 0;            ///< AdamW's rate: the update is scaled to the size AdamW's would have (below)
  float momentum = 0.95f;    ///< of the running mean of gradients; Nesterov's form
  float decay = 0;           ///< decoupled: w -= rate * decay * w
  float gradient_scale = 1;  ///< the gradient counts times this (clipping)
};

/// The update of a matrix G (r x c) is 0.2 sqrt(max(r, c)) times an orthogonal matrix near its momentum, so that its root
/// mean square is AdamW's usual 0.2 and both share one rate (Liu et al. 2025, "Muon is scalable", equation 4). Near: five
/// steps X <- a X + (b X X' + c (X X')^2) X, which bring every singular value to about 0.7..1.2 (Jordan's coefficients).
/// Queries, keys and values, and a gated layer's two halves, are matrices of their own.
class Muon {
 public:
  /// Allocates working space for the largest matrix.
  Muon(const ParamSet& params, const Backend& backend);
  /// Whether parameter `i` is a matrix of a layer: not a table of tokens or places, a head, a gain or a bias.
  bool takes(size_t i) const { return takes_[i]; }
  /// One step of params.all()[i] by its gradient; m: the momentum, of its size.
  void step(const ParamSet& params, size_t i, Vec m, const MuonStep& step);
  /// x (r x c) becomes nearly orthogonal. For tests.
  void orthogonalize(Mat x);
  static int64_t working_floats(const ParamSet& params);
  /// Of one step's products, for all the matrices that it takes.
  static double step_operations(const ParamSet& params);

 private:
  const Backend& backend_;
  std::vector<bool> takes_;
  Buffer space_;  ///< two matrices of the largest size, and two of its smaller side squared
  int64_t largest_ = 0, square_ = 0;
};

}  // namespace loam
