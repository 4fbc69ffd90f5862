#include "loam/base/xxh64.h"

#include <cstring>

namespace loam {
namespace {

constexpr uint64_t kXx1 = 0x9E3779B185EBCA87ull, kXx2 = 0xC2B2AE3D27D4EB4Full, kXx3 = 0x165667B19E3779F9ull, kXx4 = 0x85EBCA77C2B2AE63ull, kXx5 = 0x27D4EB2F165667C5ull;

uint64_t rotated(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }
uint64_t xx_round(uint64_t lane, uint64_t word) { return rotated(lane + word * kXx2, 31) * kXx1; }

template <class Word>
uint64_t little(const char* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

uint64_t xxh64(std::string_view bytes, uint64_t seed) {
  const char *at = bytes.data(), *const end = at + bytes.size();
  uint64_t h = seed + kXx5;
  if (bytes.size() >= 32) {
    uint64_t lanes[4] = {seed + kXx1 + kXx2, seed + kXx2, seed, seed - kXx1};
    for (; end - at >= 32; at += 32) {
      for (int i = 0; i < 4; ++i) lanes[i] = xx_round(lanes[i], little<uint64_t>(at + 8 * i));
    }
    h = rotated(lanes[0], 1) + rotated(lanes[1], 7) + rotated(lanes[2], 12) + rotated(lanes[3], 18);
    for (const uint64_t lane : lanes) h = (h ^ xx_round(0, lane)) * kXx1 + kXx4;
  }
  h += bytes.size();
  for (; end - at >= 8; at += 8) h = rotated(h ^ xx_round(0, little<uint64_t>(at)), 27) * kXx1 + kXx4;
  if (end - at >= 4) {
    h = rotated(h ^ little<uint32_t>(at) * kXx1, 23) * kXx2 + kXx3;
    at += 4;
  }
  for (; at < end; ++at) h = rotated(h ^ static_cast<unsigned char>(*at) * kXx5, 11) * kXx1;
  h = (h ^ h >> 33) * kXx2;
  h = (h ^ h >> 29) * kXx3;
  return h ^ h >> 32;
}

}  // namespace loam
