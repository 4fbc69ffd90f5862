// Views of float32 numbers that live in a Backend's memory (the host's or a device's): no ownership, cheap to copy.
//
//   Mat x(buffer.floats(), rows, cols);          // (rows, cols), row-major
//   Mat q = qkv.columns(0, channels);            // a view into wider rows: ld stays
#pragma once

#include <cstdint>

#include "loam/base/error.h"

namespace loam {

/// A vector of n floats, contiguous.
struct ConstVec {
  const float* data = nullptr;
  int64_t size = 0;
  ConstVec() = default;
  ConstVec(const float* p, int64_t n) : data(p), size(n) {}
  explicit operator bool() const { return data != nullptr; }
  /// Elements [begin, begin + count); of no vector, none.
  ConstVec range(int64_t begin, int64_t count) const {
    if (data == nullptr) return {};
    LOAM_ASSERT(begin >= 0 && begin + count <= size);
    return {data + begin, count};
  }
};

struct Vec {
  float* data = nullptr;
  int64_t size = 0;
  Vec() = default;
  Vec(float* p, int64_t n) : data(p), size(n) {}
  operator ConstVec() const { return {data, size}; }
  explicit operator bool() const { return data != nullptr; }
};

/// rows x cols floats, row-major, `ld` floats from one row to the next (ld >= cols).
struct ConstMat {
  const float* data = nullptr;
  int64_t rows = 0, cols = 0, ld = 0;
  ConstMat() = default;
  ConstMat(const float* p, int64_t r, int64_t c) : data(p), rows(r), cols(c), ld(c) {}
  ConstMat(const float* p, int64_t r, int64_t c, int64_t stride) : data(p), rows(r), cols(c), ld(stride) {}
  explicit operator bool() const { return data != nullptr; }
  ConstMat columns(int64_t begin, int64_t count) const {
    LOAM_ASSERT(begin >= 0 && begin + count <= cols);
    return {data + begin, rows, count, ld};
  }
  ConstMat range(int64_t begin, int64_t count) const {
    LOAM_ASSERT(begin >= 0 && begin + count <= rows);
    return {data + begin * ld, count, cols, ld};
  }
};

struct Mat {
  float* data = nullptr;
  int64_t rows = 0, cols = 0, ld = 0;
  Mat() = default;
  Mat(float* p, int64_t r, int64_t c) : data(p), rows(r), cols(c), ld(c) {}
  Mat(float* p, int64_t r, int64_t c, int64_t stride) : data(p), rows(r), cols(c), ld(stride) {}
  operator ConstMat() const { return {data, rows, cols, ld}; }
  explicit operator bool() const { return data != nullptr; }
  /// Columns [begin, begin + count) of every row.
  Mat columns(int64_t begin, int64_t count) const {
    LOAM_ASSERT(begin >= 0 && begin + count <= cols);
    return {data + begin, rows, count, ld};
  }
  /// Rows [begin, begin + count).
  Mat range(int64_t begin, int64_t count) const {
    LOAM_ASSERT(begin >= 0 && begin + count <= rows);
    return {data + begin * ld, count, cols, ld};
  }
};

}  // namespace loam
