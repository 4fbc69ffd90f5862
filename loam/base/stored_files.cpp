#include "loam/base/stored_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace loam {

namespace {
constexpr size_t kMostOpen = 128;
}

StoredFiles::~StoredFiles() {
  for (const int64_t file : open_) ::close(files_[static_cast<size_t>(file)].descriptor);
}

StoredFiles::StoredFiles(StoredFiles&& other) noexcept : files_(std::exchange(other.files_, {})), open_(std::exchange(other.open_, {})) {}

StoredFiles& StoredFiles::operator=(StoredFiles&& other) noexcept {
  std::swap(files_, other.files_);
  std::swap(open_, other.open_);
  return *this;
}

int64_t StoredFiles::add(const std::filesystem::path& file) {
  struct stat info = {};
  if (::stat(file.c_str(), &info) != 0) fail(ErrorKind::input, "cannot read ", file, ": ", std::strerror(errno));
  files_.push_back({file, info.st_size, -1});
  return static_cast<int64_t>(files_.size()) - 1;
}

void StoredFiles::read(int64_t file, int64_t offset, void* to, int64_t count) {
  File& f = files_[static_cast<size_t>(file)];
  if (f.descriptor < 0) {
    if (open_.size() == kMostOpen) {
      ::close(std::exchange(files_[static_cast<size_t>(open_.front())].descriptor, -1));
      open_.pop_front();
    }
    f.descriptor = ::open(f.path.c_str(), O_RDONLY | O_CLOEXEC);
    if (f.descriptor < 0) fail(ErrorKind::input, "cannot read ", f.path, ": ", std::strerror(errno));
    open_.push_back(file);
  }
  for (int64_t have = 0; have < count;) {
    const ssize_t n = ::pread(f.descriptor, static_cast<char*>(to) + have, static_cast<size_t>(count - have), static_cast<off_t>(offset + have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) fail(ErrorKind::input, "cannot read ", f.path, " at byte ", offset + have, ": ", n == 0 ? "it ends there" : std::strerror(errno));
    have += n;
  }
}

}  // namespace loam
