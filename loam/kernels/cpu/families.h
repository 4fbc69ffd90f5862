// The cpu backend's classes, once for each instruction set.
#pragma once

#include "loam/kernels/attention.h"
#include "loam/kernels/elementwise.h"
#include "loam/kernels/head.h"
#include "loam/kernels/matmul.h"
#include "loam/kernels/norm.h"
#include "loam/kernels/optimizer.h"

namespace loam::cpu::LOAM_ISA {

class Matmul final : public MatmulKernels {
 public:
  void nt(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override;
  void nn(Mat y, ConstMat x, ConstMat w, const Epilogue& then) const override;
  void tn_add(Mat y, ConstMat a, ConstMat b) const override;
  void nt_symmetric(Mat y, ConstMat x, ConstMat w) const override;
  void sum_rows_add(Vec y, ConstMat x) const override;
};

class Norm final : public NormKernels {
 public:
  void layernorm_forward(Mat y, Vec mean, Vec rstd, ConstMat x, ConstVec gain, ConstVec bias, float eps) const override;
  void layernorm_backward_add(Mat dx, Vec dgain, Vec dbias, ConstMat dy, ConstMat x, ConstVec gain, ConstVec mean, ConstVec rstd) const override;
  void rmsnorm_forward(Mat y, Vec rstd, ConstMat x, ConstVec gain, float eps) const override;
  void rmsnorm_backward_add(Mat dx, Vec dgain, ConstMat dy, ConstMat x, ConstVec gain, ConstVec rstd) const override;
  void heads_forward(Mat x, Mat kept, Vec rstd, int64_t heads, ConstVec gain, float eps) const override;
  void heads_backward(Mat d, Vec dgain, ConstMat kept, int64_t heads, ConstVec gain, ConstVec rstd) const override;
};

class Attention final : public AttentionKernels {
 public:
  void forward(Mat y, Vec lse, ConstMat q, ConstMat k, ConstMat v, const AttentionShape& shape) const override;
  void backward(Mat dq, Mat dk, Mat dv, ConstMat dy, ConstMat y, ConstVec lse, ConstMat q, ConstMat k, ConstMat v,
                const AttentionShape& shape) const override;
  void cached(Mat y, ConstMat q, ConstMat keys, ConstMat values, int64_t first, const AttentionShape& shape) const override;
};

class Elementwise final : public ElementwiseKernels {
 public:
  void swiglu_forward(Mat y, ConstMat gate, ConstMat up) const override;
  void squared_relu_forward(Mat y, ConstMat x) const override;
  void rope(Mat x, int64_t heads, int64_t head_size, const int32_t* positions, ConstMat table, bool inverse) const override;
  void embed_forward(Mat y, const int32_t* ids, const int32_t* positions, ConstMat tokens, ConstMat places) const override;
  void embed_backward_add(Mat dtokens, Mat dplaces, const int32_t* ids, const int32_t* positions, ConstMat dy) const override;
  void pair_rows(int32_t* out, const int32_t* ids, const int32_t* starts, int64_t n, int64_t time, int64_t rows) const override;
  void dropout(Mat x, float p, uint64_t key, int64_t first_row) const override;
  void copy(Mat y, ConstMat x) const override;
  void add(Mat y, ConstMat x) const override;
  void fill(Vec y, float value) const override;
};

class Head final : public HeadKernels {
 public:
  /// Its products are those of floats, with packed panels kept between chunks; or, where given, `products`'.
  explicit Head(const MatmulKernels* products = nullptr) : products_(products) {}
  void loss(Vec losses, Mat dx, Mat dw, ConstMat x, ConstMat w, const int32_t* targets, ConstVec weights) const override;
  void log_softmax(Mat logits) const override;

 private:
  const MatmulKernels* products_;
};

class Optimizer final : public OptimizerKernels {
 public:
  void adamw(Vec w, Vec m, Vec v, ConstVec g, const AdamWStep& step) const override;
  void combine(Vec y, float a, ConstVec x, float b, ConstVec z) const override;
  void add_diagonal(Mat y, float value) const override;
  double sum_of_squares(ConstVec x) const override;
};

}  // namespace loam::cpu::LOAM_ISA
