#include "loam/stages/collect/passage_sort.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/formats/bytes.h"
#include "loam/stages/collect/external_sort.h"
#include "loam/stages/collect/near_pass.h"

namespace loam {
namespace {

constexpr int64_t kPassageSortBytes = int64_t{8} << 20;    // a thread
constexpr int64_t kReadWindows = 6000;
constexpr int64_t kMostBuckets = 1024;              // all are open at once
constexpr size_t kRowBuffer = 4 << 10;
constexpr size_t kMarkBuffer = 4 << 10, kMarkBuffers = 1 << 20;   // of a part at most, of all together
constexpr int64_t kBytesPerToken = 4;               // of running text, or more: with fewer the buckets are larger, and sorted in runs
constexpr const char* kSortStopped = "stopped on request while repeated passages were looked for; the same command goes on from there";

struct Window {
  std::array<uint32_t, 5> at;   // hash (3), document, token: in the order they are sorted by
  bool same(const Window& o) const { return at[0] == o.at[0] && at[1] == o.at[1] && at[2] == o.at[2]; }
  friend bool operator<(const Window& a, const Window& b) { return a.at < b.at; }
};
static_assert(sizeof(Window) == 20);

fs::path bucket_file(const fs::path& folder, int64_t bucket) { return folder / fmt::format("windows-{:04}", bucket); }

/// Up to `limit` windows behind those that were read; false at the end.
bool read_windows(const ReadBytes& read, std::vector<Window>& out, int64_t limit, const fs::path& file) {
  out.resize(static_cast<size_t>(limit));
  auto* to = reinterpret_cast<char*>(out.data());
  const int64_t want = limit * static_cast<int64_t>(sizeof(Window));
  int64_t have = 0;
  while (have < want) {
    const int64_t n = read(to + have, want - have);
    if (n == 0) break;
    have += n;
  }
  require_input(have % static_cast<int64_t>(sizeof(Window)) == 0, file, " ends inside a record; give --force to start anew");
  out.resize(static_cast<size_t>(have) / sizeof(Window));
  return !out.empty();
}

/// Windows in order, told apart.
class Groups {
 public:
  explicit Groups(MarkFiles& marks) : marks_(marks) {}
  void add(const Window& w) {
    if (any_ && w.same(last_) && w.at[3] != 0) marks_.add(w.at[3] - 1, w.at[4]);
    last_ = w;
    any_ = true;
  }

 private:
  MarkFiles& marks_;
  Window last_ = {};
  bool any_ = false;
};

void sort_passages(const fs::path& folder, int64_t bucket, MarkFiles& marks) {
  const fs::path file = bucket_file(folder, bucket);
  const ReadBytes read = open_stored(file);
  ExternalSort<Window> sort({.stem = folder / fmt::format("run-{:04}", bucket), .bytes = kPassageSortBytes, .stopped = kSortStopped});
  std::vector<Window> windows;
  while (read_windows(read, windows, kReadWindows, file)) {
    stop_if_requested(kSortStopped);
    sort.add(windows.data(), windows.size());
  }
  Groups groups(marks);
  sort.each([&](const Window& w) { groups.add(w); });
}

}  // namespace

WindowFiles::WindowFiles(fs::path folder, int64_t text_bytes)
    : folder_(std::move(folder)),
      descriptors_(static_cast<size_t>(std::clamp<int64_t>(text_bytes / kBytesPerToken * static_cast<int64_t>(sizeof(Window)) / (kPassageSortBytes / 2), 1, kMostBuckets)), -1), mutexes_(descriptors_.size()) {
  for (size_t bucket = 0; bucket < descriptors_.size(); ++bucket) {
    const fs::path file = bucket_file(folder_, static_cast<int64_t>(bucket));
    descriptors_[bucket] = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644);
    if (descriptors_[bucket] < 0) fail(ErrorKind::io, "cannot create ", file, ": ", std::strerror(errno));
  }
}

WindowFiles::~WindowFiles() {
  for (const int descriptor : descriptors_) {
    if (descriptor >= 0) ::close(descriptor);
  }
}

void WindowFiles::append(size_t bucket, const std::string& bytes) {
  const std::lock_guard lock(mutexes_[bucket]);
  write_all(descriptors_[bucket], bytes, bucket_file(folder_, static_cast<int64_t>(bucket)));
}

