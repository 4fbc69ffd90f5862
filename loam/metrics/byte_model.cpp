#include "loam/metrics/byte_model.h"

#include <algorithm>
#include <cmath>

namespace loam {

size_t CountTable::place(uint32_t key) const {
  const size_t mask = slots_.size() - 1;
  size_t at = (key * 0x9e3779b1u >> 7) & mask;
  while (slots_[at].taken && slots_[at].key != key) at = (at + 1) & mask;
  return at;
}

uint32_t CountTable::get(uint32_t key) const { return slots_[place(key)].count; }

uint32_t& CountTable::at(uint32_t key) {
  size_t where = place(key);
  if (!slots_[where].taken) {
    if (2 * ++used_ > slots_.size()) {
      std::vector<Slot> old(2 * slots_.size());
      std::swap(old, slots_);
      for (const Slot& slot : old) {
        if (slot.taken) slots_[place(slot.key)] = slot;
      }
      where = place(key);
    }
    slots_[where].key = key;
    slots_[where].taken = true;
  }
  return slots_[where].count;
}

void ByteModel::fit(std::string_view text) {
  uint32_t before = 0;  // the last four bytes, the newest lowest
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    for (uint32_t order = 0; order <= std::min<size_t>(i, 3); ++order) {
      const uint32_t context = order == 0 ? 0 : before & ((1u << (8 * order)) - 1u), run = (context << 8) | byte;
      if (runs_[order].at(run)++ == 0) ++followers_[order].at(context);
      ++seen_[order].at(context);
    }
    before = (before << 8) | byte;
  }
}

double ByteModel::bits(std::string_view text) const {
  double total = 0;
  uint32_t before = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    double p = 1.0 / 256;
    for (uint32_t order = 0; order <= std::min<size_t>(i, 3); ++order) {
      const uint32_t context = order == 0 ? 0 : before & ((1u << (8 * order)) - 1u), run = (context << 8) | byte;
      const double seen = seen_[order].get(context), followers = followers_[order].get(context);
      if (seen == 0) break;  // nor was any longer one
      p = (static_cast<double>(runs_[order].get(run)) + followers * p) / (seen + followers);
    }
    total -= std::log2(p);
    before = (before << 8) | byte;
  }
  return total;
}

}  // namespace loam
