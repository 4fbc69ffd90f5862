// Web archives: WARC (0.17 to 1.1, WET and WAT among them) and the older ARC.
//
//   GzipMembers packed(file);
//   WarcReader records([&](char* to, int64_t n) { return packed.read(to, n); }, limit);
//   WarcRecord record;
//   while (records.next(record)) if (record.type == "response") use(record.uri, record.body);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "loam/formats/bytes.h"

namespace loam {

struct WarcRecord {
  std::string type;       ///< "response", "request", "resource", "conversion", "revisit", "warcinfo", "metadata"...; of an ARC: response, or warcinfo for its first
  std::string uri, date;  ///< as given, without angle brackets; the date of an ARC as ISO 8601
  std::string media;      ///< the record's Content-Type in lower case, without parameters
  std::string payload;    ///< WARC-Identified-Payload-Type
  std::string language;   ///< WARC-Identified-Content-Language: WET files have it
  std::string body;       ///< at most the reader's limit
  bool cut = false;       ///< longer than that
  bool damaged = false;   ///< its length was wrong or the file ends inside it: `body` is what could be had
  bool wanted = true;     ///< false: of a type the caller passes over; `body` was not kept
};

/// Whether bytes begin as a WARC or an ARC does.
bool begins_as_warc(std::string_view head);

/// Records in order, uncompressed bytes in. Holds one record. Lengths that lie, missing line ends and bytes that are no
/// record are survived: the next thing that looks like a record's first line is the next record.
class WarcReader {
 public:
  WarcReader(ReadBytes source, int64_t limit_bytes) : source_(std::move(source)), limit_(limit_bytes) {}

  /// False at the end. Throws what the source throws.
  bool next(WarcRecord& record);
  int64_t skipped_bytes() const { return skipped_bytes_; }   ///< that belong to no record

 private:
  std::string_view at_hand() const { return std::string_view(buffer_).substr(begin_, end_ - begin_); }
  bool fill();
  bool have(size_t bytes);
  size_t line_end(size_t from, size_t most);
  bool begins_record(size_t at, bool strict);
  bool find_start();
  bool read_head(WarcRecord& record);
  bool read_arc_head(WarcRecord& record);
  void read_body(WarcRecord& record);

  ReadBytes source_;
  int64_t limit_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;   // of what is at hand in it
  bool ended_ = false, arc_ = false, first_ = true;
  int64_t length_ = 0, skipped_bytes_ = 0;
};

}  // namespace loam
