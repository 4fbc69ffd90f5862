#include "loam/stages/collect/seen.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/bytes.h"

namespace loam {
namespace {

constexpr int64_t kFirstSlots = 1 << 12;
constexpr int64_t kMemorySlots = int64_t{1} << 16;  // 1.5 MiB
constexpr int64_t kProbed = 8;                      // slots read at once: at 60 % full nine of ten searches end in these
constexpr size_t kFreshKeys = (size_t{1} << 20) / 24;
constexpr int64_t kBlock = 1 << 15;                 // entries read at once when the table moves

}  // namespace

SeenTable::~SeenTable() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!file_.empty()) ::unlink(file_.c_str());
}

void SeenTable::read_slots(int descriptor, int64_t slot, Entry* into, int64_t count) const {
  const auto want = static_cast<size_t>(count) * sizeof(Entry);
  for (size_t have = 0; have < want;) {
    const ssize_t n = ::pread(descriptor, reinterpret_cast<char*>(into) + have, want - have, static_cast<off_t>(static_cast<size_t>(slot) * sizeof(Entry) + have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(ErrorKind::io, "cannot read ", file_, ": ", n == 0 ? "it was cut" : std::strerror(errno));
    have += static_cast<size_t>(n);
  }
}

void SeenTable::put(int64_t slot, const Entry& entry) {
  if (descriptor_ < 0) {
    entries_[static_cast<size_t>(slot)] = entry;
    return;
  }
  for (;;) {
    const ssize_t n = ::pwrite(descriptor_, &entry, sizeof entry, static_cast<off_t>(static_cast<size_t>(slot) * sizeof(Entry)));
    if (n == static_cast<ssize_t>(sizeof entry)) return;
    if (n >= 0 || errno != EINTR) fail(ErrorKind::io, "cannot write ", file_, ": ", std::strerror(errno));
  }
}

SeenTable::Place SeenTable::find(uint64_t high, uint64_t low) const {
  const int64_t mask = slots_ - 1;
  int64_t slot = static_cast<int64_t>(high & static_cast<uint64_t>(mask));
  Entry probed[kProbed];
  for (;;) {
    const int64_t count = std::min(kProbed, slots_ - slot);
    const Entry* at = probed;
    if (descriptor_ >= 0) {
      read_slots(descriptor_, slot, probed, count);
    } else {
      at = entries_.data() + slot;
    }
    for (int64_t i = 0; i < count; ++i) {
      if (at[i].number == 0 || (at[i].high == high && at[i].low == low)) return {slot + i, at[i]};
    }
    slot = (slot + count) & mask;
  }
}

void SeenTable::grow() {
  const int64_t slots = slots_ == 0 ? kFirstSlots : slots_ * 2;
  std::vector<Entry> old = std::move(entries_);
  const int old_descriptor = std::exchange(descriptor_, -1);
  const fs::path old_file = std::exchange(file_, fs::path());
  const int64_t old_slots = std::exchange(slots_, slots);
  struct Closer {
    int descriptor;
    const fs::path& file;
    ~Closer() {
      if (descriptor >= 0) ::close(descriptor);
      if (!file.empty()) ::unlink(file.c_str());
    }
  } closer{old_descriptor, old_file};
  if (slots <= kMemorySlots) {
    entries_.assign(static_cast<size_t>(slots), Entry{0, 0, 0});
  } else {
    const auto bytes = static_cast<size_t>(slots) * sizeof(Entry);
    file_ = folder_ / fmt::format("seen-{}.table", slots);
    descriptor_ = ::open(file_.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(ErrorKind::io, "cannot create ", file_, ": ", std::strerror(errno));
    if (const int code = ::posix_fallocate(descriptor_, 0, static_cast<off_t>(bytes)); code != 0) fail(ErrorKind::io, "cannot make ", file_, " ", bytes, " bytes long: ", std::strerror(code));
  }
  // In the order of the old slots the new ones are come to in two runs, each from its beginning to its end: the disk is
  // written front to back.
  if (old_descriptor >= 0) old.resize(static_cast<size_t>(std::min(kBlock, old_slots)));
  for (int64_t at = 0; at < old_slots;) {
    const int64_t count = std::min(static_cast<int64_t>(old.size()), old_slots - at);
    if (old_descriptor >= 0) read_slots(old_descriptor, at, old.data(), count);
    for (int64_t i = 0; i < count; ++i) {
      const Entry& entry = old[static_cast<size_t>(i)];
      if (entry.number != 0) put(find(entry.high, entry.low).slot, entry);
    }
    at += count;
  }
}

std::optional<int64_t> SeenTable::insert(const TextKey& key, int64_t number) {
  if ((size_ + 1) * 10 > slots_ * 6) grow();
  const Place place = find(key.high, key.low);
  if (place.entry.number != 0) return place.entry.number - 1;
  const Entry entry{key.high, key.low, number + 1};
  put(place.slot, entry);
  fresh_.push_back(entry);
  ++size_;
  if (fresh_.size() >= kFreshKeys) save();
  return std::nullopt;
}

int64_t SeenTable::save() {
  const std::string_view bytes(reinterpret_cast<const char*>(fresh_.data()), fresh_.size() * sizeof(Entry));
  append_durably(log(), saved_bytes_, bytes);
  saved_bytes_ += static_cast<int64_t>(bytes.size());
  fresh_.clear();
  return saved_bytes_;
}

void SeenTable::load(int64_t bytes) {
  saved_bytes_ = 0;
  if (bytes == 0) return;
  const ReadBytes read = open_stored(log());
  std::vector<Entry> block(static_cast<size_t>(kBlock));
  while (saved_bytes_ < bytes) {
    const int64_t want = std::min(kBlock * static_cast<int64_t>(sizeof(Entry)), bytes - saved_bytes_);
    int64_t have = 0;
    while (have < want) {
      const int64_t n = read(reinterpret_cast<char*>(block.data()) + have, want - have);
      require_input(n > 0, log(), " is cut off; give --force to start anew");
      have += n;
    }
    require_input(want % static_cast<int64_t>(sizeof(Entry)) == 0, log(), " is damaged; give --force to start anew");
    const int64_t saved = saved_bytes_;
    for (int64_t i = 0; i < want / static_cast<int64_t>(sizeof(Entry)); ++i) {
      const Entry& entry = block[static_cast<size_t>(i)];
      require_input(entry.number != 0, log(), " is damaged; give --force to start anew");
      if ((size_ + 1) * 10 > slots_ * 6) grow();
      const Place place = find(entry.high, entry.low);
      if (place.entry.number != 0) continue;
      put(place.slot, entry);
      ++size_;
    }
    saved_bytes_ = saved + want;
  }
}

}  // namespace loam
