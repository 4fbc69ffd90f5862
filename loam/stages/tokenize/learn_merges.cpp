#include "loam/stages/tokenize/learn_merges.h"

#include <algorithm>
#include <array>
#include <bit>

#include "loam/base/error.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

/// The pieces as runs of ids, each with its count; merged in place.
class Words {
 public:
  Words(const std::vector<PieceCounts::Piece>& pieces, const std::array<int32_t, 256>& byte_ids) {
    int64_t symbols = 0;
    for (const auto& piece : pieces) symbols += piece.bytes.size() > 1 ? static_cast<int64_t>(piece.bytes.size()) : 0;
    symbols_.reserve(static_cast<size_t>(symbols));
    for (const auto& piece : pieces) {
      if (piece.bytes.size() < 2) continue;  // nothing to merge
      begins_.push_back(static_cast<int64_t>(symbols_.size()));
      lengths_.push_back(static_cast<int32_t>(piece.bytes.size()));
      counts_.push_back(piece.count);
      for (const char byte : piece.bytes) symbols_.push_back(byte_ids[static_cast<unsigned char>(byte)]);
    }
    require(begins_.size() < UINT32_MAX, "over four billion different pieces; lower --max-pieces");
  }
  int64_t size() const { return static_cast<int64_t>(begins_.size()); }
  int32_t* symbols(int64_t word) { return symbols_.data() + begins_[static_cast<size_t>(word)]; }
  int32_t& length(int64_t word) { return lengths_[static_cast<size_t>(word)]; }
  int64_t count(int64_t word) const { return counts_[static_cast<size_t>(word)]; }

 private:
  std::vector<int32_t> symbols_, lengths_;
  std::vector<int64_t> begins_, counts_;
};

struct Pair {
  int32_t left, right;
  int64_t count = 0;
  std::vector<uint32_t> words;  ///< that hold it, or held it once
};

/// Pairs by their ids: a hash table of places in a list.
class Pairs {
 public:
  Pairs() : slots_(1 << 12, -1), shift_(64 - 12) {}
  Pair& operator[](int64_t at) { return list_[static_cast<size_t>(at)]; }
  int64_t size() const { return static_cast<int64_t>(list_.size()); }

  /// Its place; made if it is new.
  int64_t at(int32_t left, int32_t right) {
    const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
    size_t slot = hash(key);
    for (; slots_[slot] >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
      const Pair& pair = list_[static_cast<size_t>(slots_[slot])];
      if (pair.left == left && pair.right == right) return slots_[slot];
    }
    slots_[slot] = static_cast<int64_t>(list_.size());
    list_.push_back({left, right, 0, {}});
    if (list_.size() * 2 > slots_.size()) grow();
    return static_cast<int64_t>(list_.size()) - 1;
  }

 private:
  size_t hash(uint64_t key) const {
    key *= 0x9e3779b97f4a7c15ull;
    return ((key ^ key >> 32) * 0xff51afd7ed558ccdull) >> shift_;
  }
  void grow() {
    slots_.assign(slots_.size() * 2, -1);
    --shift_;
    for (size_t i = 0; i < list_.size(); ++i) {
      size_t slot = hash(static_cast<uint64_t>(static_cast<uint32_t>(list_[i].left)) << 32 | static_cast<uint32_t>(list_[i].right));
      while (slots_[slot] >= 0) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = static_cast<int64_t>(i);
    }
  }
  std::vector<Pair> list_;
  std::vector<int64_t> slots_;
  int shift_;
};

struct Entry {
  int64_t count, pair;
};

/// The sign of a + b against c + d, which are equally long, byte by byte.
int compare_joined(const std::string& a, const std::string& b, const std::string& c, const std::string& d) {
  if (a.size() > c.size()) return -compare_joined(c, d, a, b);
  const std::string_view left = c, right = b, tail = left.substr(a.size());
  if (const int order = std::string_view(a).compare(left.substr(0, a.size())); order != 0) return order;
  if (const int order = right.substr(0, tail.size()).compare(tail); order != 0) return order;
  return right.substr(tail.size()).compare(d);
}

}  // namespace

std::vector<std::string> byte_tokens() {
  std::vector<std::string> prints, rest;
  for (int b = 0; b < 256; ++b) {
    const bool shows = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    (shows ? prints : rest).emplace_back(1, static_cast<char>(b));
  }
  prints.insert(prints.end(), rest.begin(), rest.end());
  return prints;
}

