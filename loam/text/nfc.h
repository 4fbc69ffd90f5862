// Unicode normalization form C, as some imported tokenizers want it.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// Would to_nfc() change nothing? Text that is not UTF-8 counts as normal: it is left as it is.
bool is_nfc(std::string_view text);
std::string to_nfc(std::string_view text);

}  // namespace loam
