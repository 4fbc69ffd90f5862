#include "loam/train/muon.h"

#include <algorithm>
#include <cmath>

namespace loam {
namespace {

constexpr int kRounds = 5;
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;

struct Sizes {
  int64_t largest = 0, square = 0;
};

std::vector<bool> matrices_of_layers(const ParamSet& params) {
  std::vector<bool> takes(params.all().size());
  for (const auto& layer : params.layers) {
    for (size_t i : {layer.qkv, layer.proj, layer.up, layer.down}) {
      if (i != ParamSet::kNone) takes[i] = true;
    }
  }
  return takes;
}

Sizes sizes_of(const ParamSet& params) {
  Sizes s;
  const auto takes = matrices_of_layers(params);
  for (size_t i = 0; i < takes.size(); ++i) {
    if (!takes[i]) continue;
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      s.largest = std::max(s.largest, piece.rows * p.cols);
      s.square = std::max(s.square, std::min(piece.rows, p.cols));
    }
  }
  s.square *= s.square;
  return s;
}

}  // namespace

int64_t Muon::working_floats(const ParamSet& params) {
  const Sizes s = sizes_of(params);
  return 2 * s.largest + 2 * s.square;
}

double Muon::step_operations(const ParamSet& params) {
  const auto takes = matrices_of_layers(params);
  double operations = 0;
  for (size_t i = 0; i < takes.size(); ++i) {
    if (!takes[i]) continue;
    const Param& p = params.all()[i];
    for (const auto& piece : p.pieces) {
      const auto n = static_cast<double>(std::min(piece.rows, p.cols)), m = static_cast<double>(std::max(piece.rows, p.cols));
      operations += kRounds * 2 * (n * n * m + n * n * n + n * n * m);  // the Gram matrix, its square, the next round's matrix
    }
  }
  return operations;
}

Muon::Muon(const ParamSet& params, const Backend& backend) : backend_(backend), takes_(matrices_of_layers(params)) {
  const Sizes s = sizes_of(params);
  largest_ = s.largest;
  square_ = s.square;
  space_ = backend_.allocate(2 * largest_ + 2 * square_);
}

void Muon::orthogonalize(Mat x) {
  const auto& mm = backend_.matmul();
  const auto& op = backend_.optimizer();
  const int64_t n = std::min(x.rows, x.cols), size = x.rows * x.cols;
  const double norm = std::sqrt(op.sum_of_squares(ConstVec(x.data, size)));
  op.combine(Vec(x.data, size), static_cast<float>(1.0 / (norm + 1e-20)), ConstVec(x.data, size), 0, {});
  Mat now = x, next(space_.floats() + largest_, x.rows, x.cols);
  const Mat gram(space_.floats() + 2 * largest_, n, n), polynomial(gram.data + square_, n, n);
  const Vec gram_flat(gram.data, n * n), polynomial_flat(polynomial.data, n * n);
  for (int round = 0; round < kRounds; ++round) {
    if (x.rows <= x.cols) {
      mm.nt(gram, now, now);
    } else {
      backend_.elementwise().fill(gram_flat, 0.0f);
      mm.tn_add(gram, now, now);
    }
    mm.nn(polynomial, gram, gram);
    op.combine(polynomial_flat, kC, polynomial_flat, kB, gram_flat);
    op.add_diagonal(polynomial, kA);
    if (x.rows <= x.cols) {
      mm.nn(next, polynomial, now);
    } else {
      mm.nn(next, now, polynomial);
    }
    std::swap(now, next);
  }
  if (now.data != x.data) backend_.elementwise().copy(x, now);
}

void Muon::step(const ParamSet& params, size_t i, Vec m, const MuonStep& s) {
  const auto& op = backend_.optimizer();
  const Param& p = params.all()[i];
  for (const auto& piece : p.pieces) {
    const int64_t at = piece.row * p.cols, size = piece.rows * p.cols;
    const Vec momentum(m.data + at, size), w(params.value(i).data + at, size), update(space_.floats(), size);
    const ConstVec g(params.gradient(i).data + at, size);
    op.combine(momentum, s.momentum, momentum, (1 - s.momentum) * s.gradient_scale, g);
    op.combine(update, s.momentum, momentum, (1 - s.momentum) * s.gradient_scale, g);
    orthogonalize(Mat(update.data, piece.rows, p.cols));
    const float scale = 0.2f * std::sqrt(static_cast<float>(std::max(piece.rows, p.cols)));
    op.combine(w, 1 - s.rate * s.decay, w, -s.rate * scale, update);
  }
}

}  // namespace loam
