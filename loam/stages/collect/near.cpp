#include "loam/stages/collect/near.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <mutex>
#include <utility>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/formats/bytes.h"
#include "loam/stages/collect/external_sort.h"
#include "loam/stages/collect/minhash.h"

namespace loam {
namespace {

constexpr size_t kBufferBytes = 64 << 10;
constexpr int64_t kSortBytes = int64_t{8} << 20;      // a thread
constexpr int64_t kMemoryNumbers = int64_t{1} << 20;  // a larger table is a file
constexpr const char* kStopped = "stopped on request while near-duplicates were looked for; the same command goes on from there";

struct Record {
  std::array<uint32_t, 2 * kMinhashRows> values;
  uint32_t document;

  uint64_t value(size_t i) const { return values[2 * i] | static_cast<uint64_t>(values[2 * i + 1]) << 32; }
  bool same_values(const Record& other) const { return values == other.values; }
  friend bool operator<(const Record& a, const Record& b) {
    for (size_t i = 0; i < kMinhashRows; ++i) {
      const uint64_t x = a.value(i), y = b.value(i);
      if (x != y) return x < y;
    }
    return a.document < b.document;
  }
};
static_assert(sizeof(Record) == 68);

/// All records of a file, a block at a time.
template <class F>
void each_block(const fs::path& path, F&& take) {
  const ReadBytes read = open_stored(path);
  std::vector<Record> block(2048);
  for (;;) {
    auto* to = reinterpret_cast<char*>(block.data());
    const auto want = static_cast<int64_t>(block.size() * sizeof(Record));
    int64_t have = 0;
    for (int64_t n = 1; have < want && n > 0; have += n) n = read(to + have, want - have);
    require_input(have % static_cast<int64_t>(sizeof(Record)) == 0, path, " ends inside a record; give --force to start anew");
    if (have == 0) return;
    take(block.data(), static_cast<size_t>(have) / sizeof(Record));
  }
}

template <class F>
void each_pair(const fs::path& file, F&& take) {
  const ReadBytes read = open_stored(file);
  std::vector<uint32_t> block(1 << 14);
  for (;;) {
    stop_if_requested(kStopped);
    auto* to = reinterpret_cast<char*>(block.data());
    const auto want = static_cast<int64_t>(block.size() * sizeof(uint32_t));
    int64_t have = 0;
    for (int64_t n = 1; have < want && n > 0; have += n) n = read(to + have, want - have);
    for (size_t i = 0; i + 1 < static_cast<size_t>(have) / sizeof(uint32_t); i += 2) take(block[i], block[i + 1]);
    if (have < want) return;
  }
}

std::string bucket_name(const char* kind, int64_t bucket) { return fmt::format("{}-{:02}", kind, bucket); }

/// Pairs of documents that share the bucket, from the records in order: each with the first of its group.
class Pairs {
 public:
  explicit Pairs(const fs::path& file) : out_(file) {}
  void add(const Record& record) {
    if (any_ && record.same_values(last_)) {
      const uint32_t pair[2] = {first_, record.document};
      if (record.document != first_ && record.document != last_.document) out_.write(pair, sizeof pair);
    } else {
      first_ = record.document;
    }
    last_ = record;
    any_ = true;
  }
  void commit() { out_.commit(); }

