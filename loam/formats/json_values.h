// The values of a JSON file one by one, however they follow each other: one array of them, one after the other, a line each.
//
//   JsonValues values(read, limit);
//   std::string text;
//   while (values.next(text)) parse(text);      // text is one value, not yet parsed
#pragma once

#include <cstdint>
#include <string>

#include "loam/formats/bytes.h"

namespace loam {

/// Cuts a stream into its top-level values, or into the elements of a top-level array, by brackets and quotes alone: a
/// value that is no JSON inside still ends where its bracket closes. Holds one value.
class JsonValues {
 public:
  JsonValues(ReadBytes source, int64_t limit_bytes) : source_(std::move(source)), limit_(limit_bytes) {}

  /// False at the end. A value over the limit is cut there, cut() is true, and the next one follows.
  bool next(std::string& value);
  bool cut() const { return cut_; }
  /// The stream ended inside the last value, or inside the array.
  bool torn() const { return torn_; }

 private:
  int peek();
  ReadBytes source_;
  int64_t limit_;
  std::string buffer_;
  size_t at_ = 0, end_ = 0;
  bool started_ = false, in_array_ = false, done_ = false, cut_ = false, torn_ = false;
};

}  // namespace loam
