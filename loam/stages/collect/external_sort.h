// Records of one size in order, however many there are: sorted runs on disk, merged a few dozen at a time.
//
//   ExternalSort<Window> sort({.stem = folder / "run-0007", .bytes = 8 << 20, .stopped = kStopped});
//   sort.add(windows.data(), windows.size());
//   sort.each([&](const Window& w) { take(w); });
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/stop.h"

namespace loam {

struct ExternalSortSettings {
  std::filesystem::path stem;           ///< runs are STEM-0, STEM-1...; gone when each() is done, overwritten when there is an old one
  int64_t bytes = int64_t{8} << 20;     ///< of memory for records, 256 KiB or more
  const char* stopped = "";             ///< what is said when it is stopped on request
};

/// Holds the settings' bytes and no more: of that memory a merge has a block of 128 KiB for each run, and runs beyond that
/// number are merged in several passes. Records that are equal by operator< come in any order. Throws Error{io}.
template <class R>
class ExternalSort {
 public:
  static_assert(std::is_trivially_copyable_v<R>);

  explicit ExternalSort(ExternalSortSettings settings) : s_(std::move(settings)), limit_(static_cast<size_t>(s_.bytes) / sizeof(R)) {
    require(s_.bytes >= int64_t{256} << 10, "sorting wants 256 KiB of memory or more");
  }
  ~ExternalSort() {
    for (const auto& run : runs_) remove(run);
  }
  ExternalSort(const ExternalSort&) = delete;
  ExternalSort& operator=(const ExternalSort&) = delete;

  void add(const R* records, size_t count) {
    if (records_.capacity() == 0) records_.reserve(limit_);  // once: growing would hold the records twice
    while (count > 0) {
      if (records_.size() == limit_) write_run();
      const size_t n = std::min(count, limit_ - records_.size());
      records_.insert(records_.end(), records, records + n);
      records += n;
      count -= n;
    }
  }
  void add(const R& record) { add(&record, 1); }

  /// All records in order, once.
  template <class F>
  void each(F&& take) {
    if (runs_.empty()) {
      std::sort(records_.begin(), records_.end());
      for (const R& record : records_) take(record);
      records_ = {};
      return;
    }
    if (!records_.empty()) write_run();
    records_ = {};
    const auto most = static_cast<size_t>(s_.bytes / kBlockBytes);
    while (runs_.size() > most) {
      // The oldest go first: each pass makes fewer and longer ones.
      const std::vector<std::filesystem::path> some(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(most));
      const auto longer = next_name();
      runs_.push_back(longer);
      {
        std::vector<R> block;
        block.reserve(kBlock);
        std::ofstream out = create(longer);
        merge(some, [&](const R& record) {
          block.push_back(record);
          if (block.size() == kBlock) put(out, longer, block);
        });
        put(out, longer, block);
      }
      for (const auto& run : some) remove(run);
      runs_.erase(runs_.begin(), runs_.begin() + static_cast<std::ptrdiff_t>(most));
    }
    merge(runs_, take);
    for (const auto& run : runs_) remove(run);
    runs_.clear();
  }

 private:
  static constexpr int64_t kBlockBytes = int64_t{128} << 10;
  static constexpr size_t kBlock = static_cast<size_t>(kBlockBytes) / sizeof(R);

  struct Run {
    std::ifstream file;
    std::vector<R> block;
    size_t at = 0;

    const R& head() const { return block[at]; }
    /// The next record; false at the end.
    bool advance(const std::filesystem::path& path) {
      if (++at < block.size()) return true;
      at = 0;
      block.resize(kBlock);
      file.read(reinterpret_cast<char*>(block.data()), static_cast<std::streamsize>(kBlock * sizeof(R)));
      if (file.bad()) fail(ErrorKind::io, "cannot read ", path, ": ", std::strerror(errno));
      const auto bytes = static_cast<size_t>(file.gcount());
      if (bytes % sizeof(R) != 0) fail(ErrorKind::io, path, " ends inside a record");
      block.resize(bytes / sizeof(R));
      return !block.empty();
    }
  };

  template <class F>
  void merge(const std::vector<std::filesystem::path>& names, F&& take) {
    std::vector<Run> runs(names.size());
    std::vector<size_t> heap;  // the run with the least head on top
    auto later = [&](size_t a, size_t b) { return runs[b].head() < runs[a].head(); };
    for (size_t i = 0; i < names.size(); ++i) {
      runs[i].file.open(names[i], std::ios::binary);
      if (!runs[i].file) fail(ErrorKind::io, "cannot read ", names[i], ": ", std::strerror(errno));
      if (runs[i].advance(names[i])) heap.push_back(i);
    }
    std::make_heap(heap.begin(), heap.end(), later);
    for (uint64_t n = 0; !heap.empty(); ++n) {
      if ((n & 0xFFFF) == 0) stop_if_requested(s_.stopped);
      const size_t least = heap.front();
      take(runs[least].head());
      if (!runs[least].advance(names[least])) {
        std::pop_heap(heap.begin(), heap.end(), later);
        heap.pop_back();
        runs[least] = Run();
        continue;
      }
      // Down from the top until both below it are later.
      for (size_t at = 0;;) {
        size_t below = 2 * at + 1;
        if (below >= heap.size()) break;
        if (below + 1 < heap.size() && later(heap[below], heap[below + 1])) ++below;
        if (!later(heap[at], heap[below])) break;
        std::swap(heap[at], heap[below]);
        at = below;
      }
    }
  }

  std::filesystem::path next_name() { return s_.stem.string() + "-" + std::to_string(made_++); }
  static std::ofstream create(const std::filesystem::path& path) {
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    if (!out) fail(ErrorKind::io, "cannot create ", path, ": ", std::strerror(errno));
    return out;
  }
  static void put(std::ofstream& out, const std::filesystem::path& path, std::vector<R>& records) {
    out.write(reinterpret_cast<const char*>(records.data()), static_cast<std::streamsize>(records.size() * sizeof(R)));
    out.flush();
    if (!out) fail(ErrorKind::io, "cannot write ", path, ": ", std::strerror(errno));
    records.clear();
  }
  // No flush to the disk: after a crash the runs are made anew.
  void write_run() {
    stop_if_requested(s_.stopped);
    std::sort(records_.begin(), records_.end());
    runs_.push_back(next_name());
    std::ofstream out = create(runs_.back());
    put(out, runs_.back(), records_);
  }
  static void remove(const std::filesystem::path& path) {
    std::error_code ignored;
    std::filesystem::remove(path, ignored);
  }

  ExternalSortSettings s_;
  size_t limit_;
  std::vector<R> records_;
  std::vector<std::filesystem::path> runs_;
  int64_t made_ = 0;
};

}  // namespace loam
