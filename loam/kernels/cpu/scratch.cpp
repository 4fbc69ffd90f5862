#include "loam/kernels/cpu/scratch.h"

#include <cstdlib>

#include "loam/base/error.h"

namespace loam::cpu {
namespace {

struct Block {
  float* data = nullptr;
  int64_t count = 0;
  ~Block() { std::free(data); }
};

}  // namespace

float* scratch(int slot, int64_t count) {
  thread_local Block blocks[kSlotCount];
  Block& block = blocks[slot];
  if (block.count < count) {
    std::free(block.data);
    block.count = (count + count / 4 + 1023) / 1024 * 1024;
    block.data = static_cast<float*>(std::aligned_alloc(64, static_cast<size_t>(block.count) * sizeof(float)));
    if (block.data == nullptr) {
      block.count = 0;
      fail(ErrorKind::resource, "no memory for ", count * 4, " bytes of working space");
    }
  }
  return block.data;
}

}  // namespace loam::cpu
