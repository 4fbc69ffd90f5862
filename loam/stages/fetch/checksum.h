// Checksums as publishers give them: "sha256:HEX", "sha1:HEX", "md5:HEX", or "sha1:BASE32" as web archives do.
//
//   const Checksum wanted = parse_checksum("sha256:9f86d08...");
//   if (checksum_of(file, wanted.kind) != wanted.hex) ...
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace loam {

struct Checksum {
  std::string kind;  ///< "sha256", "sha1" or "md5"; "" if none is known
  std::string hex;   ///< lower case

  bool known() const { return !kind.empty(); }
  std::string text() const { return kind + ":" + hex; }
};

/// "KIND:DIGITS", or hex digits alone, whose number tells the kind. Throws Error{usage}.
Checksum parse_checksum(std::string_view text);

/// Of a file's bytes, in hex. Throws Error{input} if it cannot be read.
std::string checksum_of(const std::filesystem::path& file, const std::string& kind);
/// Of bytes, in hex.
std::string checksum_of_bytes(std::string_view bytes, const std::string& kind);

/// The bytes of base 32 digits (RFC 4648, without padding) in hex; "" if there are others among them.
std::string hex_of_base32(std::string_view digits);

}  // namespace loam
