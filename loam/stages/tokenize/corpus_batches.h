// The documents of several corpora in order, in batches for the threads: the next one is read while this one is worked on.
//
//   CorpusBatches in(corpora, {.corpus = 0, .file = 0, .row = 0}, 16 << 20);
//   in.for_each_batch([&](CorpusBatch& batch) { parallel_for over batch.documents; return true; });
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loam/artifacts/corpus.h"

namespace loam {

/// A place in the corpora: the next document to read.
struct CorpusPlace {
  int64_t corpus = 0, file = 0, row = 0;
  bool operator==(const CorpusPlace&) const = default;
};

struct CorpusBatch {
  struct Item {
    Document document;
    CorpusPlace place;         ///< of this document
    std::vector<int32_t> ids;  ///< room for what the work makes of it
  };
  std::vector<Item> items;
  CorpusPlace next;     ///< of the document after the last one
  int64_t text_bytes = 0;
};

class CorpusBatches {
 public:
  /// Begins at `from`, whose row is reached by skipping. Batches end after `batch_bytes` of text; where they end depends
  /// on the documents and on `from` alone. With `one_file`, at the end of from's file.
  CorpusBatches(std::vector<Artifact> corpora, CorpusPlace from, int64_t batch_bytes, bool one_file = false);
  ~CorpusBatches();

  /// An empty batch at the end.
  CorpusBatch read();

  /// Calls work(i, n, batch) for i in [0, n) on the threads, n pieces a batch, while the next batch is read; then
  /// done(batch) on the calling thread, in order. Stops early if done() gives false.
  void for_each_batch(const std::function<void(int64_t item, CorpusBatch&)>& work, const std::function<bool(CorpusBatch&)>& done);

 private:
  bool open_next();
  std::vector<Artifact> corpora_;
  std::vector<std::vector<std::string>> files_;
  CorpusPlace at_;
  int64_t batch_bytes_;
  bool one_file_, opened_ = false;
  std::unique_ptr<CorpusReader> reader_;
};

/// Opens each folder as a corpus; the same one twice is refused. Throws Error{usage, input}.
std::vector<Artifact> open_corpora(const std::vector<std::string>& folders);

}  // namespace loam