void WindowFiles::finish() {
  for (size_t bucket = 0; bucket < descriptors_.size(); ++bucket) {
    if (::fdatasync(descriptors_[bucket]) != 0) fail(ErrorKind::io, "cannot write ", bucket_file(folder_, static_cast<int64_t>(bucket)), ": ", std::strerror(errno));
  }
}

void WindowFiles::Writer::add(uint64_t hash, uint32_t more, uint32_t document, uint32_t token) {
  const Window window{{static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash), more, document, token}};
  const auto bucket = static_cast<size_t>((hash >> 32) * buffers_.size() >> 32);
  std::string& buffer = buffers_[bucket];
  buffer.append(reinterpret_cast<const char*>(&window), sizeof window);
  if (buffer.size() >= kRowBuffer) {
    files_.append(bucket, buffer);
    buffer.clear();
  }
}

void WindowFiles::Writer::flush() {
  for (size_t bucket = 0; bucket < buffers_.size(); ++bucket) {
    if (!buffers_[bucket].empty()) files_.append(bucket, buffers_[bucket]);
    buffers_[bucket].clear();
  }
}

MarkFiles::MarkFiles(const std::vector<int64_t>& first, std::function<fs::path(int64_t)> name) : first_(first), name_(std::move(name)), buffers_(first.size() - 1), mutexes_(first.size() - 1) {
  for (size_t part = 0; part < buffers_.size(); ++part) append_durably(name_(static_cast<int64_t>(part)), 0, "");
}

void MarkFiles::add(uint32_t document, uint32_t token) {
  const auto part = static_cast<size_t>(std::upper_bound(first_.begin(), first_.end(), static_cast<int64_t>(document)) - first_.begin() - 1);
  const std::lock_guard lock(mutexes_[part]);
  const uint32_t mark[2] = {document, token};
  buffers_[part].append(reinterpret_cast<const char*>(mark), sizeof mark);
  if (buffers_[part].size() >= std::clamp(kMarkBuffers / buffers_.size(), sizeof mark, kMarkBuffer)) append(part);
}

void MarkFiles::append(size_t part) {
  const fs::path file = name_(static_cast<int64_t>(part));
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor < 0) fail(ErrorKind::io, "cannot write ", file, ": ", std::strerror(errno));
  try {
    write_all(descriptor, buffers_[part], file);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  ::close(descriptor);
  buffers_[part].clear();
}

void MarkFiles::finish() {
  for (size_t part = 0; part < buffers_.size(); ++part) {
    append(part);
    const fs::path file = name_(static_cast<int64_t>(part));
    append_durably(file, static_cast<int64_t>(fs::file_size(file)), "");
  }
}

void sort_passage_windows(const fs::path& folder, int64_t buckets, MarkFiles& marks, Progress& progress) {
  std::atomic<int64_t> done = 0;
  std::mutex mutex;
  parallel_each(buckets, [&](int64_t bucket) {
    stop_if_requested(kSortStopped);
    sort_passages(folder, bucket, marks);
    const std::lock_guard lock(mutex);
    progress.update(++done, buckets, "buckets of passages sorted");
  });
  marks.finish();
}

void remove_passage_windows(const fs::path& folder, int64_t buckets) {
  for (int64_t bucket = 0; bucket < buckets; ++bucket) fs::remove(bucket_file(folder, bucket));
}

std::vector<bool> read_marks(const fs::path& file, int64_t first_document, const std::vector<int64_t>& base) {
  std::vector<bool> out(static_cast<size_t>(base.back()));
  const ReadBytes read = open_stored(file);
  std::vector<uint32_t> block(1 << 15);
  for (;;) {
    auto* to = reinterpret_cast<char*>(block.data());
    const auto want = static_cast<int64_t>(block.size() * 4);
    int64_t have = 0;
    for (int64_t n = 1; have < want && n > 0; have += n) n = read(to + have, want - have);
    if (have == 0) return out;
    for (size_t i = 0; i + 1 < static_cast<size_t>(have) / 4; i += 2) {
      const int64_t d = static_cast<int64_t>(block[i]) - first_document;
      require_input(d >= 0 && d + 1 < static_cast<int64_t>(base.size()) && base[static_cast<size_t>(d)] + block[i + 1] < base[static_cast<size_t>(d) + 1], file, " does not belong to its part; give --force to start anew");
      out[static_cast<size_t>(base[static_cast<size_t>(d)] + block[i + 1])] = true;
    }
  }
}

int64_t count_rows(const fs::path& file) {
  int64_t rows = 0;
  each_row(file, [&rows](std::string_view) { ++rows; });
  return rows;
}

}  // namespace loam
