#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {
namespace {

constexpr int64_t kRows = 32;  // rows a task

LOAM_INLINE float square_root(float x) { return __builtin_sqrtf(x); }

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
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *in = x.data + row * x.ld, *g = dy.data + row * dy.ld;
      const float m = mean.data[row], r = rstd.data[row];
      vf total = {}, along = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf d = load_some(g + i, n) * load_some(gain.data + i, n);
        total += d;
        along += d * (load_some(in + i, n) - m);  // lanes past n: d is 0 there
      });
      const float mean_d = sum(total) * inverse, mean_along = sum(along) * r * r * inverse;
      float* out = dx.data + row * dx.ld;
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf d = load_some(g + i, n) * load_some(gain.data + i, n);
        const vf centred = load_some(in + i, n) - m;
        store_some(out + i, load_some(out + i, n) + r * (d - mean_d - centred * mean_along), n);
      });
    }
  });
  parallel_chunks(x.cols, 2 * kWidth, [&](int64_t begin, int64_t end) {
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      const int64_t c = begin + i;
      vf gains = {}, biases = {};
      for (int64_t row = 0; row < x.rows; ++row) {
        const vf d = load_some(dy.data + row * dy.ld + c, n);
        gains += d * ((load_some(x.data + row * x.ld + c, n) - mean.data[row]) * rstd.data[row]);
        biases += d;
      }
      store_some(dgain.data + c, load_some(dgain.data + c, n) + gains, n);
      store_some(dbias.data + c, load_some(dbias.data + c, n) + biases, n);
    });
  });
}

void Norm::rmsnorm_forward(Mat y, Vec rstd, ConstMat x, ConstVec gain, float eps) const {
  const float inverse = 1.0f / static_cast<float>(x.cols);
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* in = x.data + row * x.ld;
      vf squares = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf v = load_some(in + i, n);
        squares += v * v;
      });
      const float r = 1.0f / square_root(sum(squares) * inverse + eps);
      rstd.data[row] = r;
      float* out = y.data + row * y.ld;
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        store_some(out + i, load_some(in + i, n) * r * load_some(gain.data + i, n), n);
      });
    }
  });
}

void Norm::rmsnorm_backward_add(Mat dx, Vec dgain, ConstMat dy, ConstMat x, ConstVec gain, ConstVec rstd) const {
  const float inverse = 1.0f / static_cast<float>(x.cols);
  parallel_chunks(x.rows, kRows, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *in = x.data + row * x.ld, *g = dy.data + row * dy.ld;
      const float r = rstd.data[row];
      vf along = {};
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        along += load_some(g + i, n) * load_some(gain.data + i, n) * load_some(in + i, n);
      });
      const float mean_along = sum(along) * r * r * inverse;
      float* out = dx.data + row * dx.ld;
      each_vector(x.cols, [&](int64_t i, int64_t n) {
        const vf d = load_some(g + i, n) * load_some(gain.data + i, n);
        store_some(out + i, load_some(out + i, n) + r * (d - load_some(in + i, n) * mean_along), n);
      });
    }
  });
  parallel_chunks(x.cols, 2 * kWidth, [&](int64_t begin, int64_t end) {
    each_vector(end - begin, [&](int64_t i, int64_t n) {
      const int64_t c = begin + i;
      vf gains = {};
      for (int64_t row = 0; row < x.rows; ++row) {
        gains += load_some(dy.data + row * dy.ld + c, n) * load_some(x.data + row * x.ld + c, n) * rstd.data[row];
      }
      store_some(dgain.data + c, load_some(dgain.data + c, n) + gains, n);
    });
  });
}

}  // namespace loam::cpu::LOAM_ISA
