// Lines of a stream, none longer than one allows.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loam/formats/bytes.h"

namespace loam {

/// Lines end with LF (a CR before it is part of the line); the last one may lack it.
class LineReader {
 public:
  LineReader(ReadBytes source, int64_t limit_bytes) : source_(std::move(source)), limit_(limit_bytes) {}

  /// The next line with its line end; false at the end. The view lives until the next call. A line that is longer than
  /// the limit, its end included, is cut there and its rest skipped: cut() is then true.
  bool next(std::string_view& line);
  bool cut() const { return cut_; }
  int64_t number() const { return number_; }   ///< of the last line, from 1

 private:
  bool fill();
  void skip_line(size_t kept);
  ReadBytes source_;
  int64_t limit_, number_ = 0;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
  bool cut_ = false, done_ = false;
};

}  // namespace loam
