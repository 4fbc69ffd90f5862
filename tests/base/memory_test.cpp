#include "loam/base/memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "loam/base/threads.h"

namespace loam {
namespace {

TEST(Memory, ThePeakBeginsAgainWithoutWhatThreadsFreed) {
  const int before = threads();
  set_threads(3);
  const int64_t start = (reset_peak_memory(), peak_memory_bytes());
  // Some large blocks first: from them glibc learns to keep the free ends of its arenas. Then 48 MB of small ones, on
  // every thread.
  std::vector<char*> blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(static_cast<char*>(std::malloc(30 << 20)));
  for (char* block : blocks) std::free(block);
  parallel_for(48, [](int64_t) {
    std::vector<std::string> small;
    for (int i = 0; i < 1000; ++i) small.emplace_back(size_t{16} << 10, 'x');
  });
  EXPECT_GT(peak_memory_bytes(), start + (16 << 20));
  reset_peak_memory();
  EXPECT_LT(peak_memory_bytes(), start + (8 << 20));
  set_threads(before);
}

}  // namespace
}  // namespace loam
