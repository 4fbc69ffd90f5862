#include "loam/text/bpe.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "loam/base/error.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr int64_t kShort = 64;  // symbols up to which a scan for the lowest rank beats a heap

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges, bool equal_ranks) {
  std::unordered_map<int32_t, int32_t> first;  // by result
  const uint64_t size = std::bit_ceil(std::max<uint64_t>(16, merges.size() * 2));
  mask_ = size - 1;
  shift_ = 64 - std::countr_zero(size);
  slots_.assign(size, {kEmpty, {0, 0}});
  for (size_t i = 0; i < merges.size(); ++i) {
    const uint64_t key = key_of(merges[i].left, merges[i].right);
    uint64_t at = slot_of(key);
    while (slots_[at].key != kEmpty && slots_[at].key != key) at = (at + 1) & mask_;
    const auto rank = static_cast<int32_t>(i);
    if (slots_[at].key == kEmpty) slots_[at] = {key, {equal_ranks ? first.emplace(merges[i].result, rank).first->second : rank, merges[i].result}};
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

Bpe::Bpe(const std::vector<std::string>& tokens, const std::vector<Merge>& merges, const CharacterRules& rules)
    : byte_ids_(rules.bytes), characters_(true), unknown_(rules.unknown), table_(merges, rules.equal_ranks) {
  std::vector<bool> is_byte(tokens.size());
  bool all_bytes = true;
  for (const int32_t id : byte_ids_) {
    all_bytes = all_bytes && id >= 0;
    if (id >= 0 && static_cast<size_t>(id) < is_byte.size()) is_byte[static_cast<size_t>(id)] = true;
  }
  require_input(all_bytes || unknown_ >= 0, "its vocabulary has neither a token for each byte nor one for unknown characters");
  for (size_t id = 0; id < tokens.size(); ++id) {
    const std::string& token = tokens[id];
    if (token.empty() || token.size() > 4 || is_byte[id]) continue;
    const Char c = read_char(token.data(), token.data() + token.size());
    if (c.code != kInvalid && static_cast<size_t>(c.bytes) == token.size()) character_ids_.emplace(c.code, static_cast<int32_t>(id));
  }
}

void Bpe::character_ids(std::string_view piece, std::vector<int32_t>& ids) const {
  const char* const end = piece.data() + piece.size();
  bool unknown_before = false;
  for (const char* at = piece.data(); at < end;) {
    const Char c = read_char(at, end);
    const auto found = c.code == kInvalid ? character_ids_.end() : character_ids_.find(c.code);
    bool unknown = false;
    if (found != character_ids_.end()) {
      ids.push_back(found->second);
    } else {
      for (int i = 0; i < c.bytes && !unknown; ++i) unknown = byte_ids_[static_cast<unsigned char>(at[i])] < 0;
      if (!unknown) {
        for (int i = 0; i < c.bytes; ++i) ids.push_back(byte_ids_[static_cast<unsigned char>(at[i])]);
      } else if (unknown_ >= 0 && !unknown_before) {
        ids.push_back(unknown_);  // one for a run of them
      }
    }
    unknown_before = unknown;
    at += c.bytes;
  }
}

Bpe::Scratch::Scratch() : lines_(size_t{1} << kLineBits) {}

namespace {

constexpr uint64_t kCountMask = uint64_t{0xf0} << 56;  // of PieceKey::high, which leaves these bits free

bool is_of(const PieceKey& slot, const PieceKey& key) { return slot.low == key.low && (slot.high & ~kCountMask) == key.high; }

}  // namespace

void Bpe::encode(std::string_view piece, const char* text_end, Scratch& scratch, std::vector<int32_t>& ids) const {
  encode(std::span(&piece, 1), text_end, scratch, ids);
}

void Bpe::encode(std::span<const std::string_view> pieces, const char* text_end, Scratch& scratch, std::vector<int32_t>& ids) const {
  LOAM_ASSERT(pieces.size() <= kBatch);
  PieceKey keys[kBatch];
  size_t lines[kBatch];
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].size() > PieceKey::kMaxBytes) continue;
    keys[i] = PieceKey::of(pieces[i], text_end);
    lines[i] = keys[i].hash() >> (64 - Scratch::kLineBits);
    __builtin_prefetch(&scratch.lines_[lines[i]]);
  }
  size_t count = ids.size();
  const size_t room = pieces.size() * Scratch::kMaxIds;
  ids.resize(count + room);
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].size() <= PieceKey::kMaxBytes) {
      const Scratch::Line& line = scratch.lines_[lines[i]];
      const Scratch::Slot& slot = is_of(line.recent.key, keys[i]) ? line.recent : line.older;
      if (is_of(slot.key, keys[i])) {
        std::memcpy(ids.data() + count, slot.ids, sizeof slot.ids);  // all, though most have one: no branch
        count += slot.key.high >> 60;
        continue;
      }
    }
    ids.resize(count);
    if (pieces[i].size() > PieceKey::kMaxBytes) {
      merge_piece(pieces[i], scratch, ids);
    } else {
      learn(pieces[i], keys[i], lines[i], scratch, ids);
    }
    count = ids.size();
    ids.resize(count + room);
  }
  ids.resize(count);
}

