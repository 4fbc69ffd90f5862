// Products of bfloat16 factors where the processor has no tiles for them: both factors are rounded, and their products
// added up, as floats. What a run computes is then the same on any machine, but for the order of sums; only slower.
#pragma once

#include "loam/kernels/matmul.h"

namespace loam::cpu::LOAM_ISA {

class RoundedMatmul final : public MatmulKernels {
 public:
  explicit RoundedMatmul(const MatmulKernels& floats) : floats_(floats) {}
  void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override;
  void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override;
  void tn_add(Mat y, ConstMat a, ConstMat b) const override;
  void nt_symmetric(Mat y, ConstMat x, ConstMat w) const override { floats_.nt_symmetric(y, x, w); }
  void sum_rows_add(Vec y, ConstMat x) const override { floats_.sum_rows_add(y, x); }

 private:
  const MatmulKernels& floats_;
};

}  // namespace loam::cpu::LOAM_ISA
