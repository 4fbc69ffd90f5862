// gzip files, of many members as web archives are or of one: read at speed, and past damage if one likes.
//
//   GzipMembers in(file);
//   while (int64_t n = in.read(buffer, size)) use(buffer, n);
//   if (in.damaged() > 0) warn(in.damage());
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "loam/base/spare_work.h"
#include "loam/formats/bytes.h"

namespace loam {

bool begins_as_gzip(std::string_view head);

enum class GzipDamage { passed, thrown };

/// The bytes of all members, one after the other. Where a member is damaged, what could be had of it is given (if that is
/// thrown: unless a whole member follows within the next 4 MiB), and then reading goes on at the next one, or Error{input} is
/// thrown, behind which go_on() finds the next one. Short members are unpacked early where `spare` has room, which changes no byte. Memory: 4 MiB of
/// the file, a member's bytes where they are no more than 8 MiB, and 5 MiB at most for each piece that is unpacked early.
class GzipMembers {
 public:
  explicit GzipMembers(const std::filesystem::path& file, SpareWork* spare = nullptr);  ///< throws Error{input} if it cannot be opened
  explicit GzipMembers(ReadBytes packed, SpareWork* spare = nullptr, GzipDamage damage = GzipDamage::passed);
  ~GzipMembers();
  GzipMembers(GzipMembers&&) noexcept;

  /// Up to `limit` bytes; 0 at the end. Throws on account of the bytes only if that was asked for, each time from there on.
  int64_t read(char* into, int64_t limit);
  /// After read() has thrown: to the next member that is whole, or at least begins well, whose bytes then follow. False if there is none.
  bool go_on();
  int64_t damaged() const;             ///< places where the file does not hold what gzip says
  const std::string& damage() const;   ///< what the last of them was, with its place in the file

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Unpacks what was packed whole: "gzip", "deflate" (with or without zlib's frame), "br" or "zstd". At most `limit` bytes
/// are made. False if the bytes are damaged or cut off: then `out` has what came before.
bool unpack_bytes(std::string_view packed, std::string_view how, int64_t limit, std::string& out);

}  // namespace loam
