// Text in any character encoding to UTF-8.
//
//   const Decoded text = decode_text(bytes, "iso-8859-1");   // what a header declared; "" if nothing did
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loam/formats/bytes.h"

namespace loam {

struct Decoded {
  std::string text;      ///< valid UTF-8, without a byte order mark
  std::string charset;   ///< what it was read as: "utf-8", "windows-1252"...
  int64_t repairs = 0;   ///< places that were not valid in it and became U+FFFD
};

/// What the bytes are, in this order: what a byte order mark says; UTF-8 if they are valid as that (and nothing that
/// writes in ASCII escapes, such as ISO-2022-JP, was declared); what `declared` names, by the web's names
/// (iso-8859-1 means windows-1252); UTF-16 if every other byte is zero; UTF-8 with errors if that is plainly meant; what
/// ICU's detector finds with good evidence; windows-1252.
Decoded decode_text(std::string_view bytes, std::string_view declared = "");

/// The same bytes in UTF-8, converted as they come, without a byte order mark. Throws Error{input} if there is no such
/// charset.
ReadBytes to_utf8_stream(ReadBytes source, const std::string& charset);

/// Whether we know how to read a charset of that name.
bool known_charset(std::string_view name);

/// "utf-16le", "utf-16be", "utf-32le", "utf-32be" or "utf-8" by the byte order mark; "" without one.
std::string charset_of_mark(std::string_view bytes);

/// The share of bytes that no text has: C0 controls but for white space, ESC and BS, NUL included. [0, 1]
double control_share(std::string_view bytes);

/// Line ends as "\n": "\r\n" and a lone "\r" become one.
std::string with_unix_lines(std::string text);

}  // namespace loam
