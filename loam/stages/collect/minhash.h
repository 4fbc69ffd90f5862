// MinHash signatures to the bit as datatrove 0.10 makes them (14 buckets of 8 values, 5 words, XXH64, seed 1), so that
// corpora can be compared with those it made.
//
//   const std::vector<uint64_t> signature = minhash_signature(text);  // empty: too short to be a near-duplicate
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

inline constexpr int64_t kMinhashBuckets = 14, kMinhashRows = 8, kMinhashValues = kMinhashBuckets * kMinhashRows;
inline constexpr int64_t kMinhashWords = 5;                       ///< of a shingle
inline constexpr uint64_t kMinhashPrime = (uint64_t{1} << 61) - 1;

/// The functions: value = ((hash * a + b) mod 2^64) mod (2^61 - 1). numpy's RandomState(1).randint gives first the a's in
/// [1, p), then the b's in [0, p).
struct MinhashFunctions {
  std::array<uint64_t, kMinhashValues> a, b;
};
const MinhashFunctions& minhash_functions();

/// Lower case, numbers as "0", punctuation as spaces, single spaces, no diacritics: what two texts are compared by.
std::string minhash_text(std::string_view text);

/// XXH64 of each five words of minhash_text(text), joined by spaces, in order.
std::vector<uint64_t> minhash_shingles(std::string_view text);

/// The least value of each function over the shingles: bucket i has the values 8 i to 8 i + 7. Empty without shingles.
std::vector<uint64_t> minhash_signature(const std::vector<uint64_t>& shingles);
inline std::vector<uint64_t> minhash_signature(std::string_view text) { return minhash_signature(minhash_shingles(text)); }

/// The chance that two texts of Jaccard similarity `s` share a bucket: 1 - (1 - s^8)^14.
double minhash_chance(double s);

}  // namespace loam
