// What a set of instructions has of tiles for bfloat16 products: the layers', the head's, attention's.
#pragma once

#include "loam/kernels/cpu/cpu_backend.h"

namespace loam::cpu::LOAM_ISA {

struct TileParts {
  const MatmulKernels* matmul = nullptr;  ///< null: this set has none
  const AttentionKernels* attention = nullptr;
  Spin spin;                              ///< products of tiles in the nearest cache
};
/// Only for machines with AMX-BF16, in a process that asked for its tiles.
TileParts tile_parts(const MatmulKernels& floats, const AttentionKernels& float_attention);

}  // namespace loam::cpu::LOAM_ISA