 private:
  AtomicFile out_;
  Record last_ = {};
  uint32_t first_ = 0;
  bool any_ = false;
};

void sort_bucket(const fs::path& folder, const std::vector<fs::path>& logs, int64_t bucket) {
  ExternalSort<Record> sort({.stem = folder / bucket_name("run", bucket), .bytes = kSortBytes, .stopped = kStopped});
  for (const fs::path& log : logs) {
    each_block(log, [&](const Record* records, size_t count) {
      stop_if_requested(kStopped);
      sort.add(records, count);
    });
  }
  Pairs pairs(folder / bucket_name("pairs", bucket));
  sort.each([&](const Record& record) { pairs.add(record); });
  pairs.commit();
}

}  // namespace

SignatureLog::SignatureLog(fs::path folder, std::string name) : buffers_(kMinhashBuckets), written_(kMinhashBuckets, 0) {
  make_folder(folder);
  for (int64_t bucket = 0; bucket < kMinhashBuckets; ++bucket) {
    files_.push_back(folder / bucket_name((name + ".log").c_str(), bucket));
    const int descriptor = ::open(files_.back().c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(ErrorKind::io, "cannot create ", files_.back(), ": ", std::strerror(errno));
    descriptors_.push_back(descriptor);
  }
}

SignatureLog::~SignatureLog() {
  for (const int descriptor : descriptors_) ::close(descriptor);
}

void SignatureLog::add(uint32_t document, const std::vector<uint64_t>& signature) {
  for (size_t bucket = 0; bucket < static_cast<size_t>(kMinhashBuckets); ++bucket) {
    std::string& buffer = buffers_[bucket];
    buffer.append(reinterpret_cast<const char*>(signature.data() + bucket * kMinhashRows), kMinhashRows * sizeof(uint64_t));
    buffer.append(reinterpret_cast<const char*>(&document), sizeof document);
    if (buffer.size() >= kBufferBytes) flush(bucket);
  }
  ++records_;
}

void SignatureLog::flush(size_t bucket) {
  std::string& buffer = buffers_[bucket];
  for (size_t at = 0; at < buffer.size();) {
    const ssize_t n = ::pwrite(descriptors_[bucket], buffer.data() + at, buffer.size() - at, static_cast<off_t>(written_[bucket]));
    if (n < 0) fail(ErrorKind::io, "cannot write ", files_[bucket], ": ", std::strerror(errno));
    at += static_cast<size_t>(n);
    written_[bucket] += n;
  }
  buffer.clear();
}

int64_t SignatureLog::save() {
  for (size_t bucket = 0; bucket < buffers_.size(); ++bucket) {
    flush(bucket);
    if (::fdatasync(descriptors_[bucket]) != 0) fail(ErrorKind::io, "cannot write ", files_[bucket], ": ", std::strerror(errno));
  }
  return records_;
}

void SignatureLog::load(int64_t records) {
  records_ = records;
  for (size_t bucket = 0; bucket < buffers_.size(); ++bucket) {
    buffers_[bucket].clear();
    written_[bucket] = records * static_cast<int64_t>(sizeof(Record));
    std::error_code ignored;
    require_input(static_cast<int64_t>(fs::file_size(files_[bucket], ignored)) >= written_[bucket], files_[bucket], " is cut off; give --force to start anew");
    if (::ftruncate(descriptors_[bucket], static_cast<off_t>(written_[bucket])) != 0) fail(ErrorKind::io, "cannot write ", files_[bucket], ": ", std::strerror(errno));
  }
}

NumberTable::NumberTable(const fs::path& file, int64_t size) : bytes_(static_cast<size_t>(std::max<int64_t>(1, size)) * sizeof(uint32_t)) {
  int descriptor = -1;
  if (size > kMemoryNumbers) {
    file_ = file;
    descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(ErrorKind::io, "cannot create ", file, ": ", std::strerror(errno));
    if (const int code = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes_)); code != 0) {
      ::close(descriptor);
      ::unlink(file.c_str());
      fail(ErrorKind::io, "cannot make ", file, " ", bytes_, " bytes long: ", std::strerror(code));
    }
  }
  void* at = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, descriptor, 0);
  if (descriptor >= 0) ::close(descriptor);
  if (at == MAP_FAILED) fail(ErrorKind::resource, "no memory for a table of ", bytes_, " bytes");
  data_ = static_cast<uint32_t*>(at);
}

NumberTable::~NumberTable() {
  if (data_ != nullptr) ::munmap(data_, bytes_);
  if (!file_.empty()) ::unlink(file_.c_str());
}

NumberTable::NumberTable(NumberTable&& other) noexcept : file_(std::move(other.file_)), data_(std::exchange(other.data_, nullptr)), bytes_(other.bytes_) { other.file_.clear(); }

uint32_t NearClusters::first_of(int64_t document) const {
  int64_t at = document + 1;
  while (parents_[at] != at) at = parents_[at];
  return at == 0 ? kElsewhere : static_cast<uint32_t>(at - 1);
}

NearClusters find_clusters(const fs::path& folder, int64_t documents, Progress& progress) {
  std::vector<int64_t> buckets;
  for (int64_t bucket = 0; bucket < kMinhashBuckets; ++bucket) {
    if (!fs::exists(folder / bucket_name("pairs", bucket))) buckets.push_back(bucket);
  }
  // Buckets side by side. Runs of one that was stopped are written anew.
  std::mutex mutex;
  int64_t done = kMinhashBuckets - static_cast<int64_t>(buckets.size());
  parallel_for(static_cast<int64_t>(buckets.size()), [&](int64_t i) {
    const int64_t bucket = buckets[static_cast<size_t>(i)];
    std::vector<fs::path> logs;
    for (const char* name : {"elsewhere.log", "own.log"}) {
      const fs::path log = folder / bucket_name(name, bucket);
      if (fs::exists(log)) logs.push_back(log);
    }
    sort_bucket(folder, logs, bucket);
    const std::lock_guard lock(mutex);
    progress.update(++done, kMinhashBuckets, "buckets");
  });
  // The lowest number of two clusters becomes the first of both; that of what is elsewhere is 0.
  NumberTable parents(folder / "parents.table", documents + 1);
  for (int64_t i = 0; i <= documents; ++i) parents[i] = static_cast<uint32_t>(i);
  auto root = [&](uint32_t i) {
    while (parents[i] != i) i = parents[i] = parents[parents[i]];
    return i;
  };
  for (int64_t bucket = 0; bucket < kMinhashBuckets; ++bucket) {
    each_pair(folder / bucket_name("pairs", bucket), [&](uint32_t first, uint32_t second) {
      const uint32_t a = root(first + 1), b = root(second + 1);  // kElsewhere + 1 is 0
      parents[std::max(a, b)] = std::min(a, b);
    });
  }
  return NearClusters(std::move(parents), documents);
}

void add_elsewhere(SignatureLog& log, const Artifact& corpus, Progress& progress) {
  const std::vector<std::string> files = document_files(corpus);
  std::mutex mutex;
  int64_t done = 0;
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    CorpusReader reader(corpus.path(files[static_cast<size_t>(i)]), /*with_metadata=*/false);
    while (const auto document = reader.next()) {
      stop_if_requested(kStopped);
      const auto signature = minhash_signature(document->text);
      if (signature.empty()) continue;
      const std::lock_guard lock(mutex);
      log.add(kElsewhere, signature);
    }
    const std::lock_guard lock(mutex);
    progress.update(++done, static_cast<int64_t>(files.size()), "files of " + corpus.folder.string());
  });
}

}  // namespace loam
