// Working memory that is kept between calls, so that a training step allocates nothing once it is warm.
#pragma once

#include <cstdint>

namespace loam::cpu {

/// At least `count` floats, 64-byte aligned, contents undefined; the same memory for the same slot of the same thread.
/// Slots: one a caller that may be live at once with another (see scratch.cpp). Throws Error{resource}.
float* scratch(int slot, int64_t count);

enum ScratchSlot { kPackedSlot, kPackedSlot2, kTaskSlot, kTaskSlot2, kTaskSlot3, kTaskSlot4, kRowsSlot, kRoundedSlot, kRoundedSlot2, kSlotCount };

}  // namespace loam::cpu
