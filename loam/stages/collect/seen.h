// Which texts were seen before: a table of 128-bit keys that moves out of memory onto the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

#include "loam/stages/collect/rules.h"

namespace loam {

/// Open addressing, 24 bytes a key at most 60 % full. Up to 39,000 keys (1.5 MiB) are held in memory; a larger table is a file
/// below `folder`, of which a few slots are read and one is written for each key: what of it stays in memory is the
/// system's cache. With the keys since the last save, at most 1 MiB, that is all it takes, however many keys there are.
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

  /// Brings the keys that came since the last save into `folder`/seen.log and says how long it is: that goes into the
  /// state, and to load(), which reads them back.
  int64_t save();
  void load(int64_t bytes);

 private:
  struct Entry {
    uint64_t high, low;
    int64_t number;  // + 1; 0: empty
  };
  struct Place {
    int64_t slot;
    Entry entry;     // what stands there: an equal key, or nothing
  };
  Place find(uint64_t high, uint64_t low) const;
  void put(int64_t slot, const Entry& entry);
  void read_slots(int descriptor, int64_t slot, Entry* into, int64_t count) const;
  void grow();
  std::filesystem::path log() const { return folder_ / "seen.log"; }
  std::filesystem::path folder_, file_;
  std::vector<Entry> entries_;   // in memory, while the table is small
  int descriptor_ = -1;          // of the file, when it is not
  int64_t slots_ = 0, size_ = 0, saved_bytes_ = 0;
  std::vector<Entry> fresh_;
};

}  // namespace loam
