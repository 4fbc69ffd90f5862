#include "loam/kernels/cpu/stored.h"

#include <vector>

#include "loam/base/half.h"
#include "loam/base/threads.h"
#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {

template <bool kDots>
void Stored<kDots>::nt(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) const {
  LOAM_ASSERT(x.cols == w.cols && y.rows == x.rows && y.cols == w.rows && w.type != NumberType::f32);
  if (in_blocks(w.type)) {
    nt_blocks<kDots>(y, x, w, then);
  } else {
    nt_halves(y, x, w, then);
  }
}

template <bool kDots>
void Stored<kDots>::rows(Mat y, const int32_t* ids, const StoredMat& w) const {
  parallel_chunks(y.rows, 16, [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) unpack_row(w, ids[n], y.data + n * y.ld);
  });
}

template <bool kDots>
void Stored<kDots>::gelu(Mat y, ConstMat x) const {
  static const std::vector<float> values = [] {
    std::vector<float> of(65536);
    for (size_t half = 0; half < of.size(); ++half) of[half] = gelu_by_halves(half_to_float(static_cast<uint16_t>(half)));
    return of;
  }();
  parallel_chunks(y.rows, max_of(1, 4096 / max_of(1, y.cols)), [&](int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; ++n) {
      for (int64_t c = 0; c < y.cols; ++c) {
        const float v = x.data[n * x.ld + c];
        y.data[n * y.ld + c] = v >= 10.0f ? v : values[float_to_half(v)];
      }
    }
  });
}

template class Stored<false>;
#if defined(__AVX2__)
template class Stored<true>;
#endif

}  // namespace loam::cpu::LOAM_ISA
