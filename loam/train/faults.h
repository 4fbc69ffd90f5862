// Faults put into a run on purpose, to see that it survives them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "loam/tensor/mat.h"

namespace loam {

/// Parses "nan@120,inf@200,flip@300,huge@400": at that step (0-based) one number of the gradients, chosen by the step,
/// becomes NaN or infinity, has a high bit of its exponent flipped, or all of them are multiplied by 1e4. Each is put in
/// once a step, wherever the run was killed. An empty text gives no function. Throws Error{usage}.
std::function<void(int64_t step, Vec gradients)> parse_faults(const std::string& text);

/// From the variable LOAM_FAULTS; for tests, so it is no flag. It works on gradients in host memory.
std::function<void(int64_t step, Vec gradients)> faults_from_environment();

}  // namespace loam
