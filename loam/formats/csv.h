// Tables as text: comma-, tab-, semicolon- or bar-separated values (RFC 4180 and the TSV people write), record by record.
//
//   CsvReader table(read_some, "mails.csv");          // any source of bytes; the delimiter is found
//   std::vector<std::string> fields;
//   while (table.next(fields)) use(fields, table.line());
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/bytes.h"

namespace loam {

enum class CsvHeader { first_record, none };
enum class CsvQuotes { automatic, on, off };

struct CsvOptions {
  char delimiter = '\0';  ///< NUL: found among , tab ; | by what cuts the first records into equally many fields
  CsvQuotes quotes = CsvQuotes::automatic;  ///< automatic: on, except where tabs separate and the quotes do not pair up
  CsvHeader header = CsvHeader::first_record;
  int64_t field_limit_bytes = int64_t{64} << 20;
  int64_t field_limit_count = int64_t{1} << 16;
};

/// Records of one table, in order. Holds one record and 64 KiB, whatever the table's size.
///
/// Fields may be quoted with '"'; inside, a doubled quote is one quote, and delimiters and line ends are text. Records
/// end with LF, CRLF or CR; empty lines are skipped. A byte order mark is dropped. A quote inside an unquoted field,
/// and text after a closing quote, stand for themselves (as in Python's csv). Bytes are not looked at beyond that.
/// Throws Error{input}: a quote that never closes (naming the line it opened on), a field or a record over its limit,
/// UTF-16.
class CsvReader {
 public:
  CsvReader(ReadBytes source, std::string name, CsvOptions options = {});

  /// The next record; false at the end. `fields` keeps its memory between calls.
  bool next(std::vector<std::string>& fields);

  /// Names of the columns: the first record's fields, or "1", "2", ... (as many as it has) without a header. Empty if
  /// the table has no record.
  const std::vector<std::string>& columns() const { return columns_; }
  char delimiter() const { return options_.delimiter; }
  bool quoted() const { return options_.quotes == CsvQuotes::on; }
  int64_t line() const { return record_line_; }      ///< where the last record began, from 1
  int64_t records() const { return records_; }       ///< given so far, the header not counted
  const std::string& name() const { return name_; }

 private:
  int peek();
  void take() { ++at_; }
  bool read_record(std::vector<std::string>& fields);
  void read_quoted(std::string& field);
  void add_bytes(std::string& field, int64_t begin, int64_t end) const;

  ReadBytes source_;
  std::string name_;
  CsvOptions options_;
  std::vector<std::string> columns_, held_;
  bool held_ready_ = false, ended_ = false;
  std::string buffer_;
  int64_t at_ = 0;
  int64_t line_ = 1, record_line_ = 1, records_ = 0;
};

/// The delimiter that cuts the records of `sample` most evenly into two fields or more; ',' if none does.
char sniff_delimiter(std::string_view sample);

}  // namespace loam
