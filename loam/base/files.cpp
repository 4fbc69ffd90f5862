#include "loam/base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 18;

/// errno of a failed write, with what helps.
[[noreturn]] void fail_io(const fs::path& path, const char* action) {
  const int code = errno;
  fail(ErrorKind::io, "cannot ", action, " ", path, ": ", std::strerror(code),
       code == ENOSPC || code == EDQUOT ? " (free some space and run the same command again: it goes on)" : "");
}

void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;  // some file systems refuse; the rename itself stands
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

std::string read_file(const fs::path& file, int64_t limit_bytes) {
  const int descriptor = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(ErrorKind::input, "cannot read ", file, ": ", std::strerror(errno));
  struct stat info = {};
  ::fstat(descriptor, &info);
  std::string out;
  if (S_ISREG(info.st_mode)) out.reserve(static_cast<size_t>(std::min<int64_t>(info.st_size, limit_bytes)));
  std::string buffer(kBufferBytes, '\0');
  for (;;) {
    const ssize_t n = ::read(descriptor, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const int code = errno;
      ::close(descriptor);
      fail(ErrorKind::input, "cannot read ", file, ": ", std::strerror(code));
    }
    if (n == 0) break;
    out.append(buffer.data(), static_cast<size_t>(n));
    if (static_cast<int64_t>(out.size()) > limit_bytes) {
      ::close(descriptor);
      fail(ErrorKind::input, file, " is longer than the ", limit_bytes, " bytes such a file may have");
    }
  }
  ::close(descriptor);
  return out;
}

void write_file(const fs::path& file, std::string_view bytes) {
  AtomicFile out(file);
  out.write(bytes);
  out.commit();
}

static void append_from(const fs::path& file, int64_t keep_bytes, std::string_view bytes, bool durably) {
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail_io(file, "open");
  struct Closer {
    int descriptor;
    ~Closer() { ::close(descriptor); }
  } closer{descriptor};
  struct stat info = {};
  if (::fstat(descriptor, &info) != 0) fail_io(file, "look at");
  require_input(info.st_size >= keep_bytes, file, " has ", info.st_size, " bytes, wanted at least ", keep_bytes);
  if (::ftruncate(descriptor, keep_bytes) != 0) fail_io(file, "cut");
  if (::lseek(descriptor, keep_bytes, SEEK_SET) < 0) fail_io(file, "seek in");
  write_all(descriptor, bytes, file);
  if (durably && ::fsync(descriptor) != 0) fail_io(file, "flush");
}

void append_file(const fs::path& file, int64_t keep_bytes, std::string_view bytes) { append_from(file, keep_bytes, bytes, false); }
void append_durably(const fs::path& file, int64_t keep_bytes, std::string_view bytes) { append_from(file, keep_bytes, bytes, true); }

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
    if (n < 0) {
      if (errno == EINTR) continue;
      fail_io(path, "write");
    }
    bytes.remove_prefix(static_cast<size_t>(n));
  }
}

void rename_durably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) fail_io(to, "rename the finished file to");
  sync_folder(to.parent_path());
}

void make_folder(const fs::path& folder) {
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) fail(ErrorKind::io, "cannot make the folder ", folder, ": ", code.message());
  if (!fs::is_directory(folder)) fail(ErrorKind::io, folder, " is a file, not a folder");
}

int64_t free_disk_bytes(const fs::path& folder) {
  fs::path at = fs::absolute(folder);
  while (!fs::exists(at) && at.has_relative_path()) at = at.parent_path();
  struct statvfs info = {};
  if (::statvfs(at.c_str(), &info) != 0) return INT64_MAX;
  return static_cast<int64_t>(info.f_bavail) * static_cast<int64_t>(info.f_frsize);
}

AtomicFile::AtomicFile(const fs::path& path) : path_(path), temporary_(path) {
  temporary_ += ".tmp";
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_io(temporary_, "create");
  buffer_.reserve(kBufferBytes);
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  size_ += static_cast<int64_t>(bytes.size());
  if (buffer_.size() + bytes.size() <= kBufferBytes) {
    buffer_.append(bytes);
    return;
  }
  flush();
  if (bytes.size() >= kBufferBytes) {
    write_all(descriptor_, bytes, temporary_);
  } else {
    buffer_.append(bytes);
  }
}

void AtomicFile::write_at(int64_t offset, const void* bytes, int64_t count) {
  flush();
  if (::pwrite(descriptor_, bytes, static_cast<size_t>(count), offset) != count) fail_io(temporary_, "write");
}

void AtomicFile::flush() {
  write_all(descriptor_, buffer_, temporary_);
  buffer_.clear();
}

void AtomicFile::commit() {
  flush();
  if (::fsync(descriptor_) != 0) fail_io(temporary_, "flush");
  const int descriptor = std::exchange(descriptor_, -1);
  if (::close(descriptor) != 0) fail_io(temporary_, "close");
  rename_durably(temporary_, path_);
}

LineLog::LineLog(const fs::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (descriptor_ < 0) fail_io(path, "open");
}

LineLog::~LineLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void LineLog::append(std::string_view line) {
  std::string whole(line);
  whole += '\n';
  write_all(descriptor_, whole, path_);
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(ErrorKind::input, "cannot read ", path, ": ", std::strerror(errno));
  struct stat info = {};
  ::fstat(descriptor, &info);
  if (!S_ISREG(info.st_mode)) {
    ::close(descriptor);
    fail(ErrorKind::input, path, " is not a regular file");
  }
  size_ = info.st_size;
  if (size_ > 0) {
    void* at = ::mmap(nullptr, static_cast<size_t>(size_), PROT_READ, MAP_SHARED, descriptor, 0);
    const int code = errno;
    ::close(descriptor);
    if (at == MAP_FAILED) fail(ErrorKind::input, "cannot map ", path, ": ", std::strerror(code));
    data_ = static_cast<const std::byte*>(at);
  } else {
    ::close(descriptor);
  }
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), static_cast<size_t>(size_));
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)), data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

}  // namespace loam
