// The beginning of a stream: looked at to tell what it is, and put back.
//
//   std::string head;
//   read_more(source, head, 65536);
//   source = with_head(std::move(head), source);   // from its first byte again
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "loam/formats/bytes.h"

namespace loam {

/// Fills `out` with up to `limit` more bytes; false once the source has ended. What the source throws passes; `out` then
/// holds what came before.
bool read_more(const ReadBytes& source, std::string& out, int64_t limit);

/// `head` first, then the rest.
/// `source` from where `find` says: it is given what has been read so far and gives a place in it, or npos to be asked again with more.
/// Of what was in vain, the last 512 bytes are kept for that.
ReadBytes from_place(ReadBytes source, std::function<size_t(std::string_view)> find);
ReadBytes with_head(std::string head, ReadBytes rest);

/// Zeros before a text, as programs leave them that reserve a file's room; not the half of a letter in UTF-16 or -32.
bool padded(std::string_view head);

}  // namespace loam
