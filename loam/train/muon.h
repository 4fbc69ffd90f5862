// Muon: momentum, made orthogonal before it is applied (Jordan et al. 2024), for the matrices of the layers.
#pragma once

#include <cstddef>
#include <vector>

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
/// steps X <- (a I + b X X' + c (X X')^2) X, which bring every singular value to about 0.7..1.2 (Jordan's coefficients).
/// Queries, keys and values, and a gated layer's two halves, are matrices of their own.
///
/// The five polynomials are all ones of the first Gram matrix X X', so where X is long they are multiplied with each other,
/// small and symmetric, and with X once at the end. Many matrices are shared out, one to a thread; few are done in turn by all.
class Muon {
 public:
  /// Allocates working space.
  Muon(const ParamSet& params, const Backend& backend);
  /// Whether parameter `i` is a matrix of a layer: not a table of tokens or places, a head, a gain or a bias.
  bool takes(size_t i) const { return plan_.takes[i]; }
  /// One step of every matrix that it takes, by its gradient; m: the momentum of all parameters (those it takes are used).
  void step(const ParamSet& params, Vec m, const MuonStep& step);
  /// x (r x c) becomes nearly orthogonal. For tests.
  void orthogonalize(Mat x) { orthogonalize(x, space_.floats()); }
  /// Numbers of working space with a team of so many threads.
  static int64_t working_floats(const ParamSet& params, int team);
  /// Of one step's products, for all the matrices that it takes.
  static double step_operations(const ParamSet& params);

 private:
  struct Piece {
    int64_t offset, rows, cols;
  };
  struct Plan {
    std::vector<bool> takes;                  ///< by parameter
    std::vector<Piece> pieces;                ///< the costliest first
    int64_t largest = 0, square = 0;          ///< numbers of the largest matrix, and of the largest smaller side squared
    int64_t at_once = 1;                      ///< pieces at work
    int64_t each() const { return 2 * largest + 4 * square; }  ///< numbers of working space for one of them
  };
  static Plan plan(const ParamSet& params, int team);
  void orthogonalize(Mat x, float* space) const;
  void step_piece(const ParamSet& params, const Piece& piece, float* momentum, const MuonStep& step, float* space) const;

  const Backend& backend_;
  Plan plan_;
  Buffer space_;
};

}  // namespace loam
