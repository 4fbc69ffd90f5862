#include "loam/base/random.h"

#include <cmath>
#include <numbers>

#include "loam/base/error.h"

namespace loam {

float normal01(uint64_t key, uint64_t index) {
  const uint64_t bits = random_bits(key, index);
  const double u = (static_cast<double>(bits >> 32) + 1.0) * 0x1.0p-32;  // (0, 1]
  const double v = static_cast<double>(bits & 0xffffffffu) * 0x1.0p-32;
  return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * std::numbers::pi * v));
}

Permutation::Permutation(int64_t n, uint64_t key) : n_(n), key_(key), half_bits_(1) {
  require(n > 0, "a permutation needs at least one element, not ", n);
  while ((int64_t{1} << (2 * half_bits_)) < n) ++half_bits_;
}

int64_t Permutation::at(int64_t i) const {
  LOAM_ASSERT(i >= 0 && i < n_);
  const uint64_t mask = (uint64_t{1} << half_bits_) - 1;
  uint64_t x = static_cast<uint64_t>(i);
  do {
    uint64_t left = x >> half_bits_, right = x & mask;
    for (uint64_t round = 0; round < 4; ++round) {
      const uint64_t next = left ^ (random_bits(key_ + round, right) & mask);
      left = right;
      right = next;
    }
    x = (left << half_bits_) | right;
  } while (x >= static_cast<uint64_t>(n_));
  return static_cast<int64_t>(x);
}

}  // namespace loam