void Bpe::learn(std::string_view piece, const PieceKey& key, size_t at, Scratch& scratch, std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  merge_piece(piece, scratch, ids);
  const size_t count = ids.size() - before;
  if (count < 1 || count > Scratch::kMaxIds) return;
  Scratch::Line& line = scratch.lines_[at];
  line.older = line.recent;
  line.recent.key = {key.low, key.high | static_cast<uint64_t>(count) << 60};
  std::copy(ids.begin() + static_cast<int64_t>(before), ids.end(), line.recent.ids);
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
  if (!characters_ && static_cast<int64_t>(piece.size()) <= kShort) {
    int32_t parts[kShort];
    for (size_t i = 0; i < piece.size(); ++i) parts[i] = byte_ids_[static_cast<unsigned char>(piece[i])];
    return merge_short(parts, static_cast<int>(piece.size()), ids);
  }
  require_input(piece.size() < INT32_MAX, "a piece of ", piece.size(), " bytes without a place to cut; the most is ", INT32_MAX);
  auto& parts = scratch.ids_;
  parts.clear();
  if (characters_) {
    character_ids(piece, parts);
  } else {
    for (const char byte : piece) parts.push_back(byte_ids_[static_cast<unsigned char>(byte)]);
  }
  if (static_cast<int64_t>(parts.size()) <= kShort) {
    merge_short(parts.data(), static_cast<int>(parts.size()), ids);
  } else {
    merge_long(scratch, ids);
  }
}

void Bpe::merge_short(int32_t* parts, int n, std::vector<int32_t>& ids) const {
  MergeTable::Entry pairs[kShort];
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

void Bpe::merge_long(Scratch& scratch, std::vector<int32_t>& ids) const {
  auto& part = scratch.ids_;
  const auto n = static_cast<int32_t>(part.size());
  auto& next = scratch.next_;
  auto& previous = scratch.previous_;
  auto& heap = scratch.heap_;
  next.resize(part.size());
  previous.resize(part.size());
  heap.clear();
  // Lowest rank first, and of one rank the leftmost. An entry whose pair is no longer there is dropped when it comes up.
  const auto later = [](const Scratch::Candidate& a, const Scratch::Candidate& b) {
    return a.rank != b.rank ? a.rank > b.rank : a.at > b.at;
  };
  const auto at = [](int32_t i) { return static_cast<size_t>(i); };
  for (int32_t i = 0; i < n; ++i) {
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
  if (part.size() > (size_t{1} << 20)) {  // a monster's room is not kept
    part = {}, next = {}, previous = {};
    heap = {};
  }
}

}  // namespace loam
