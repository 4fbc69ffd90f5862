// What tests of texts need: a text many times over.
#pragma once

#include <string>
#include <string_view>

namespace loam {

inline std::string repeated(std::string_view text, int n) {
  std::string out;
  for (int i = 0; i < n; ++i) out += text;
  return out;
}

}  // namespace loam
