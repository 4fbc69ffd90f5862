// Files: whole reads, memory maps, and writes that are never seen half-done.
//
//   AtomicFile out(folder / "config.json");  // writes config.json.tmp
//   out.write(text);
//   out.commit();                            // flush, fsync, rename; without it the temporary file is removed
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace loam {

namespace fs = std::filesystem;

/// A file's bytes. Throws Error{input} if it is missing, unreadable, a folder, or longer than `limit_bytes`.
std::string read_file(const fs::path& file, int64_t limit_bytes = int64_t{1} << 40);

/// Bytes to a file, by temporary file and rename. Throws Error{io}.
void write_file(const fs::path& file, std::string_view bytes);
/// All bytes to an open file or pipe, whatever interrupts. Throws Error{io} with `name`.
void write_all(int descriptor, std::string_view bytes, const fs::path& name);

/// Cuts a file (made if absent) to its first `keep_bytes`, appends `bytes`, and flushes it to the disk: how a log that
/// grows with the work is brought back to what a saved state knows of. Throws Error{io}; Error{input} if it is shorter.
void append_durably(const fs::path& file, int64_t keep_bytes, std::string_view bytes);
/// The same without the flush: what a later append_durably() makes good, or nobody needs after a crash.
void append_file(const fs::path& file, int64_t keep_bytes, std::string_view bytes);

/// Renames and makes the rename durable (fsync of the folder). Throws Error{io}.
void rename_durably(const fs::path& from, const fs::path& to);

/// mkdir -p. Throws Error{io} with the reason.
void make_folder(const fs::path& folder);

/// Bytes free for us on the file system of `folder` (or of its nearest existing parent).
int64_t free_disk_bytes(const fs::path& folder);

/// Writes `<path>.tmp`, which commit() renames to `<path>`. One writer a file.
class AtomicFile {
 public:
  explicit AtomicFile(const fs::path& path);  ///< throws Error{io}
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);  ///< throws Error{io}: disk full and such
  void write(const void* bytes, int64_t count) {
    write(std::string_view(static_cast<const char*>(bytes), static_cast<size_t>(count)));
  }
  void write_at(int64_t offset, const void* bytes, int64_t count);  ///< overwrites earlier bytes, such as a header
  int64_t size() const { return size_; }
  void commit();  ///< flush, fsync, rename

 private:
  void flush();
  fs::path path_, temporary_;
  int descriptor_ = -1;
  int64_t size_ = 0;
  std::string buffer_;
};

/// Appends lines to a log file; each line reaches the kernel before append() returns. Throws Error{io}.
class LineLog {
 public:
  explicit LineLog(const fs::path& path);
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  void append(std::string_view line);

 private:
  fs::path path_;
  int descriptor_ = -1;
};

/// A read-only map of a file. Empty files give an empty span. Throws Error{input}.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const fs::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }
  std::string_view text() const { return {reinterpret_cast<const char*>(data_), static_cast<size_t>(size_)}; }
  int64_t size() const { return size_; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
  const std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace loam
