#include "loam/kernels/stored.h"

#include <cmath>
#include <vector>

#include "loam/kernels/ref/ref_backend.h"

namespace loam::ref {
namespace {

class Stored final : public StoredKernels {
  void nt(Mat y, ConstMat x, const StoredMat& w, const Epilogue& then) const override {
    std::vector<float> row(static_cast<size_t>(w.cols));
    std::vector<std::vector<float>> inputs;
    for (int64_t n = 0; n < x.rows; ++n) {
      inputs.emplace_back(x.data + n * x.ld, x.data + n * x.ld + x.cols);
      const float* given = x.data + n * x.ld;
      for (int64_t b = 0; in_blocks(w.type) && b < w.blocks(); ++b) {
        float* block = inputs.back().data() + b * kBlock;
        const QuantisedBlock q = quantise_block(block, in_super_blocks(w.type) ? given + b * kBlock / kSuperBlock * kSuperBlock : nullptr);
        for (int64_t j = 0; j < kBlock; ++j) block[j] = q.scale * static_cast<float>(q.q[j]);
      }
    }
    for (int64_t o = 0; o < w.rows; ++o) {
      unpack_row(w, o, row.data());
      for (int64_t n = 0; n < x.rows; ++n) {
        double sum = 0;
        for (size_t k = 0; k < row.size(); ++k) sum += static_cast<double>(row[k]) * static_cast<double>(inputs[static_cast<size_t>(n)][k]);
        finish(y, n, o, sum, then);
      }
    }
  }
  void rows(Mat y, const int32_t* ids, const StoredMat& w) const override {
    for (int64_t n = 0; n < y.rows; ++n) unpack_row(w, ids[n], y.data + n * y.ld);
  }
  void gelu(Mat y, ConstMat x) const override {
    for (int64_t n = 0; n < y.rows; ++n) {
      for (int64_t c = 0; c < y.cols; ++c) y.data[n * y.ld + c] = gelu_by_halves(x.data[n * x.ld + c]);
    }
  }
};

}  // namespace

const StoredKernels& stored_kernels() {
  static const Stored kernels;
  return kernels;
}

}  // namespace loam::ref
