// Zstandard files, streamed: one frame written (every reader takes that), any number of frames read.
//
//   ZstdFileWriter out(folder / "documents-00000.jsonl.zst");
//   out.write(row);
//   out.commit();
//
//   ZstdFileReader in(file);
//   while (int64_t n = in.read(buffer, size)) ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "loam/base/files.h"

namespace loam {

/// Writes one frame to `<path>.tmp`, renamed to `<path>` by commit(). The bytes depend on what is written alone, not on
/// how it was cut into writes and not on the number of threads.
class ZstdFileWriter {
 public:
  explicit ZstdFileWriter(const fs::path& path, int level = 3);
  ~ZstdFileWriter();
  ZstdFileWriter(const ZstdFileWriter&) = delete;
  ZstdFileWriter& operator=(const ZstdFileWriter&) = delete;
  void write(std::string_view bytes);  ///< throws Error{io}
  void commit();                       ///< ends the frame, flushes, renames

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

/// Reads a file of frames. Holds about 1 MiB and the frame's window (at most 128 MiB), whatever the file's size.
class ZstdFileReader {
 public:
  explicit ZstdFileReader(const fs::path& path);  ///< throws Error{input} if it cannot be opened
  ~ZstdFileReader();
  ZstdFileReader(const ZstdFileReader&) = delete;
  ZstdFileReader& operator=(const ZstdFileReader&) = delete;
  /// Up to `room` bytes; 0 at the end. Throws Error{input} naming the file if it is damaged or cut off.
  int64_t read(char* to, int64_t room);

 private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

}  // namespace loam
