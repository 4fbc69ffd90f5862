// What one instruction set's build of the cpu folder hands over.
#pragma once

#include <cstdint>

#include "loam/kernels/attention.h"
#include "loam/kernels/elementwise.h"
#include "loam/kernels/head.h"
#include "loam/kernels/matmul.h"
#include "loam/kernels/norm.h"
#include "loam/kernels/optimizer.h"
#include "loam/kernels/stored.h"

namespace loam::cpu {

/// What a peak is measured with.
struct Spin {
  float (*run)(int64_t rounds) = nullptr;  ///< returns something that depends on all of them
  double operations = 0;                   ///< FLOP of one round
  int64_t rounds = 0;                      ///< of a short burst
};

struct Parts {
  const char* isa;
  const MatmulKernels* matmul;
  const NormKernels* norm;
  const AttentionKernels* attention;
  const ElementwiseKernels* elementwise;
  const HeadKernels* head;
  const OptimizerKernels* optimizer;
  const StoredKernels* stored;
  const StoredKernels* stored_with_dots;  ///< the same with VNNI, for machines that have it; null: the set has none
  Spin spin;                                ///< multiply-adds in registers
  const MatmulKernels* matmul_rounded;      ///< bfloat16 factors, on any machine of this set
  const HeadKernels* head_rounded;
  const MatmulKernels* matmul_tiles;        ///< the same in AMX's tiles, for machines that have them; null: the set has none
  const HeadKernels* head_tiles;
  const AttentionKernels* attention_tiles;
  Spin spin_tiles;
};

namespace generic { Parts parts(); }
namespace avx2 { Parts parts(); }
namespace avx512 { Parts parts(); }

}  // namespace loam::cpu
