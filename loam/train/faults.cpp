#include "loam/train/faults.h"

#include <cstdlib>
#include <cstring>
#include <limits>
#include <map>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {

std::function<void(int64_t, Vec)> parse_faults(const std::string& text) {
  if (text.empty()) return {};
  std::multimap<int64_t, std::string> faults;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    const std::string one = text.substr(at, end - at);
    const size_t sign = one.find('@');
    require(sign != std::string::npos && sign + 1 < one.size() && one.find_first_not_of("0123456789", sign + 1) == std::string::npos && one.size() < sign + 18, "fault \"", one,
            "\": wanted KIND@STEP");
    const std::string kind = one.substr(0, sign);
    require(kind == "nan" || kind == "inf" || kind == "flip" || kind == "huge", "fault \"", one, "\": there are nan, inf, flip and huge");
    faults.emplace(std::stoll(one.substr(sign + 1)), kind);
    at = end + 1;
  }
  return [faults](int64_t step, Vec g) {
    const auto [begin, end] = faults.equal_range(step);
    for (auto it = begin; it != end; ++it) {
      float& x = g.data[random_bits(0x6661756c74ull, static_cast<uint64_t>(step)) % static_cast<uint64_t>(g.size)];
      if (it->second == "nan") {
        x = std::numeric_limits<float>::quiet_NaN();
      } else if (it->second == "inf") {
        x = std::numeric_limits<float>::infinity();
      } else if (it->second == "flip") {
        uint32_t bits = 0;
        std::memcpy(&bits, &x, 4);
        bits ^= 1u << 30;
        std::memcpy(&x, &bits, 4);
      } else {
        for (int64_t i = 0; i < g.size; ++i) g.data[i] *= 1e4f;
      }
    }
  };
}

std::function<void(int64_t, Vec)> faults_from_environment() {
  const char* text = std::getenv("LOAM_FAULTS");
  return parse_faults(text != nullptr ? text : "");
}

}  // namespace loam
