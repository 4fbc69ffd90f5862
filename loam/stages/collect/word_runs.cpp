#include "loam/stages/collect/word_runs.h"

#include <cstring>

namespace loam {
namespace {

constexpr int64_t kKeyBytes = 16;       // of a run's letters, by which most are told apart
constexpr int64_t kFewestWords = 5;     // of the runs of which letters count
constexpr uint64_t kMix1 = 0x9e3779b97f4a7c15ull, kMix2 = 0xc2b2ae3d27d4eb4full;   // odd

uint64_t bytes8(const char* at) {
  uint64_t out;
  std::memcpy(&out, at, 8);
  return out;
}

/// How often each number below 2^bits came, several being counted together where they share a slot.
class Counts {
 public:
  void start(int64_t keys) {
    int bits = 8;
    while (bits < 20 && (int64_t{1} << bits) < 4 * keys) ++bits;
    shift_ = 64 - bits;
    counts_.assign(size_t{1} << bits, 0);
  }
  uint32_t& of(uint64_t hash) { return counts_[hash >> shift_]; }

 private:
  std::vector<uint32_t> counts_;
  int shift_ = 0;
};

}  // namespace

struct WordRuns::Kept {
  std::string letters;                       // all words, written together, and 16 zero bytes
  std::vector<uint32_t> ends, places, pairs;
  std::vector<uint64_t> hashes, keys;        // of each word; of each pair, or of the letters from each word on
  std::vector<uint32_t> again;               // words from which on runs may come again
  std::vector<bool> alike;                   // of those: by their first 16 letters, else because they are shorter
  bool looked = false;
  Counts counts;
  GramTable table;
};

WordRuns::Kept& WordRuns::kept() {
  thread_local Kept kept;
  return kept;
}

WordRuns::WordRuns(JudgedText& judged) : kept_(kept()), count_(static_cast<int64_t>(judged.words().size())) {
  Kept& k = kept_;
  const std::vector<Word>& words = judged.words();
  const size_t n = words.size();
  k.looked = false;
  k.letters.resize(judged.text().size() + kKeyBytes);
  k.ends.resize(n + 1);
  k.places.resize(n + 1);
  k.hashes.resize(n);
  char* to = k.letters.data();
  uint32_t ends = 0, places = 0;
  for (size_t i = 0; i < n; ++i) {
    const std::string_view word = judged.word(words[i]);
    k.ends[i] = ends;
    k.places[i] = places;
    std::memcpy(to + places, word.data(), word.size());
    std::memset(to + places + word.size(), 0, 8);   // there is room: 16 bytes more than the text has
    uint64_t h = bytes8(to + places) * kMix1 + word.size();
    if (word.size() > 8) h = hash64(word);
    k.hashes[i] = h ^ h >> 32;
    ends += static_cast<uint32_t>(words[i].characters);
    places += static_cast<uint32_t>(word.size());
  }
  k.ends[n] = ends;
  k.places[n] = places;
  std::memset(to + places, 0, static_cast<size_t>(kKeyBytes));
  k.pairs.resize(n);
  k.keys.resize(n);
  if (n >= 2) {
    k.counts.start(count_);
    for (size_t i = 0; i + 1 < n; ++i) {
      k.keys[i] = (k.hashes[i] * 3 + k.hashes[i + 1]) * kMix2;
      ++k.counts.of(k.keys[i]);
    }
    for (size_t i = 0; i + 1 < n; ++i) k.pairs[i] = k.counts.of(k.keys[i]);
  }
  ends_ = k.ends.data();
  places_ = k.places.data();
  pairs_ = k.pairs.data();
}

int64_t WordRuns::count_most_common(int64_t n) {
  Kept& k = kept_;
  k.table.start(count_ - n + 1);
  int64_t most = 1, place = 0;   // where none comes again, the first
  for (int64_t at = 0; at + n <= count_; ++at) {
    if (at_most(at, n) < 2) continue;
    uint64_t hash = k.hashes[static_cast<size_t>(at)];
    for (int64_t i = at + 1; i < at + n; ++i) hash = mix64(hash * 3 + k.hashes[static_cast<size_t>(i)]);
    GramTable::Entry& e = k.table.at(hash, at);
    ++e.count;
    if (e.count > most || (e.count == most && e.first < place)) {
      most = e.count;
      place = e.first;
    }
  }
  return (characters(place, n) + n - 1) * most;
}

int64_t WordRuns::repeated(int64_t n) {
  Kept& k = kept_;
  const char* const letters = k.letters.data();
  if (!k.looked) {
    k.looked = true;
    k.again.clear();
    k.alike.clear();
    k.counts.start(count_);
    for (int64_t at = 0; at < count_; ++at) {
      const char* const from = letters + places_[at];
      const uint64_t key = (bytes8(from) * kMix1 ^ (bytes8(from + 8) * kMix2 >> 7)) * kMix2;
      k.keys[static_cast<size_t>(at)] = key;
      ++k.counts.of(key);
    }
    for (int64_t at = 0; at + kFewestWords <= count_; ++at) {
      const bool alike = k.counts.of(k.keys[static_cast<size_t>(at)]) > 1;
      if (!alike && bytes(at, kFewestWords) >= kKeyBytes) continue;
      k.again.push_back(static_cast<uint32_t>(at));
      k.alike.push_back(alike);
    }
  }
  if (k.again.empty()) return 0;
  k.table.start(static_cast<int64_t>(k.again.size()));
  int64_t repeated = 0, next = 0;
  for (size_t i = 0; i < k.again.size(); ++i) {
    const auto at = static_cast<int64_t>(k.again[i]);
    if (at < next) continue;
    if (at + n > count_) break;
    const int64_t length = bytes(at, n);
    if (!k.alike[i] && length >= kKeyBytes) continue;
    GramTable::Entry& e = k.table.at(hash64({letters + places_[at], static_cast<size_t>(length)}), at);
    if (e.count++ == 0) continue;
    repeated += characters(at, n);
    next = at + n;
  }
  return repeated;
}

}  // namespace loam
