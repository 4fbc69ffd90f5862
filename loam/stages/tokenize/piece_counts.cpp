#include "loam/stages/tokenize/piece_counts.h"

#include <algorithm>
#include <bit>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr size_t kFirstSlots = size_t{1} << 12;

void put(std::string& out, int64_t value) { out.append(reinterpret_cast<const char*>(&value), 8); }

}  // namespace

PieceCounts::PieceCounts() { clear(); }

void PieceCounts::clear() {
  slots_.assign(kFirstSlots, {});
  shift_ = 64 - std::countr_zero(kFirstSlots);
  short_count_ = total_ = 0;
  long_.clear();
}

void PieceCounts::grow(size_t slots) {
  std::vector<Slot> old(slots);
  old.swap(slots_);
  shift_ = 64 - std::countr_zero(slots);
  for (const Slot& slot : old) {
    if (slot.count == 0) continue;
    size_t at = slot.key.hash() >> shift_;
    while (slots_[at].count != 0) at = (at + 1) & (slots - 1);
    slots_[at] = slot;
  }
}

void PieceCounts::add_long(std::string_view piece, int64_t count) {
  for (; piece.size() > kLongestPiece; piece.remove_prefix(kLongestPiece)) add_long(piece.substr(0, kLongestPiece), count);
  if (piece.size() <= PieceKey::kMaxBytes) return add_key(PieceKey::of(piece, piece.data() + piece.size()), count);
  long_[std::string(piece)] += count;
  total_ += count;
}

void PieceCounts::add_all(const PieceCounts& other) {
  for (const Slot& slot : other.slots_) {
    if (slot.count != 0) add_key(slot.key, slot.count);
  }
  for (const auto& [piece, count] : other.long_) {
    long_[piece] += count;
    total_ += count;
  }
}

int64_t PieceCounts::forget_rare(int64_t keep) {
  if (distinct() <= keep) return 1;
  std::vector<int64_t> counts;
  counts.reserve(static_cast<size_t>(distinct()));
  for (const Slot& slot : slots_) {
    if (slot.count != 0) counts.push_back(slot.count);
  }
  for (const auto& entry : long_) counts.push_back(entry.second);
  // The (keep + 1)-th largest count must go, and all that are as rare.
  const auto nth = counts.begin() + keep;
  std::nth_element(counts.begin(), nth, counts.end(), std::greater<>());
  const int64_t least = *nth + 1;
  std::vector<Slot> old;
  old.swap(slots_);
  std::unordered_map<std::string, int64_t> old_long;
  old_long.swap(long_);
  clear();
  for (const Slot& slot : old) {
    if (slot.count >= least) add_key(slot.key, slot.count);
  }
  for (auto& [piece, count] : old_long) {
    if (count < least) continue;
    total_ += count;
    long_.emplace(piece, count);
  }
  return least;
}

std::vector<PieceCounts::Piece> PieceCounts::sorted() const {
  std::vector<Piece> out;
  out.reserve(static_cast<size_t>(distinct()));
  for (const Slot& slot : slots_) {
    if (slot.count != 0) out.push_back({slot.key.bytes(), slot.count});
  }
  for (const auto& [piece, count] : long_) out.push_back({piece, count});
  std::sort(out.begin(), out.end(), [](const Piece& a, const Piece& b) { return a.bytes < b.bytes; });
  return out;
}

std::string PieceCounts::saved() const {
  std::string out;
  put(out, distinct());
  for (const Slot& slot : slots_) {
    if (slot.count == 0) continue;
    put(out, slot.count);
    put(out, static_cast<int64_t>(slot.key.size()));
    out += slot.key.bytes();
  }
  for (const auto& [piece, count] : long_) {
    put(out, count);
    put(out, static_cast<int64_t>(piece.size()));
    out += piece;
  }
  return out;
}

PieceCounts PieceCounts::restored(std::string_view bytes) {
  const auto take = [&bytes] {
    require_input(bytes.size() >= 8, "saved counts were cut off");
    int64_t value;
    std::memcpy(&value, bytes.data(), 8);
    bytes.remove_prefix(8);
    return value;
  };
  PieceCounts out;
  for (int64_t left = take(); left > 0; --left) {
    const int64_t count = take(), size = take();
    require_input(count > 0 && size > 0 && size <= static_cast<int64_t>(bytes.size()), "saved counts are damaged");
    const std::string_view piece = bytes.substr(0, static_cast<size_t>(size));
    bytes.remove_prefix(piece.size());
    if (piece.size() <= PieceKey::kMaxBytes) {
      out.add_key(PieceKey::of(piece, piece.data() + piece.size()), count);
    } else {
      out.add_long(piece, count);
    }
  }
  require_input(bytes.empty(), "saved counts are damaged");
  return out;
}

}  // namespace loam
