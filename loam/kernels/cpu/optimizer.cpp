#include "loam/kernels/optimizer.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/scratch.h"
#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;

LOAM_INLINE vf square_root(vf x) {
  vf y;
  for (int i = 0; i < kWidth; ++i) y[i] = __builtin_sqrtf(x[i]);
  return y;
}

}  // namespace

void Optimizer::adamw(Vec w, Vec m, Vec v, ConstVec g, const AdamWStep& s) const {
  // Kingma & Ba 2015, algorithm 1, with the bias corrections folded into the rate and epsilon as they are written there.
  const float step_size = s.rate / s.correction1, root = 1.0f / __builtin_sqrtf(s.correction2), shrink = 1.0f - s.rate * s.decay;
  parallel_chunks(w.size, kPiece, [&](int64_t begin, int64_t end) {
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      const int64_t at = begin + i;
      const vf d = load_some(g.data + at, n) * s.gradient_scale;
      const vf m1 = load_some(m.data + at, n) * s.beta1 + d * (1.0f - s.beta1);
      const vf v1 = load_some(v.data + at, n) * s.beta2 + d * d * (1.0f - s.beta2);
      store_some(m.data + at, m1, n);
      store_some(v.data + at, v1, n);
      const vf w1 = load_some(w.data + at, n) * shrink - step_size * m1 / (square_root(v1) * root + s.epsilon);
      store_some(w.data + at, w1, n);
    });
  });
}

void Optimizer::combine(Vec y, float a, ConstVec x, float b, ConstVec z) const {
  parallel_chunks(y.size, 65536, [&](int64_t begin, int64_t end) {
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      vf sum = load_some(x.data + begin + i, n) * a;
      if (z.data != nullptr) sum += load_some(z.data + begin + i, n) * b;
      store_some(y.data + begin + i, sum, n);
    });
  });
}

void Optimizer::add_diagonal(Mat y, float value) const {
  for (int64_t i = 0; i < y.rows; ++i) y.data[i * y.ld + i] += value;
}

double Optimizer::sum_of_squares(ConstVec x) const {
  const int64_t pieces = (x.size + kPiece - 1) / kPiece;
  double* partial = reinterpret_cast<double*>(scratch(kRowsSlot, 2 * pieces));
  parallel_for(pieces, [&](int64_t piece) {
    const int64_t begin = piece * kPiece, end = min_of(begin + kPiece, x.size);
    vf total = {};
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      const vf v = load_some(x.data + begin + i, n);
      total += v * v;
    });
    partial[piece] = static_cast<double>(sum(total));
  });
  double all = 0;
  for (int64_t piece = 0; piece < pieces; ++piece) all += partial[piece];
  return all;
}

}  // namespace loam::cpu::LOAM_ISA
