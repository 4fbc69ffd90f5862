// Weights must be numbers: one that is none spoils every answer, and no message then says why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace loam {

/// Throws Error{input} naming file, tensor and place for the first value that is infinite or no number.
void require_finite(std::span<const float> values, const std::filesystem::path& file, const std::string& tensor);

/// Where the first of the 16-bit floats is infinite or no number, -1 if none is. exponent: the bits that are all ones in
/// such a one, 0x7c00 of binary16, 0x7f80 of bfloat16.
int64_t first_not_finite_half(std::span<const std::byte> halves, uint16_t exponent);

}  // namespace loam
