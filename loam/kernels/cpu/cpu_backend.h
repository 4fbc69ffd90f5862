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
  float (*spin)(int64_t rounds);   ///< multiply-adds in registers
  double operations_per_round;     ///< FLOP of one round of spin
};

namespace generic { Parts parts(); }
namespace avx2 { Parts parts(); }
namespace avx512 { Parts parts(); }

}  // namespace loam::cpu
