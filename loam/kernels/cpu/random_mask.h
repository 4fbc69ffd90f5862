// Which numbers dropout keeps: a function of a key and an index alone, so that backward finds the mask again and the
// order of the work does not matter. The same numbers as base/random.h's uniform01, without its inline functions.
#pragma once

#include "loam/kernels/cpu/simd.h"

namespace loam::cpu::LOAM_ISA {

LOAM_INLINE uint64_t mixed(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

LOAM_INLINE bool kept(uint64_t key, uint64_t index, float p) {
  return static_cast<float>(mixed(key ^ mixed(index)) >> 40) * 0x1.0p-24f >= p;
}

}  // namespace loam::cpu::LOAM_ISA
