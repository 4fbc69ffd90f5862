#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/scratch.h"
#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int64_t kRows = 32;  // rows a task

LOAM_INLINE float square_root(float x) { return __builtin_sqrtf(x); }

/// y += what each piece of rows summed, in their order.
inline void add_partial(Vec y, const float* partial, int64_t pieces, int64_t stride) {
  each_vector(y.size, [&](int64_t i, int64_t n) {
    vf total = load(partial + i);
    for (int64_t piece = 1; piece < pieces; ++piece) total += load(partial + piece * stride + i);
    store_some(y.data + i, load_some(y.data + i, n) + total, n);
  });
}

/// One row of RMSNorm; returns its rstd. `kept` becomes x. y may be x.
LOAM_INLINE float rms_row(float* y, float* kept, const float* x, ConstVec gain, float eps) {
  vf squares = {};
  each_vector(gain.size, [&](int64_t i, int64_t n) {
    const vf v = load_some(x + i, n);
    squares += v * v;
    if (kept != nullptr) store_some(kept + i, v, n);
  });
  const float r = 1.0f / square_root(sum(squares) / static_cast<float>(gain.size) + eps);
  each_vector(gain.size, [&](int64_t i, int64_t n) { store_some(y + i, load_some(x + i, n) * r * load_some(gain.data + i, n), n); });
  return r;
}

/// The gradient of a row: added to dx, or written there (which may then be dy); gains += what the row says of them.
template <bool kAdd>
LOAM_INLINE void rms_row_backward(float* dx, float* gains, const float* dy, const float* x, ConstVec gain, float r) {
  vf along = {};
  each_vector(gain.size, [&](int64_t i, int64_t n) {
    const vf e = load_some(dy + i, n), hat = load_some(x + i, n) * r;
    along += e * load_some(gain.data + i, n) * hat;
    store(gains + i, load(gains + i) + e * hat);
  });
  const float mean_along = sum(along) / static_cast<float>(gain.size);
  each_vector(gain.size, [&](int64_t i, int64_t n) {
    vf v = r * (load_some(dy + i, n) * load_some(gain.data + i, n) - load_some(x + i, n) * r * mean_along);
    if constexpr (kAdd) v += load_some(dx + i, n);
    store_some(dx + i, v, n);
  });
}

}  // namespace

void Norm::layernorm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, ConstVec gain, ConstVec bias, float eps) const {
  const float inverse = 1.0f / static_cast<float>(x.cols);
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x.data + row * x.ld;
      vf total = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) { total += load_some(in + i, n); });
      const float m = sum(total) * inverse;
      vf squares = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf d = keep_first(load_some(in + i, n) - m, n);
        squares += d * d;
      });
      const float r = 1.0f / square_root(sum(squares) * inverse + eps);
      mean.data[row] = m;
      rstd.data[row] = r;
      float* out = y.data + row * y.ld;
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        store_some(out + i, (load_some(in + i, n) - m) * r * load_some(gain.data + i, n) + load_some(bias.data + i, n), n);
      });
    }
  });
}

void Norm::layernorm_backward_add(Mat dx, Vec dgain, Vec dbias, ConstMat dy, ConstMat x, ConstVec gain, ConstVec mean, ConstVec rstd) const {
  const float inverse = 1.0f / static_cast<float>(x.cols);
  const int64_t pieces = (x.rows + kRows - 1) / kRows, width = round_up(x.cols, kWidth);
  float* partial = scratch(kRowsSlot, pieces * 2 * width);
  parallel_for(pieces, [&](int64_t piece) {
    float *gains = partial + piece * 2 * width, *biases = gains + width;
    std::memset(gains, 0, static_cast<size_t>(2 * width) * sizeof(float));
    for (int64_t row = piece * kRows; row < min_of((piece + 1) * kRows, x.rows); ++row) {
      const float *in = x.data + row * x.ld, *g = dy.data + row * dy.ld;
      const float m = mean.data[row], r = rstd.data[row];
      vf total = {}, along = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf e = load_some(g + i, n), hat = (load_some(in + i, n) - m) * r, d = e * load_some(gain.data + i, n);
        total += d;
        along += d * hat;  // lanes past n: d is 0 there
        store(gains + i, load(gains + i) + e * hat);
        store(biases + i, load(biases + i) + e);
      });
      const float mean_d = sum(total) * inverse, mean_along = sum(along) * inverse;
      float* out = dx.data + row * dx.ld;
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf d = load_some(g + i, n) * load_some(gain.data + i, n), hat = (load_some(in + i, n) - m) * r;
        store_some(out + i, load_some(out + i, n) + r * (d - mean_d - hat * mean_along), n);
      });
    }
  });
  add_partial(dgain, partial, pieces, 2 * width);
  add_partial(dbias, partial + width, pieces, 2 * width);
}

void Norm::rmsnorm_forward(Mat y, Vec rstd, ConstMat x, ConstVec gain, float eps) const {
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) rstd.data[row] = rms_row(y.data + row * y.ld, nullptr, x.data + row * x.ld, gain, eps);
  });
}

void Norm::rmsnorm_backward_add(Mat dx, Vec dgain, ConstMat dy, ConstMat x, ConstVec gain, ConstVec rstd) const {
  const int64_t pieces = (x.rows + kRows - 1) / kRows, width = round_up(x.cols, kWidth);
  float* partial = scratch(kRowsSlot, pieces * width);
  parallel_for(pieces, [&](int64_t piece) {
    float* gains = partial + piece * width;
    std::memset(gains, 0, static_cast<size_t>(width) * sizeof(float));
    for (int64_t row = piece * kRows; row < min_of((piece + 1) * kRows, x.rows); ++row) {
      rms_row_backward<true>(dx.data + row * dx.ld, gains, dy.data + row * dy.ld, x.data + row * x.ld, gain, rstd.data[row]);
    }
  });
  add_partial(dgain, partial, pieces, width);
}

void Norm::heads_forward(Mat x, Mat kept, Vec rstd, int64_t heads, ConstVec gain, float eps) const {
  const int64_t size = x.cols / heads;
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      for (int64_t h = 0; h < heads; ++h) {
        float* at = x.data + row * x.ld + h * size;
        rstd.data[row * heads + h] = rms_row(at, kept.data != nullptr ? kept.data + row * kept.ld + h * size : nullptr, at, gain, eps);
      }
    }
  });
}

void Norm::heads_backward(Mat d, Vec dgain, ConstMat kept, int64_t heads, ConstVec gain, ConstVec rstd) const {
  const int64_t size = d.cols / heads, pieces = (d.rows + kRows - 1) / kRows, width = round_up(size, kWidth);
  float* partial = scratch(kRowsSlot, pieces * width);
  parallel_for(pieces, [&](int64_t piece) {
    float* gains = partial + piece * width;
    std::memset(gains, 0, static_cast<size_t>(width) * sizeof(float));
    for (int64_t row = piece * kRows; row < min_of((piece + 1) * kRows, d.rows); ++row) {
      for (int64_t h = 0; h < heads; ++h) {
        float* at = d.data + row * d.ld + h * size;
        rms_row_backward<false>(at, gains, at, kept.data + row * kept.ld + h * size, gain, rstd.data[row * heads + h]);
      }
    }
  });
  add_partial(dgain, partial, pieces, width);
}

}  // namespace loam::cpu::LOAM_ISA
