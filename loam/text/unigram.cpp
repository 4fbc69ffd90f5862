#include "loam/text/unigram.h"

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr size_t kMostNodes = size_t{1} << 26;
constexpr double kUnknownPenalty = 10;  // SentencePiece's: so much worse than the rarest piece is a character that is none

}  // namespace

Unigram::Unigram(const std::vector<std::string>& tokens, const UnigramRules& rules, const std::array<int32_t, 256>& bytes, int32_t unknown)
    : slots_(1 << 10, Slot{kEmpty, -1}), mask_((1 << 10) - 1), shift_(64 - 10), ids_{-1}, scores_(rules.scores), floats_(rules.floats), bytes_(bytes), unknown_(unknown) {
  require_input(scores_.size() == tokens.size(), "it has ", tokens.size(), " pieces and ", scores_.size(), " scores");
  require_input(unknown_ >= 0, "its unigram model has no unknown piece");
  std::vector<bool> is_byte(tokens.size());
  for (const int32_t id : bytes_) {
    if (id >= 0 && static_cast<size_t>(id) < tokens.size()) is_byte[static_cast<size_t>(id)] = true;
  }
  double least = 0;
  bool any = false;
  const auto piece = [&](size_t id) { return !tokens[id].empty() && !is_byte[id] && id != static_cast<size_t>(unknown_); };
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!piece(id)) continue;
    require_input(std::isfinite(scores_[id]), "its piece ", id, ", \"", tokens[id], "\", has the score ", scores_[id]);
    least = any ? std::min(least, scores_[id]) : scores_[id];
    any = true;
  }
  unknown_score_ = kept(least - kUnknownPenalty);
  for (size_t id = 0; id < tokens.size(); ++id) {
    if (!piece(id)) continue;
    int32_t node = 0;
    for (const char byte : tokens[id]) node = add_child(node, static_cast<unsigned char>(byte));
    if (int32_t& at = ids_[static_cast<size_t>(node)]; at < 0) at = static_cast<int32_t>(id);
  }
}

int32_t Unigram::add_child(int32_t node, unsigned char byte) {
  if (const int32_t found = child(node, byte); found >= 0) return found;
  require_input(ids_.size() < kMostNodes, "its pieces are too long to be a vocabulary");
  if (ids_.size() * 2 > slots_.size()) grow();
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(node)) << 8 | byte;
  uint64_t at = hash(key);
  while (slots_[at].key != kEmpty) at = (at + 1) & mask_;
  slots_[at] = {key, static_cast<int32_t>(ids_.size())};
  ids_.push_back(-1);
  return slots_[at].node;
}

void Unigram::grow() {
  std::vector<Slot> old(slots_.size() * 2, Slot{kEmpty, -1});
  old.swap(slots_);
  mask_ = slots_.size() - 1;
  --shift_;
  for (const Slot& slot : old) {
    if (slot.key == kEmpty) continue;
    uint64_t at = hash(slot.key);
    while (slots_[at].key != kEmpty) at = (at + 1) & mask_;
    slots_[at] = slot;
  }
}

void Unigram::emit(std::string_view text, int32_t id, bool& unknown_before, std::vector<int32_t>& ids) const {
  if (id != unknown_) {
    ids.push_back(id);
    unknown_before = false;
    return;
  }
  const bool bytes = std::all_of(text.begin(), text.end(), [&](char c) { return bytes_[static_cast<unsigned char>(c)] >= 0; });
  if (bytes) {
    for (const char c : text) ids.push_back(bytes_[static_cast<unsigned char>(c)]);
    unknown_before = false;
  } else {
    if (!unknown_before) ids.push_back(unknown_);
    unknown_before = true;
  }
}

struct Unigram::Way {
  std::string_view text;
  int64_t base = 0;               ///< what lies before is settled, and forgotten
  std::vector<End> ends = std::vector<End>(1);  ///< from base on
  bool unknown_before = false;
  std::vector<std::pair<int64_t, int32_t>> pieces;
};

/// Follows the best way back from `at`, through which all ways pass, and goes on from there. The sum so far is kept: how
/// later sums are rounded depends on it.
void Unigram::settle(Way& way, int64_t at, std::vector<int32_t>& ids) const {
  way.pieces.clear();
  const int64_t from = way.base;
  for (int64_t end = at; end > way.base;) {
    const End& last = way.ends[static_cast<size_t>(end - way.base)];
    way.pieces.emplace_back(end, last.id);
    end = last.start;
  }
  for (auto it = way.pieces.rbegin(); it != way.pieces.rend(); ++it) {
    emit(way.text.substr(static_cast<size_t>(way.base), static_cast<size_t>(it->first - way.base)), it->second, way.unknown_before, ids);
    way.base = it->first;
  }
  way.ends.assign(1, End{way.ends[static_cast<size_t>(at - from)].score});
}

void Unigram::encode(std::string_view text, std::vector<int32_t>& ids) const {
  const auto n = static_cast<int64_t>(text.size());
  Way way;
  way.text = text;
  int64_t reach = 0;  // the farthest end of a piece so far: where none reaches across, all ways pass
  for (int64_t at = 0; at < n;) {
    if (at == reach && at > way.base) settle(way, at, ids);
    const double here = way.ends[static_cast<size_t>(at - way.base)].score;
    const auto offer = [&](int64_t end, double score, int32_t id) {
      reach = std::max(reach, end);
      if (static_cast<int64_t>(way.ends.size()) <= end - way.base) way.ends.resize(static_cast<size_t>(end - way.base) + 1);
      End& slot = way.ends[static_cast<size_t>(end - way.base)];
      if (slot.start < 0 || score > slot.score) slot = {kept(score), at, id};  // not the rounded sum is compared
    };
    const int64_t next = at + read_char(text.data() + at, text.data() + n).bytes;
    bool single = false;
    int32_t node = 0;
    for (int64_t end = at; end < n;) {
      node = child(node, static_cast<unsigned char>(text[static_cast<size_t>(end++)]));
      if (node < 0) break;
      const int32_t id = ids_[static_cast<size_t>(node)];
      if (id < 0) continue;
      offer(end, here + scores_[static_cast<size_t>(id)], id);
      single = single || end == next;
    }
    if (!single) offer(next, kept(here + unknown_score_), unknown_);
    at = next;
  }
  settle(way, n, ids);
}

}  // namespace loam
