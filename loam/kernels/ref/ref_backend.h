// The reference: plain loops over the formulas, in one thread, with sums in double. The oracle of every other backend.
#pragma once

#include "loam/kernels/cpu/cpu_backend.h"

namespace loam::ref {

cpu::Parts parts();
const StoredKernels& stored_kernels();
/// Writes sum p at (r, c) of y with what follows it.
void finish(Mat y, int64_t r, int64_t c, double p, const Epilogue& then);

}  // namespace loam::ref
