// Random numbers that depend on what they are for, never on who draws them first.
//
//   Random rng(seed, "finetune.split");   // a named stream
//   int64_t i = rng.below(n);
//   float u = uniform01(key, index);      // counter-based: the index-th number of a key, in any order, on any thread
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "loam/base/hash.h"

namespace loam {

/// A key for a purpose: equal seeds and names give equal keys.
inline uint64_t stream_key(uint64_t seed, std::string_view name) { return hash64(name, mix64(seed)); }

/// The index-th 64 random bits of a key.
constexpr uint64_t random_bits(uint64_t key, uint64_t index) { return mix64(key ^ mix64(index)); }

/// In [0, 1), 24 bits.
constexpr float uniform01(uint64_t key, uint64_t index) {
  return static_cast<float>(random_bits(key, index) >> 40) * 0x1.0p-24f;
}

/// Normal with mean 0 and deviation 1, by Box-Muller; the index-th of a key.
float normal01(uint64_t key, uint64_t index);

/// A sequential generator over a key's numbers; its state is one counter.
class Random {
 public:
  Random(uint64_t seed, std::string_view name) : key_(stream_key(seed, name)) {}
  uint64_t bits() { return random_bits(key_, counter_++); }
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1.0p-53; }
  /// In [0, n), without bias worth mention for n < 2^32 (Lemire 2019, multiply-shift). n > 0.
  int64_t below(int64_t n) {
    return static_cast<int64_t>((static_cast<unsigned __int128>(bits()) * static_cast<uint64_t>(n)) >> 64);
  }
  template <class T>
  void shuffle(std::span<T> items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[static_cast<size_t>(below(static_cast<int64_t>(i)))]);
  }
  uint64_t counter() const { return counter_; }
  void set_counter(uint64_t counter) { counter_ = counter; }

 private:
  uint64_t key_;
  uint64_t counter_ = 0;
};

/// A pseudo-random permutation of [0, n) computed point by point: at(i) costs a few hashes and no memory.
/// A four-round Feistel network over the next power of four, walked until it lands inside (Black & Rogaway 2002).
class Permutation {
 public:
  Permutation(int64_t n, uint64_t key);
  int64_t at(int64_t i) const;  ///< i in [0, n)
  int64_t size() const { return n_; }

 private:
  int64_t n_;
  uint64_t key_;
  int half_bits_;
};

}  // namespace loam
