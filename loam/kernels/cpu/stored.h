// The cpu backend's products with stored weights, once for each instruction set; `kDots` with the instruction that adds
// four products of bytes (VNNI) where the set has one.
#pragma once

#include "loam/kernels/stored.h"

namespace loam::cpu::LOAM_ISA {

template <bool kDots>
class Stored final : public StoredKernels {
 public:
  void nt(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) const override;
  void rows(Mat y, const int32_t* ids, const StoredMat& w) const override;
  void gelu(Mat y, ConstMat x) const override;
};

void nt_halves(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);
template <bool kDots>
void nt_blocks(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then);

}  // namespace loam::cpu::LOAM_ISA
