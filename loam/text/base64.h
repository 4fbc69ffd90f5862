// Base64 (RFC 4648, section 4).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace loam {

std::string to_base64(std::string_view bytes);
/// None if `text` is empty or no such text.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace loam
