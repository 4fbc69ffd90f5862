// Where the real data lies that some tests look at: LOAM_DATA, or ../shared/data beside the checkout. Tests skip aloud
// where it is absent.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace loam {

inline std::filesystem::path real_data() {
  const char* given = std::getenv("LOAM_DATA");
  return given != nullptr ? std::filesystem::path(given) : std::filesystem::path(LOAM_SOURCE_DIR) / "../shared/data";
}

}  // namespace loam
