// A file's bytes in pieces, unpacked on the way if it is compressed.
//
//   ReadBytes read = open_bytes("rows.jsonl.zst");
//   while (int64_t n = read(buffer, size)) use(buffer, n);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace loam {

/// Puts up to `limit` bytes at `into` and returns how many; 0 means the end. What it throws passes through.
using ReadBytes = std::function<int64_t(char* into, int64_t limit)>;

/// Adds what one read of at most `limit` bytes gives to the end of `to`; false at the end of the source. What the source throws
/// passes through, and `to` is then as it was.
bool append_read(const ReadBytes& source, std::string& to, size_t limit);

/// The bytes of a text that outlives the reader.
ReadBytes read_text(std::string_view text);

/// The bytes of a file; gzip, bzip2, xz and zstd are known by their first bytes and unpacked (several members or frames
/// too). Memory is the unpacker's window. Throws Error{input}, naming the file, if it is missing, a folder, damaged or
/// cut off.
ReadBytes open_bytes(const std::filesystem::path& file);

/// The bytes of a file as they are stored. Throws Error{input} naming it if it cannot be opened or read.
ReadBytes open_stored(const std::filesystem::path& file);

/// A file's name without a compression's ending: "rows.jsonl.gz" -> "rows.jsonl".
std::filesystem::path without_compression(const std::filesystem::path& file);

}  // namespace loam
