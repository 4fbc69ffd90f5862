#include "loam/kernels/elementwise.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/families.h"
#include "loam/kernels/cpu/random_mask.h"

namespace loam::cpu::LOAM_ISA {
namespace {

/// Rows a task, so that a task touches about 16k numbers.
LOAM_INLINE int64_t row_grain(int64_t cols) { return max_of(1, 16384 / max_of(1, cols)); }

}  // namespace

void Elementwise::swiglu_forward(Mat y, ConstMat gate, ConstMat up) const {
  parallel_chunks(y.rows, row_grain(y.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *g = gate.data + row * gate.ld, *u = up.data + row * up.ld;
      float* out = y.data + row * y.ld;
      each_vector(y.cols, [&](int64_t i, int64_t n) {
        const vf z = load_some(g + i, n);
        store_some(out + i, z / (1.0f + vexp(-z)) * load_some(u + i, n), n);
      });
    }
  });
}

void Elementwise::squared_relu_forward(Mat y, ConstMat x) const {
  parallel_chunks(y.rows, row_grain(y.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x.data + row * x.ld;
      float* out = y.data + row * y.ld;
      each_vector(y.cols, [&](int64_t i, int64_t n) {
        const vf v = load_some(from + i, n), above = v < 0.0f ? vf{} : v;  // NaN stays
        store_some(out + i, above * above, n);
      });
    }
  });
}

void Elementwise::rope(Mat x, int64_t heads, int64_t head_size, const int32_t* positions, ConstMat table, bool inverse) const {
  const int64_t half = head_size / 2;
  parallel_chunks(x.rows, row_grain(x.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float *cosines = table.data + positions[row] * table.ld, *sines = cosines + half;
      for (int64_t h = 0; h < heads; ++h) {
        float *a = x.data + row * x.ld + h * head_size, *b = a + half;
        each_vector(half, [&](int64_t i, int64_t n) {
          const vf u = load_some(a + i, n), v = load_some(b + i, n), c = load_some(cosines + i, n);
          vf s = load_some(sines + i, n);
          if (inverse) s = -s;
          store_some(a + i, u * c - v * s, n);
          store_some(b + i, v * c + u * s, n);
        });
      }
    }
  });
}

void Elementwise::embed_forward(Mat y, const int32_t* ids, const int32_t* positions, ConstMat tokens, ConstMat places) const {
  parallel_chunks(y.rows, row_grain(y.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const float* token = tokens.data + ids[row] * tokens.ld;
      const float* place = places.data != nullptr ? places.data + positions[row] * places.ld : nullptr;
      float* out = y.data + row * y.ld;
      each_vector(y.cols, [&](int64_t i, int64_t n) {
        vf v = load_some(token + i, n);
        if (place != nullptr) v += load_some(place + i, n);
        store_some(out + i, v, n);
      });
    }
  });
}

void Elementwise::embed_backward_add(Mat dtokens, Mat dplaces, const int32_t* ids, const int32_t* positions, ConstMat dy) const {
  // By stripes of columns: each stripe meets the rows in order, so the sums are the same on any number of threads.
  parallel_chunks(dy.cols, 2 * kWidth, [&](int64_t begin, int64_t end) {
    for (int64_t row = 0; row < dy.rows; ++row) {
      const float* in = dy.data + row * dy.ld + begin;
      float* token = dtokens.data + ids[row] * dtokens.ld + begin;
      float* place = dplaces.data != nullptr ? dplaces.data + positions[row] * dplaces.ld + begin : nullptr;
      each_vector(end - begin, [&](int64_t i, int64_t n) {
        const vf d = load_some(in + i, n);
        store_some(token + i, load_some(token + i, n) + d, n);
        if (place != nullptr) store_some(place + i, load_some(place + i, n) + d, n);
      });
    }
  });
}

void Elementwise::pair_rows(int32_t* out, const int32_t* ids, const int32_t* starts, int64_t n, int64_t time, int64_t rows) const {
  for (int64_t i = 0; i < n; ++i) out[i] = pair_row(i % time > (starts != nullptr ? starts[i] : 0) ? ids[i - 1] : -1, ids[i], rows);
}

void Elementwise::dropout(Mat x, float p, uint64_t key, int64_t first_row) const {
  const float scale = 1.0f / (1.0f - p);
  parallel_chunks(x.rows, row_grain(x.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* at = x.data + row * x.ld;
      const uint64_t first = static_cast<uint64_t>((first_row + row) * x.cols);
      for (int64_t c = 0; c < x.cols; ++c) at[c] = kept(key, first + static_cast<uint64_t>(c), p) ? at[c] * scale : 0.0f;
    }
  });
}

void Elementwise::copy(Mat y, ConstMat x) const {
  parallel_chunks(y.rows, row_grain(y.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) std::memcpy(y.data + row * y.ld, x.data + row * x.ld, static_cast<size_t>(y.cols) * sizeof(float));
  });
}

void Elementwise::add(Mat y, ConstMat x) const {
  parallel_chunks(y.rows, row_grain(y.cols), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* out = y.data + row * y.ld;
      const float* in = x.data + row * x.ld;
      each_vector(y.cols, [&](int64_t i, int64_t n) { store_some(out + i, load_some(out + i, n) + load_some(in + i, n), n); });
    }
  });
}

void Elementwise::fill(Vec y, float value) const {
  parallel_chunks(y.size, 1 << 16, [&](int64_t begin, int64_t end) {
    const vf v = splat(value);
    each_vector(end - begin, [&](int64_t i, int64_t n) { store_some(y.data + begin + i, v, n); });
  });
}

}  // namespace loam::cpu::LOAM_ISA
