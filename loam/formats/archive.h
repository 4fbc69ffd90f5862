// The files inside a file: members of tar and zip, packed or not, and the one file inside a plain compressed one.
//
//   MemberReader members("mails.tar.gz");
//   while (members.next()) use(members.path(), members.bytes());
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

namespace loam {

/// Members in their order. gzip, bzip2, xz, lzma, zstd, lz4, tar, cpio and zip are known by their bytes, whatever the
/// name is; any other file is its own one member. A member that is packed itself (`a.txt.gz` in a tar) is unpacked, to a
/// depth of 3. Memory is the unpackers' windows.
class MemberReader {
 public:
  /// Throws Error{input} if it cannot be opened. What can be is unpacked early where `spare` has room.
  explicit MemberReader(const std::filesystem::path& file, SpareWork* spare = nullptr);
  ~MemberReader();
  MemberReader(MemberReader&&) noexcept;
  MemberReader& operator=(MemberReader&&) noexcept;

  /// Moves to the next regular file; false at the end. Throws Error{input} where the archive is damaged: then no more
  /// members can be had.
  bool next();
  /// Its path inside the archive, as UTF-8; "" where the file is no archive.
  const std::string& path() const;
  /// Its bytes, once, until next(). Reading throws Error{input} if they are damaged or cut off.
  ReadBytes bytes();
  /// After next() or reading has thrown on account of a packed file's damage: whether something whole of it follows, to which
  /// it has then moved: bytes() goes on there (after next(): call that again). Not inside archives.
  bool behind_damage();
  /// The file holds others: a tar or a zip.
  bool archive() const;

 private:
  struct Level;
  std::unique_ptr<Level> level_;
  std::string path_;
};

/// "text.csv.gz" -> "text.csv": a name without the endings of compression, "dz" included.
std::string without_packing(std::string_view name);

}  // namespace loam
