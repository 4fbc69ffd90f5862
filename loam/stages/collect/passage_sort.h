// Windows of passages on disk: written by many threads into buckets by their hash, sorted, and told apart into the first of
// each kind and those that came before.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "loam/base/progress.h"
#include "loam/base/threads.h"

namespace loam {

/// Files of 20-byte records: hash (96 bits), document (0: of another corpus), token where the window begins.
class WindowFiles {
 public:
  /// As many buckets as make each fit the memory for sorting, for text of about so many bytes; 1,024 at most.
  WindowFiles(std::filesystem::path folder, int64_t text_bytes);
  ~WindowFiles();
  WindowFiles(const WindowFiles&) = delete;
  WindowFiles& operator=(const WindowFiles&) = delete;

  /// One thread's records: 4 KiB a bucket.
  class Writer {
   public:
    explicit Writer(WindowFiles& files) : files_(files), buffers_(static_cast<size_t>(files.buckets())) {}
    void add(uint64_t hash, uint32_t more, uint32_t document, uint32_t token);
    void flush();

   private:
    WindowFiles& files_;
    std::vector<std::string> buffers_;
  };
  int64_t buckets() const { return static_cast<int64_t>(descriptors_.size()); }
  void finish();   ///< flushes to the disk

 private:
  void append(size_t bucket, const std::string& bytes);
  std::filesystem::path folder_;
  std::vector<int> descriptors_;
  std::vector<std::mutex> mutexes_;
};

/// Marks (document, token) of windows that came before, in a file for each part of the corpus.
class MarkFiles {
 public:
  /// `first`: the number of each part's first document, and at the end the count of all. Files that are there are made anew.
  MarkFiles(const std::vector<int64_t>& first, std::function<std::filesystem::path(int64_t)> name);
  void add(uint32_t document, uint32_t token);   ///< on any thread
  void finish();

 private:
  void append(size_t part);
  const std::vector<int64_t>& first_;
  std::function<std::filesystem::path(int64_t)> name_;
  std::vector<std::string> buffers_;
  std::vector<std::mutex> mutexes_;
};

/// Sorts all buckets, side by side, in 8 MiB a thread.
void sort_passage_windows(const std::filesystem::path& folder, int64_t buckets, MarkFiles& marks, Progress& progress);
void remove_passage_windows(const std::filesystem::path& folder, int64_t buckets);

/// The marks of a part as a bit for each of its tokens. `base`: where each document's tokens begin.
std::vector<bool> read_marks(const std::filesystem::path& file, int64_t first_document, const std::vector<int64_t>& base);

/// Rows of a documents-* file.
int64_t count_rows(const std::filesystem::path& file);

/// parallel_for() of which each task is long: exceptions stop the others at their next look at the stop flag.
template <class F>
void parallel_each(int64_t count, F&& f) {
  parallel_for(count, std::forward<F>(f));
}

}  // namespace loam
