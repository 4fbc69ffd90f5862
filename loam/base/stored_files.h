// Many files read at any place, without a map of them: what was read is the system's to keep or forget, and none of this
// process's memory.
//
//   StoredFiles files;
//   const StoredArray<int64_t> numbers(files, files.add(folder / "numbers"));
//   for (int64_t i = 0; i < numbers.size(); ++i) use(numbers[i]);
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <vector>

#include "loam/base/error.h"

namespace loam {

/// Of any number of files 128 at most are open at a time. One thread.
class StoredFiles {
 public:
  StoredFiles() = default;
  ~StoredFiles();
  StoredFiles(StoredFiles&& other) noexcept;
  StoredFiles& operator=(StoredFiles&& other) noexcept;

  /// A number for the file. Throws Error{input} if there is none.
  int64_t add(const std::filesystem::path& file);
  int64_t bytes(int64_t file) const { return files_[static_cast<size_t>(file)].bytes; }
  /// `count` bytes from `offset` on. Throws Error{input} if they cannot be read or the file ends before.
  void read(int64_t file, int64_t offset, void* to, int64_t count);

 private:
  struct File {
    std::filesystem::path path;
    int64_t bytes = 0;
    int descriptor = -1;
  };
  std::vector<File> files_;
  std::deque<int64_t> open_;   // the one opened longest ago in front
};

/// A file of T's. Elements that are asked for in order are read a block of 32 KiB at a time, others one by one. One thread.
template <class T>
class StoredArray {
 public:
  StoredArray(StoredFiles& files, int64_t file) : files_(&files), file_(file), size_(files.bytes(file) / static_cast<int64_t>(sizeof(T))) {}
  int64_t size() const { return size_; }
  T operator[](int64_t i) const {
    LOAM_ASSERT(i >= 0 && i < size_);
    if (i < first_ || i >= first_ + static_cast<int64_t>(block_.size())) {
      // Alone, unless it follows the one before: then with those behind it.
      const int64_t count = i == last_ + 1 ? std::min(kBlock, size_ - i) : 1;
      block_.resize(static_cast<size_t>(count));
      files_->read(file_, i * static_cast<int64_t>(sizeof(T)), block_.data(), count * static_cast<int64_t>(sizeof(T)));
      first_ = i;
    }
    last_ = i;
    const T out = block_[static_cast<size_t>(i - first_)];
    if (i == size_ - 1 && block_.size() > 1) {
      block_ = std::vector<T>(1, out);   // of thousands of files each would else keep its last block
      first_ = i;
    }
    return out;
  }

 private:
  static constexpr int64_t kBlock = (int64_t{32} << 10) / static_cast<int64_t>(sizeof(T));
  StoredFiles* files_;
  int64_t file_, size_;
  mutable std::vector<T> block_;
  mutable int64_t first_ = 0, last_ = -1;
};

}  // namespace loam
