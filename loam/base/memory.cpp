#include "loam/base/memory.h"

#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <string>

#include "loam/base/threads.h"

namespace loam {
namespace {

/// The number after `key` in a file of "Key: number kB" lines, in bytes; -1 if it is not there.
int64_t kilobytes_line(const char* file, const std::string& key) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    if (line.rfind(key, 0) == 0) return std::strtoll(line.c_str() + key.size(), nullptr, 10) * 1024;
  }
  return -1;
}

int64_t number_in(const char* file) {
  std::ifstream in(file);
  int64_t value = -1;
  return in >> value ? value : -1;  // "max" fails, and means no limit
}

/// Gives back the free end of every thread's arena, which malloc_trim() leaves alone: glibc looks at it when a block of
/// 64 KiB or more is freed before it, and by then it has learnt from larger blocks to keep up to 64 MiB.
void trim_arenas() {
  ::mallopt(M_TRIM_THRESHOLD, 0);
  std::atomic<int> begun = 0;
  const int team = threads();
  parallel_for(team, [&](int64_t) {
    ++begun;
    const auto start = std::chrono::steady_clock::now();
    while (begun < team && std::chrono::steady_clock::now() - start < std::chrono::milliseconds(100)) {
    }  // each task on a thread of its own
    void* volatile block = std::malloc(96 << 10);
    std::free(block);
  });
  ::malloc_trim(0);
  // What glibc comes to by itself where blocks of 32 MiB were freed.
  ::mallopt(M_MMAP_THRESHOLD, 32 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

}  // namespace

int64_t available_memory_bytes() {
  int64_t available = kilobytes_line("/proc/meminfo", "MemAvailable:");
  if (available < 0) available = int64_t{4} << 30;
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max"), used = number_in("/sys/fs/cgroup/memory.current");
  if (limit > 0 && used >= 0) available = std::min(available, std::max<int64_t>(0, limit - used));
  return available;
}

int64_t total_memory_bytes() {
  const int64_t total = kilobytes_line("/proc/meminfo", "MemTotal:");
  const int64_t limit = number_in("/sys/fs/cgroup/memory.max");
  return limit > 0 ? std::min(limit, total) : total;
}

void reset_peak_memory() {
  trim_arenas();
  std::ofstream("/proc/self/clear_refs") << "5";  // Linux: sets the high-water mark to what is held now
}

void give_back_freed_memory() {
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);  // set by hand it stays: glibc else raises it to the largest block freed
  ::mallopt(M_TRIM_THRESHOLD, 4 << 20);
}

void give_back_free_pages() { ::malloc_trim(0); }

int64_t peak_memory_bytes() { return std::max<int64_t>(0, kilobytes_line("/proc/self/status", "VmHWM:")); }

int64_t mapped_file_bytes() { return std::max<int64_t>(0, kilobytes_line("/proc/self/status", "RssFile:")); }

std::string processor_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const size_t colon = line.find(": ");
    if (line.rfind("model name", 0) == 0 && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "";
}

}  // namespace loam
