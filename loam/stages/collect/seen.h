// Which texts were seen before: a table of 128-bit keys that grows out of memory onto the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "loam/stages/collect/rules.h"

namespace loam {

/// Open addressing, 24 bytes a key at most 60 % full. Up to 4 million keys are held in memory; a larger table is a mapped
/// file below `folder`, which the system may page out.
class SeenTable {
 public:
  explicit SeenTable(std::filesystem::path folder) : folder_(std::move(folder)) {}
  ~SeenTable();
  SeenTable(const SeenTable&) = delete;
  SeenTable& operator=(const SeenTable&) = delete;

  /// The number that came with an equal key before; none the first time: then `number` is kept. Throws Error{io} if the
  /// disk is full.
  std::optional<int64_t> insert(const TextKey& key, int64_t number);
  int64_t size() const { return size_; }

  /// Appends the keys that came since the last save to a log, and reads them back: the log's length goes into the state.
  int64_t save(const std::filesystem::path& log);
  void load(const std::filesystem::path& log, int64_t bytes);

 private:
  struct Entry {
    uint64_t high, low;
    int64_t number;  // + 1; 0: empty
  };
  void grow();
  std::filesystem::path folder_, file_;
  Entry* entries_ = nullptr;
  int64_t slots_ = 0, size_ = 0, saved_bytes_ = 0;
  std::vector<Entry> fresh_;
};

}  // namespace loam
