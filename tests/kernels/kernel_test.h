// What the kernel tests share: random matrices, comparison with the reference, each instruction set of this machine.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/kernels/backend.h"

namespace loam {

/// rows x cols floats with a margin on the right, to see that nothing is written there.
struct Matrix {
  int64_t rows, cols, ld;
  std::vector<float> data;
  explicit Matrix(int64_t r, int64_t c, float value = 0, int64_t margin = 3) : rows(r), cols(c), ld(c + margin), data(static_cast<size_t>(r * ld), value) {}
  Mat mat() { return {data.data(), rows, cols, ld}; }
  ConstMat view() const { return {data.data(), rows, cols, ld}; }
  float& at(int64_t r, int64_t c) { return data[static_cast<size_t>(r * ld + c)]; }
};

inline Matrix uniform(int64_t rows, int64_t cols, uint64_t seed, float scale = 1) {
  Matrix m(rows, cols);
  for (size_t i = 0; i < m.data.size(); ++i) m.data[i] = scale * (2 * uniform01(seed, i) - 1);
  return m;
}

struct Vector {
  std::vector<float> data;
  explicit Vector(int64_t n, float value = 0) : data(static_cast<size_t>(n), value) {}
  Vec vec() { return {data.data(), static_cast<int64_t>(data.size())}; }
  ConstVec view() const { return {data.data(), static_cast<int64_t>(data.size())}; }
};

inline Vector uniform_vector(int64_t n, uint64_t seed) {
  Vector v(n);
  for (size_t i = 0; i < v.data.size(); ++i) v.data[i] = 2 * uniform01(seed, i) - 1;
  return v;
}

/// Largest difference over the largest magnitude of `want` (at least 1e-3).
inline double distance(const std::vector<float>& got, const std::vector<float>& want) {
  double difference = 0, magnitude = 1e-3;
  for (size_t i = 0; i < want.size(); ++i) {
    if (!std::isfinite(got[i])) return INFINITY;
    difference = std::max(difference, std::abs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    magnitude = std::max(magnitude, std::abs(static_cast<double>(want[i])));
  }
  return difference / magnitude;
}

/// Runs with each instruction set this machine has.
class EachIsa : public testing::TestWithParam<std::string> {
 protected:
  const Backend& fast() const { return cpu_backend(GetParam()); }
  const Backend& ref() const { return backend("ref"); }
};

#define LOAM_EACH_ISA(Suite) \
  INSTANTIATE_TEST_SUITE_P(Isa, Suite, testing::ValuesIn(usable_isas()), [](const auto& test) { return test.param; })

}  // namespace loam
