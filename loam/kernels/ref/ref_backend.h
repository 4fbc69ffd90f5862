// The reference: plain loops over the formulas, in one thread, with sums in double. The oracle of every other backend.
#pragma once

#include "loam/kernels/cpu/cpu_backend.h"

namespace loam::ref {

cpu::Parts parts();
const StoredKernels& stored_kernels();

}  // namespace loam::ref
