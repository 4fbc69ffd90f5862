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
#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

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

/// A frame, or frames that hold none of the file's bytes (as pzstd, seekable files and web archives begin with) and then one.
bool begins_as_zstd(std::string_view head);

/// The bytes of all frames of a file, one after the other. Frames that stand for themselves (pzstd, seekable files,
/// files put together) are unpacked early where `spare` has room, if they are no longer than 8 MiB; that changes no byte. A
/// dictionary that a web archive begins with is used (https://iipc.github.io/warc-specifications/specifications/warc-zstd/).
/// Memory: 8 MiB of the file, the frame's window (at most 128 MiB, and then that is said), a dictionary of 16 MiB at
/// most, and 16 MiB at most for each piece that is unpacked early.
class ZstdReader {
 public:
  explicit ZstdReader(ReadBytes packed, SpareWork* spare = nullptr);
  ~ZstdReader();
  ZstdReader(ZstdReader&&) noexcept;

  /// Up to `limit` bytes; 0 at the end. Throws Error{input} with the place where the file is damaged or cut off. Of a frame
  /// that is damaged, what came before the damage has been given, unless a whole frame follows it at hand.
  int64_t read(char* into, int64_t limit);
  /// After read() has thrown: to the next frame that is whole, or at least begins well, whose bytes then follow. False if
  /// there is none.
  bool go_on();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The same of a file by its name, which its Errors give.
class ZstdFileReader {
 public:
  explicit ZstdFileReader(const fs::path& path);  ///< throws Error{input} if it cannot be opened
  int64_t read(char* to, int64_t room);

 private:
  fs::path path_;
  ZstdReader in_;
};

}  // namespace loam