LearntMerges learn_merges(const std::vector<PieceCounts::Piece>& pieces, const LearnOptions& options, Progress& progress) {
  LearntMerges out;
  out.tokens = byte_tokens();
  std::array<int32_t, 256> byte_ids;
  for (size_t id = 0; id < 256; ++id) byte_ids[static_cast<unsigned char>(out.tokens[id][0])] = static_cast<int32_t>(id);

  Words words(pieces, byte_ids);
  Pairs pairs;
  for (int64_t w = 0; w < words.size(); ++w) {
    const int32_t* s = words.symbols(w);
    for (int32_t i = 0; i + 1 < words.length(w); ++i) {
      Pair& pair = pairs[pairs.at(s[i], s[i + 1])];
      pair.count += words.count(w);
      if (pair.words.empty() || pair.words.back() != w) pair.words.push_back(static_cast<uint32_t>(w));
    }
  }

  // The heap's counts may be too high, for other merges take pairs away: an entry is checked when it comes up. A pair
  // gains occurrences only in the step that makes the younger of its two ids, and is pushed after it.
  const auto worse = [&](const Entry& a, const Entry& b) {
    if (a.count != b.count) return a.count < b.count;
    const Pair& p = pairs[a.pair];
    const Pair& q = pairs[b.pair];
    const auto text = [&](int32_t id) -> const std::string& { return out.tokens[static_cast<size_t>(id)]; };
    if (options.ties == Ties::sentencepiece) {
      const size_t n = text(p.left).size() + text(p.right).size(), m = text(q.left).size() + text(q.right).size();
      if (n != m) return n > m;
      if (const int order = compare_joined(text(p.left), text(p.right), text(q.left), text(q.right)); order != 0) return order > 0;
    }
    if (options.ties != Ties::greater) return p.left != q.left ? p.left > q.left : p.right > q.right;
    if (const int order = text(p.left).compare(text(q.left)); order != 0) return order < 0;
    return text(p.right) < text(q.right);
  };
  const int64_t least = std::max<int64_t>(1, options.min_count);
  std::vector<Entry> heap;
  for (int64_t i = 0; i < pairs.size(); ++i) {
    if (pairs[i].count >= least) heap.push_back({pairs[i].count, i});
  }
  std::make_heap(heap.begin(), heap.end(), worse);

  std::vector<int64_t> fresh;  // pairs that this step made
  while (!heap.empty() && static_cast<int64_t>(out.tokens.size()) < options.tokens) {
    std::pop_heap(heap.begin(), heap.end(), worse);
    Entry& top = heap.back();
    const int64_t now = pairs[top.pair].count;
    if (now != top.count) {
      if (now >= least) {
        top.count = now;
        std::push_heap(heap.begin(), heap.end(), worse);
      } else {
        heap.pop_back();
      }
      continue;
    }
    const int64_t merged = top.pair;
    heap.pop_back();
    const int32_t left = pairs[merged].left, right = pairs[merged].right;
    const auto made = static_cast<int32_t>(out.tokens.size());
    out.tokens.push_back(out.tokens[static_cast<size_t>(left)] + out.tokens[static_cast<size_t>(right)]);
    out.merges.push_back({left, right, made});
    out.counts.push_back(now);
    const std::vector<uint32_t> holders = std::move(pairs[merged].words);
    pairs[merged].words = {};
    pairs[merged].count = 0;
    fresh.clear();
    for (const uint32_t w : holders) {
      int32_t* s = words.symbols(w);
      const int32_t n = words.length(w);
      const int64_t count = words.count(w);
      int32_t to = 0;
      for (int32_t from = 0; from < n; ++to) {
        if (from + 1 >= n || s[from] != left || s[from + 1] != right) {
          s[to] = s[from++];
          continue;
        }
        const auto gain = [&](int32_t a, int32_t b) {
          const int64_t at = pairs.at(a, b);
          Pair& pair = pairs[at];
          if (pair.count == 0 && pair.words.empty()) fresh.push_back(at);
          pair.count += count;
          if (pair.words.empty() || pair.words.back() != w) pair.words.push_back(w);
        };
        // What stands before is as merged so far, what follows as it was; a neighbour merged next is corrected then.
        if (to > 0) {
          const int64_t lost = pairs.at(s[to - 1], left);
          if (lost != merged) pairs[lost].count -= count;
          gain(s[to - 1], made);
        }
        if (from + 2 < n) {
          const int64_t lost = pairs.at(right, s[from + 2]);
          if (lost != merged) pairs[lost].count -= count;
          gain(made, s[from + 2]);
        }
        s[to] = made;
        from += 2;
      }
      words.length(w) = to;
    }
    for (const int64_t at : fresh) {
      if (pairs[at].count < least) continue;
      heap.push_back({pairs[at].count, at});
      std::push_heap(heap.begin(), heap.end(), worse);
    }
    if ((out.merges.size() & 255) == 0) {
      progress.update(static_cast<int64_t>(out.tokens.size()), options.tokens, "tokens learnt");
      stop_if_requested("counts are kept, the merges are learnt again");
    }
  }
  return out;
}

}  // namespace loam
