// What this machine has: memory now, memory in all, and what this process took.
#pragma once

#include <cstdint>

namespace loam {

/// Bytes that new work can have without swapping: MemAvailable, or what is left of the control group's limit if less.
int64_t available_memory_bytes();
int64_t total_memory_bytes();
/// The most memory this process held at once (VmHWM), since it began or since reset_peak_memory().
int64_t peak_memory_bytes();
/// Gives freed memory back to the system and counts the peak from here: a stage's own, not that of the one before it.
void reset_peak_memory();

}  // namespace loam
