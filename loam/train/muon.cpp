#include "loam/train/muon.h"

#include <algorithm>
#include <atomic>
#include <cmath>

#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr int kRounds = 5;
constexpr float kA = 3.4445f, kB = -4.7750f, kC = 2.0315f;
constexpr int64_t kMostSpace = 64 << 20;  // floats: with large matrices fewer are at work at once

/// Multiplying polynomials of the Gram matrix costs (3 * 5 - 1) symmetric products of its size and one with X; applying each
/// to X one symmetric product and two with X (n x n with n x m; a symmetric one is counted as half).
bool by_gram(int64_t n, int64_t m) { return static_cast<double>(m) > 1.5 * static_cast<double>(n); }

double operations(int64_t rows, int64_t cols) {
  const auto n = static_cast<double>(std::min(rows, cols)), m = static_cast<double>(std::max(rows, cols));
  const double along = 2 * n * n * m, square = n * n * n;  // a symmetric square product is half of one
  return by_gram(std::min(rows, cols), std::max(rows, cols)) ? along / 2 + (4 * kRounds - 3) * square + along : kRounds * (along / 2 + square + along);
}

}  // namespace

Muon::Plan Muon::plan(const ParamSet& params, int team) {
  Plan p;
  p.takes.resize(params.all().size());
  for (const auto& layer : params.layers) {
    for (size_t i : {layer.qkv, layer.proj, layer.up, layer.down}) {
      if (i == ParamSet::kNone) continue;
      p.takes[i] = true;
      const Param& param = params.all()[i];
      for (const auto& piece : param.pieces) {
        p.pieces.push_back({param.offset + piece.row * param.cols, piece.rows, param.cols});
        p.largest = std::max(p.largest, piece.rows * param.cols);
        const int64_t n = std::min(piece.rows, param.cols);
        p.square = std::max(p.square, n * n);
      }
    }
  }
  std::stable_sort(p.pieces.begin(), p.pieces.end(), [](const Piece& a, const Piece& b) { return operations(a.rows, a.cols) > operations(b.rows, b.cols); });
  const auto count = static_cast<int64_t>(p.pieces.size());
  if (count >= 2 * team) p.at_once = std::clamp<int64_t>(kMostSpace / std::max<int64_t>(1, p.each()), 1, team);
  return p;
}

int64_t Muon::working_floats(const ParamSet& params, int team) {
  const Plan p = plan(params, team);
  return p.at_once * p.each();
}

double Muon::step_operations(const ParamSet& params) {
  double sum = 0;
  for (const Piece& piece : plan(params, 1).pieces) sum += operations(piece.rows, piece.cols);
  return sum;
}

Muon::Muon(const ParamSet& params, const Backend& backend) : backend_(backend), plan_(plan(params, threads())), space_(backend.allocate(plan_.at_once * plan_.each())) {}

void Muon::orthogonalize(Mat x, float* space) const {
  const auto& mm = backend_.matmul();
  const auto& op = backend_.optimizer();
  const bool wide = x.rows <= x.cols;
  const int64_t n = std::min(x.rows, x.cols), m = std::max(x.rows, x.cols), size = n * m;
  const double norm = std::sqrt(op.sum_of_squares(ConstVec(x.data, size)));
  op.combine(Vec(x.data, size), static_cast<float>(1.0 / (norm + 1e-20)), ConstVec(x.data, size), 0, {});
  Mat now = x, next(space + plan_.largest, x.rows, x.cols);
  auto square = [&](int64_t i) { return Mat(space + 2 * plan_.largest + i * plan_.square, n, n); };
  auto flat = [&](Mat y) { return Vec(y.data, n * n); };
  Mat gram = square(0), polynomial = square(1), all = square(2), other = square(3);
  auto gram_of = [&](Mat y) {
    if (wide) return mm.nt_symmetric(gram, y, y);
    backend_.elementwise().fill(flat(gram), 0.0f);
    mm.tn_add(gram, y, y);
  };
  auto polynomial_of_gram = [&] {
    mm.nt_symmetric(polynomial, gram, gram);
    op.combine(flat(polynomial), kC, flat(polynomial), kB, flat(gram));
    op.add_diagonal(polynomial, kA);
  };
  auto apply = [&](Mat p) {
    if (wide) {
      mm.nn(next, p, now);
    } else {
      mm.nn(next, now, p);
    }
    std::swap(now, next);
  };
  gram_of(now);
  if (by_gram(n, m)) {
    for (int round = 0; round < kRounds; ++round) {
      polynomial_of_gram();
      if (round == 0) {
        backend_.elementwise().copy(all, polynomial);
      } else {
        mm.nt_symmetric(other, polynomial, all);
        std::swap(other, all);
      }
      if (round + 1 == kRounds) break;
      mm.nt_symmetric(other, polynomial, gram);  // the next X X' is p G p
      mm.nt_symmetric(gram, polynomial, other);
    }
    apply(all);
  } else {
    for (int round = 0; round < kRounds; ++round) {
      if (round > 0) gram_of(now);
      polynomial_of_gram();
      apply(polynomial);
    }
  }
  if (now.data != x.data) backend_.elementwise().copy(x, now);
}

void Muon::step_piece(const ParamSet& params, const Piece& piece, float* m, const MuonStep& s, float* space) const {
  const auto& op = backend_.optimizer();
  const int64_t size = piece.rows * piece.cols;
  const Vec momentum(m + piece.offset, size), w(params.values().data + piece.offset, size), update(space, size);
  const ConstVec g(params.gradients().data + piece.offset, size);
  op.combine(momentum, s.momentum, momentum, (1 - s.momentum) * s.gradient_scale, g);
  op.combine(update, s.momentum, momentum, (1 - s.momentum) * s.gradient_scale, g);
  orthogonalize(Mat(update.data, piece.rows, piece.cols), space);
  const float scale = 0.2f * std::sqrt(static_cast<float>(std::max(piece.rows, piece.cols)));
  op.combine(w, 1 - s.rate * s.decay, w, -s.rate * scale, update);
}

void Muon::step(const ParamSet& params, Vec m, const MuonStep& s) {
  // One task a space: each takes pieces until none are left, so that large ones do not pile up on one thread. (A single task
  // leaves the threads to its products.)
  std::atomic<size_t> next = 0;
  parallel_for(plan_.at_once, [&](int64_t task) {
    for (size_t i = next++; i < plan_.pieces.size(); i = next++) step_piece(params, plan_.pieces[i], m.data, s, space_.floats() + task * plan_.each());
  });
}

}  // namespace loam
