// What a set of instructions has of tiles for bfloat16 products.
#pragma once

#include "loam/kernels/cpu/cpu_backend.h"

namespace loam::cpu::LOAM_ISA {

struct TileParts {
  const MatmulKernels* matmul = nullptr;  ///< null: this set has none
  Spin spin;                              ///< products of tiles in the nearest cache
};
/// Only for machines with AMX-BF16, in a process that asked for its tiles.
TileParts tile_parts(const MatmulKernels& floats);

}  // namespace loam::cpu::LOAM_ISA
