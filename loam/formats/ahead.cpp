#include "loam/formats/ahead.h"

#include <utility>

namespace loam {

void UnpackAhead::offer(int64_t begin, int64_t end, std::function<std::vector<UnpackedPart>()> unpack) {
  auto parts = std::make_shared<std::vector<UnpackedPart>>();
  auto piece = spare_->offer([parts, unpack = std::move(unpack)] { *parts = unpack(); });
  stretches_.push_back({begin, end, std::move(parts), std::move(piece)});
}

bool UnpackAhead::take(int64_t at, UnpackedPart& part) {
  while (!stretches_.empty() && stretches_.front().end <= at) stretches_.pop_front();
  if (stretches_.empty() || stretches_.front().begin > at) return false;
  Stretch& stretch = stretches_.front();
  stretch.piece->finish();
  std::vector<UnpackedPart>& parts = *stretch.parts;
  while (stretch.next < parts.size() && parts[stretch.next].begin < at) parts[stretch.next++].bytes = std::string();
  if (stretch.next == parts.size() || parts[stretch.next].begin != at) return false;
  part = std::move(parts[stretch.next++]);
  return true;
}

}  // namespace loam
