// The number types of GGUF tensors: plain ones, and blocks of small integers with their scales (ggml's block formats).
//
//   to_floats(GgmlType::q8_0, bytes, floats);               // dequantised
//   std::vector<std::byte> bytes = from_floats(GgmlType::q4_k, floats);
//
// Numbers of a block lie side by side in a row. d and m below are half-precision floats.
//   q8_0  32: d, 32 int8                      x = d q                                34 bytes
//   q4_0  32: d, 16 bytes of two nibbles      x = d (q - 8)      byte j: q of j, j + 16   18
//   q4_1  32: d, m, 16 bytes                  x = d q + m                                20
//   q5_0  32: d, 4 bytes of fifth bits, 16    x = d (q - 16)                             22
//   q5_1  32: d, m, 4 bytes, 16               x = d q + m                                24
//   q4_k 256: d, m, 12 bytes of eight 6-bit scales s and minima n, 128 bytes   x = d s q - m n   144
//   q6_k 256: 128 low nibbles, 64 bytes of high pairs, 16 int8 scales s, d     x = d s (q - 32)  210
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "loam/base/half.h"

namespace loam {

/// The values are the format's own numbers.
enum class GgmlType : uint32_t { f32 = 0, f16 = 1, q4_0 = 2, q4_1 = 3, q5_0 = 6, q5_1 = 7, q8_0 = 8, q4_k = 12, q6_k = 14, bf16 = 30 };

struct GgmlTraits {
  const char* name;      ///< "Q4_K"
  int64_t block, bytes;  ///< numbers, and bytes, of one block
};
/// Null for a type that is not read here.
const GgmlTraits* ggml_traits(uint32_t type);

/// out: as many numbers as the blocks hold. Throws Error{input} if a scale is no finite number (which block).
void to_floats(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

/// f32, f16, bf16, q8_0, q4_0, q4_1, q4_k, q6_k; the count a multiple of the block. Each number, or each block's scale, is
/// rounded to the nearest, ties to even; the scales of q4_k and q6_k are searched for the least squared error. Throws
/// Error{input} for a number that is not finite (a block type), Error{usage} for another type.
std::vector<std::byte> from_floats(GgmlType type, std::span<const float> values);

}  // namespace loam
