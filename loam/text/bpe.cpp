#include "loam/text/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr int64_t kShort = 64;  // bytes up to which a scan for the lowest rank beats a heap

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges) {
  const uint64_t size = std::bit_ceil(std::max<uint64_t>(16, merges.size() * 2));
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
  slots_.assign(size, {kEmpty, {0, 0}});
  for (size_t i = 0; i < merges.size(); ++i) {
    const uint64_t key = key_of(merges[i].left, merges[i].right);
    uint64_t at = slot_of(key);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask_;
    if (slots_[at].key == kEmpty) slots_[at] = {key, {static_cast<int32_t>(i), merges[i].result}};
  }
}

Bpe::Bpe(const std::vector<std::string>& tokens, const std::vector<Merge>& merges, bool whole_pieces_first) : table_(merges) {
  byte_ids_.fill(-1);
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (tokens[id].size() == 1) byte_ids_[static_cast<unsigned char>(tokens[id][0])] = static_cast<int32_t>(id);
    if (whole_pieces_first && !tokens[id].empty()) whole_.emplace(tokens[id], static_cast<int32_t>(id));
  }
  for (size_t byte = 0; byte < 256; ++byte) require_input(byte_ids_[byte] >= 0, "its vocabulary has no token for the byte ", byte);
}

Bpe::Scratch::Scratch() : slots_(size_t{1} << kSlotBits) {}

void Bpe::encode(std::string_view piece, const char* text_end, Scratch& scratch, std::vector<int32_t>& ids) const {
  const size_t n = piece.size();
  if (n == 1) {
    ids.push_back(byte_ids_[static_cast<unsigned char>(piece[0])]);
    return;
  }
  if (n > PieceKey::kMaxBytes) {
    merge_piece(piece, scratch, ids);
    return;
  }
  const PieceKey key = PieceKey::of(piece, text_end);
  Scratch::Slot& slot = scratch.slots_[key.hash() >> (64 - Scratch::kSlotBits)];
  constexpr uint64_t kCountMask = uint64_t{0xf0} << 56;
  if (slot.key.low == key.low && (slot.key.high & ~kCountMask) == key.high) {
    const uint64_t count = slot.key.high >> 60;
    ids.push_back(slot.ids[0]);
    for (uint64_t i = 1; i < count; ++i) ids.push_back(slot.ids[i]);  // almost always none: insert() would cost more
    return;
  }
  const size_t before = ids.size();
  merge_piece(piece, scratch, ids);
  const size_t count = ids.size() - before;
  if (count <= Scratch::kMaxIds) {
    slot.key = {key.low, key.high | static_cast<uint64_t>(count) << 60};
    std::copy(ids.begin() + static_cast<int64_t>(before), ids.end(), slot.ids);
  }
}

void Bpe::merge_piece(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const {
  if (piece.empty()) return;
  if (!whole_.empty()) {
    // The longest token is some hundred bytes; hashing a megabyte to find that it is none would be waste, but is linear.
    if (const auto found = whole_.find(std::string(piece)); found != whole_.end()) {
      ids.push_back(found->second);
      return;
    }
  }
  if (static_cast<int64_t>(piece.size()) <= kShort) {
    merge_short(piece, ids);
  } else {
    merge_long(piece, scratch, ids);
  }
}

void Bpe::merge_short(std::string_view piece, std::vector<int32_t>& ids) const {
  int32_t parts[kShort];
  MergeTable::Entry pairs[kShort];
  auto n = static_cast<int>(piece.size());
  for (int i = 0; i < n; ++i) parts[i] = byte_ids_[static_cast<unsigned char>(piece[static_cast<size_t>(i)])];
  for (int i = 0; i + 1 < n; ++i) pairs[i] = table_.find(parts[i], parts[i + 1]);
  while (n > 1) {
    int best = 0;
    for (int i = 1; i + 1 < n; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == INT32_MAX) break;
    parts[best] = pairs[best].result;
    --n;
    for (int i = best + 1; i < n; ++i) {
      parts[i] = parts[i + 1];
      pairs[i - 1] = pairs[i];
    }
    if (best > 0) pairs[best - 1] = table_.find(parts[best - 1], parts[best]);
    if (best + 1 < n) pairs[best] = table_.find(parts[best], parts[best + 1]);
  }
  ids.insert(ids.end(), parts, parts + n);
}

void Bpe::merge_long(std::string_view piece, Scratch& scratch, std::vector<int32_t>& ids) const {
  require_input(piece.size() < INT32_MAX, "a piece of ", piece.size(), " bytes without a place to cut; the most is ", INT32_MAX);
  const auto n = static_cast<int32_t>(piece.size());
  auto& part = scratch.ids_;
  auto& next = scratch.next_;
  auto& previous = scratch.previous_;
  auto& heap = scratch.heap_;
  part.resize(piece.size());
  next.resize(piece.size());
  previous.resize(piece.size());
  heap.clear();
  // Lowest rank first, and of one rank the leftmost. An entry whose pair is no longer there is dropped when it comes up.
  const auto later = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto at = [](int32_t i) { return static_cast<size_t>(i); };
  for (int32_t i = 0; i < n; ++i) {
    part[at(i)] = byte_ids_[static_cast<unsigned char>(piece[at(i)])];
    next[at(i)] = i + 1;
    previous[at(i)] = i - 1;
  }
  for (int32_t i = 0; i + 1 < n; ++i) {
    const auto found = table_.find(part[at(i)], part[at(i + 1)]);
    if (found.rank != INT32_MAX) heap.push_back({found.rank, i, part[at(i)], part[at(i + 1)]});
  }
  std::make_heap(heap.begin(), heap.end(), later);
  const auto push = [&](int32_t left, int32_t right) {
    const auto found = table_.find(part[at(left)], part[at(right)]);
    if (found.rank == INT32_MAX) return;
    heap.push_back({found.rank, left, part[at(left)], part[at(right)]});
    std::push_heap(heap.begin(), heap.end(), later);
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), later);
    const Scratch::Candidate c = heap.back();
    heap.pop_back();
    const int32_t right = part[at(c.at)] == c.left ? next[at(c.at)] : n;
    if (right >= n || part[at(right)] != c.right) continue;
    part[at(c.at)] = table_.find(c.left, c.right).result;
    part[at(right)] = -1;
    const int32_t after = next[at(right)];
    next[at(c.at)] = after;
    if (after < n) {
      previous[at(after)] = c.at;
      push(c.at, after);
    }
    if (previous[at(c.at)] >= 0) push(previous[at(c.at)], c.at);
  }
  for (int32_t i = 0; i < n; i = next[at(i)]) ids.push_back(part[at(i)]);
  if (piece.size() > (size_t{1} << 20)) {  // a monster's room is not kept
    part = {}, next = {}, previous = {};
    heap = {};
  }
}

}  // namespace loam
