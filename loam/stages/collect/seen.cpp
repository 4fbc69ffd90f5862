#include "loam/stages/collect/seen.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

constexpr int64_t kFirstSlots = 1 << 12;
constexpr int64_t kMemorySlots = int64_t{1} << 23;  // 192 MiB

}  // namespace

SeenTable::~SeenTable() {
  if (entries_ != nullptr) ::munmap(entries_, static_cast<size_t>(slots_) * sizeof(Entry));
  if (!file_.empty()) ::unlink(file_.c_str());
}

void SeenTable::grow() {
  const int64_t slots = slots_ == 0 ? kFirstSlots : slots_ * 2;
  const auto bytes = static_cast<size_t>(slots) * sizeof(Entry);
  fs::path file;
  int descriptor = -1;
  if (slots > kMemorySlots) {
    file = folder_ / fmt::format("seen-{}.table", slots);
    descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor < 0) fail(ErrorKind::io, "cannot create ", file, ": ", std::strerror(errno));
    // All of it now: a page that cannot be had later would end the process.
    if (const int code = ::posix_fallocate(descriptor, 0, static_cast<off_t>(bytes)); code != 0) {
      ::close(descriptor);
      ::unlink(file.c_str());
      fail(ErrorKind::io, "cannot make ", file, " ", bytes, " bytes long: ", std::strerror(code));
    }
  }
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, descriptor < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED, descriptor, 0);
  if (descriptor >= 0) ::close(descriptor);
  if (at == MAP_FAILED) fail(ErrorKind::resource, "no memory for a table of ", bytes, " bytes");
  auto* fresh = static_cast<Entry*>(at);
  for (int64_t i = 0; i < slots_; ++i) {
    if (entries_[i].number == 0) continue;
    int64_t slot = static_cast<int64_t>(entries_[i].high & static_cast<uint64_t>(slots - 1));
    while (fresh[slot].number != 0) slot = (slot + 1) & (slots - 1);
    fresh[slot] = entries_[i];
  }
  if (entries_ != nullptr) ::munmap(entries_, static_cast<size_t>(slots_) * sizeof(Entry));
  if (!file_.empty()) ::unlink(file_.c_str());
  entries_ = fresh;
  slots_ = slots;
  file_ = std::move(file);
}

std::optional<int64_t> SeenTable::insert(const TextKey& key, int64_t number) {
  if ((size_ + 1) * 10 > slots_ * 6) grow();
  int64_t slot = static_cast<int64_t>(key.high & static_cast<uint64_t>(slots_ - 1));
  for (; entries_[slot].number != 0; slot = (slot + 1) & (slots_ - 1)) {
    if (entries_[slot].high == key.high && entries_[slot].low == key.low) return entries_[slot].number - 1;
  }
  entries_[slot] = {key.high, key.low, number + 1};
  fresh_.push_back(entries_[slot]);
  ++size_;
  return std::nullopt;
}

int64_t SeenTable::save(const fs::path& log) {
  const std::string_view bytes(reinterpret_cast<const char*>(fresh_.data()), fresh_.size() * sizeof(Entry));
  append_durably(log, saved_bytes_, bytes);
  saved_bytes_ += static_cast<int64_t>(bytes.size());
  fresh_.clear();
  return saved_bytes_;
}

void SeenTable::load(const fs::path& log, int64_t bytes) {
  saved_bytes_ = bytes;
  if (bytes == 0) return;
  const MappedFile file(log);
  require_input(file.size() >= bytes && bytes % static_cast<int64_t>(sizeof(Entry)) == 0, log, " is cut off; give --force to start anew");
  for (int64_t at = 0; at < bytes; at += static_cast<int64_t>(sizeof(Entry))) {
    Entry entry;
    std::memcpy(&entry, file.bytes().data() + at, sizeof entry);
    insert({entry.high, entry.low}, entry.number - 1);
  }
  fresh_.clear();
}

}  // namespace loam
