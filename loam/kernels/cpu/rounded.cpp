#include "loam/kernels/cpu/rounded.h"

#include "loam/base/threads.h"
#include "loam/kernels/cpu/scratch.h"
#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {
namespace {

/// Rounded to nearest even where its low 16 bits are cut off; not a number stays none.
LOAM_INLINE vf round_to_bfloat(vf x) {
  const vi bits = reinterpret_cast<vi>(x);
  const vi rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & -0x10000;
  return x == x ? reinterpret_cast<vf>(rounded) : x;
}

ConstMat rounded(int slot, ConstMat x) {
  const int64_t ld = round_up(x.cols, kWidth);
  float* to = scratch(slot, x.rows * ld);
  parallel_chunks(x.rows, max_of(1, 16384 / ld), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      each_vector(x.cols, [&](int64_t i, int64_t n) { store_some(to + row * ld + i, round_to_bfloat(load_some(x.data + row * x.ld + i, n)), n); });
    }
  });
  return {to, x.rows, x.cols, ld};
}

}  // namespace

void RoundedMatmul::nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const { floats_.nt(y, rounded(kRoundedSlot, x), rounded(kRoundedSlot2, w), then); }
void RoundedMatmul::nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const { floats_.nn(y, rounded(kRoundedSlot, x), rounded(kRoundedSlot2, w), then); }
void RoundedMatmul::tn_add(Mat y, ConstMat a, ConstMat b) const { floats_.tn_add(y, rounded(kRoundedSlot, a), rounded(kRoundedSlot2, b)); }

}  // namespace loam::cpu::LOAM_ISA
