#include "loam/kernels/cpu/stored.h"

#include "loam/base/threads.h"

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

template class Stored<false>;
#if defined(__AVX2__)
template class Stored<true>;
#endif

}  // namespace loam::cpu::LOAM_ISA
