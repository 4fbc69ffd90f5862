#include "loam/formats/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "loam/base/error.h"

namespace loam {

void require_finite(std::span<const float> values, const std::filesystem::path& file, const std::string& tensor) {
  constexpr size_t kBlock = 4096;
  for (size_t from = 0; from < values.size(); from += kBlock) {
    const auto block = values.subspan(from, std::min(kBlock, values.size() - from));
    uint32_t odd = 0;  // without a branch, so that it runs in vectors: exponents of ones only
    for (const float x : block) odd |= (std::bit_cast<uint32_t>(x) & 0x7f800000u) == 0x7f800000u;
    if (odd == 0) continue;
    size_t i = 0;
    while (std::isfinite(block[i])) ++i;
    fail(ErrorKind::input, file, ": tensor ", tensor, ": its number ", from + i, " of ", values.size(), " is ", block[i], "; a model needs finite ones (damaged, or a training that went astray)");
  }
}

int64_t first_not_finite_half(std::span<const std::byte> halves, uint16_t exponent) {
  const auto n = static_cast<int64_t>(halves.size() / 2);
  const auto not_finite = [&](int64_t i) {
    uint16_t half;
    std::memcpy(&half, halves.data() + 2 * i, 2);
    return (half & exponent) == exponent;
  };
  uint16_t any = 0;  // without a branch, so that it runs in vectors
  for (int64_t i = 0; i < n; ++i) any = static_cast<uint16_t>(any | not_finite(i));
  if (any == 0) return -1;
  int64_t i = 0;
  while (!not_finite(i)) ++i;
  return i;
}

}  // namespace loam
