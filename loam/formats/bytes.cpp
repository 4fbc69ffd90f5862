#include "loam/formats/bytes.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>

#include "loam/base/error.h"
#include "loam/formats/zstd.h"

namespace loam {
namespace {

namespace fs = std::filesystem;
constexpr size_t kStreamBlock = 256 << 10;

bool starts_compressed(std::string_view head) {
  return head.starts_with("\x1f\x8b") || head.starts_with("BZh") || head.starts_with(std::string_view("\xfd" "7zXZ\0", 6));
}

/// libarchive's view of a file as one compressed stream.
struct Unpacker {
  explicit Unpacker(const fs::path& file) : path(file), handle(archive_read_new()) {
    archive_read_support_filter_gzip(handle);
    archive_read_support_filter_bzip2(handle);
    archive_read_support_filter_xz(handle);
    archive_read_support_format_raw(handle);
    archive_entry* entry = nullptr;
    const int opened = archive_read_open_filename(handle, file.c_str(), kStreamBlock);
    if (opened < ARCHIVE_WARN) stop();
    const int first = archive_read_next_header(handle, &entry);
    if (first == ARCHIVE_EOF) {
      empty = true;
    } else if (first < ARCHIVE_WARN) {
      stop();
    }
  }
  ~Unpacker() { archive_read_free(handle); }
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;

  [[noreturn]] void stop() const {
    const char* why = archive_error_string(handle);
    fail(ErrorKind::input, "cannot unpack ", path, ": ", why != nullptr ? why : "the file is damaged or cut off");
  }

  int64_t read(char* into, int64_t limit) const {
    if (empty) return 0;
    const la_ssize_t n = archive_read_data(handle, into, static_cast<size_t>(limit));
    if (n < 0) stop();
    return n;
  }

  fs::path path;
  archive* handle;
  bool empty = false;
};

}  // namespace

bool append_read(const ReadBytes& source, std::string& to, size_t limit) {
  const size_t had = to.size();
  to.resize(had + limit);
  int64_t n = 0;
  try {
    n = source(to.data() + had, static_cast<int64_t>(limit));
  } catch (...) {
    to.resize(had);
    throw;
  }
  to.resize(had + static_cast<size_t>(n));
  return n > 0;
}

ReadBytes read_text(std::string_view text) {
  return [text](char* into, int64_t limit) mutable {
    const size_t n = std::min(text.size(), static_cast<size_t>(limit));
    std::memcpy(into, text.data(), n);
    text.remove_prefix(n);
    return static_cast<int64_t>(n);
  };
}

ReadBytes open_bytes(const fs::path& file) {
  std::error_code ignored;
  require_input(!fs::is_directory(file, ignored), file, " is a folder, not a file");
  errno = 0;
  auto stream = std::make_shared<std::ifstream>(file, std::ios::binary);
  require_input(static_cast<bool>(*stream), "cannot read ", file, ": ", errno != 0 ? std::strerror(errno) : "it cannot be opened");
  char head[64] = {};
  stream->read(head, sizeof head);
  const std::string_view begin(head, static_cast<size_t>(stream->gcount()));
  if (begins_as_zstd(begin)) {
    return [in = std::make_shared<ZstdFileReader>(file)](char* into, int64_t limit) { return in->read(into, limit); };
  }
  if (starts_compressed(begin)) {
    auto unpacker = std::make_shared<Unpacker>(file);
    return [unpacker](char* into, int64_t limit) { return unpacker->read(into, limit); };
  }
  stream->clear();
  stream->seekg(0);
  return [stream, file](char* into, int64_t limit) {
    stream->read(into, limit);
    require_input(!stream->bad(), "cannot read ", file, ": ", std::strerror(errno));
    return static_cast<int64_t>(stream->gcount());
  };
}

fs::path without_compression(const fs::path& file) {
  const std::string ending = file.extension().string();
  for (const char* known : {".gz", ".bz2", ".xz", ".zst"}) {
    if (ending == known) return fs::path(file).replace_extension();
  }
  return file;
}

ReadBytes open_stored(const std::filesystem::path& file) {
  const int opened = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (opened < 0) fail(ErrorKind::input, "cannot read ", file, ": ", std::strerror(errno));
  const std::shared_ptr<int> handle(new int(opened), [](const int* fd) {
    ::close(*fd);
    delete fd;
  });
  return [handle, name = file.string()](char* into, int64_t limit) -> int64_t {
    for (;;) {
      const ssize_t n = ::read(*handle, into, static_cast<size_t>(limit));
      if (n >= 0) return n;
      if (errno != EINTR) fail(ErrorKind::input, "cannot read ", name, ": ", std::strerror(errno));
    }
  };
}

}  // namespace loam
