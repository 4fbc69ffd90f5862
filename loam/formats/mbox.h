// mbox: mails one after the other, each behind a line "From somebody Thu Aug 22 12:36:23 2002" (RFC 4155).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loam/formats/lines.h"

namespace loam {

/// A line that begins a mail in an mbox: "From ", an address, and a date with a time.
bool mbox_from_line(std::string_view line);

/// Mails of an mbox as RFC 5322 messages, without their From line; lines quoted as ">From " are unquoted. A From line
/// counts at the beginning and behind an empty line, if a header follows: unquoted ones inside mails are common.
class MboxReader {
 public:
  MboxReader(ReadBytes source, int64_t limit_bytes) : lines_(std::move(source), limit_bytes), limit_(limit_bytes) {}
  /// False at the end. A mail over the limit is cut there: cut() is true, and the next one follows.
  bool next(std::string& mail);
  bool cut() const { return cut_; }

 private:
  bool take(std::string_view& line);
  LineReader lines_;
  int64_t limit_;
  std::string held_, candidate_;
  bool has_held_ = false, in_mail_ = false, cut_ = false;
};

}  // namespace loam
