// Weights must be numbers: one that is none spoils every answer, and no message then says why.
#pragma once

#include <filesystem>
#include <span>
#include <string>

namespace loam {

/// Throws Error{input} naming file, tensor and place for the first value that is infinite or no number.
void require_finite(std::span<const float> values, const std::filesystem::path& file, const std::string& tensor);

}  // namespace loam
