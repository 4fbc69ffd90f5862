// A source file as batches of records, which is what run_ordered() works on: room for the rows they become.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "loam/base/stop.h"
#include "loam/stages/collect/kind.h"
#include "loam/stages/collect/pipeline.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/row.h"

namespace loam {

/// A stretch of a file's records, then the rows they became.
struct CollectBatch : OrderedWork::Batch {
  int64_t file = 0;
  std::vector<RawRecord> records;
  std::vector<Row> rows;
  int64_t last_record = 0;   // number of the last one
  int64_t raw_bytes = 0;
  const char* format = "empty";  // of the file so far
  bool hash = false;         // the file is to be hashed: its last batch, and it is of a kind we read
  std::string sha256 = "-";
};

/// A file in batches. Records that an earlier run wrote are passed over.
template <class Reader>
class FileStream : public OrderedWork::Stream {
 public:
  static constexpr int64_t kBatchBytes = int64_t{1} << 20;
  static constexpr int64_t kBatchRecords = 1024;
  FileStream(Reader reader, int64_t file, int64_t skip) : reader_(std::move(reader)), file_(file), skip_(skip) {}

  std::unique_ptr<OrderedWork::Batch> read() override {
    auto batch = std::make_unique<CollectBatch>();
    batch->file = file_;
    batch->last_record = last_;
    batch->format = format_;
    RawRecord record;
    while (batch->raw_bytes < kBatchBytes && static_cast<int64_t>(batch->records.size()) < kBatchRecords) {
      if (!reader_.next(record)) {
        batch->last = true;
        batch->hash = readable_ || last_ != 1;
        break;
      }
      batch->last_record = last_ = record.number;
      readable_ = readable_ || record.kind != FileKind::unsupported;
      batch->format = format_ = kind_label(record.kind);
      if (record.number <= skip_) {
        if (stop_requested()) break;
        continue;
      }
      int64_t bytes = static_cast<int64_t>(record.bytes.size());
      for (const auto& field : record.fields) bytes += static_cast<int64_t>(field.size());
      batch->raw_bytes += bytes;
      batch->bytes += bytes + static_cast<int64_t>(sizeof(RawRecord));
      batch->records.push_back(std::move(record));
    }
    return batch;
  }

 private:
  Reader reader_;
  int64_t file_, skip_, last_ = 0;
  bool readable_ = false;
  const char* format_ = "empty";
};

}  // namespace loam
