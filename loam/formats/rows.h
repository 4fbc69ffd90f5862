// Rows of a data file as JSON objects, whatever the file is: JSON, JSON lines, CSV or TSV, compressed or not.
//
//   RowReader rows("train.jsonl.gz");
//   Json row;
//   while (rows.next(row)) use(row, rows.place());   // "train.jsonl.gz:12"
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"
#include "loam/formats/csv.h"

namespace loam {

enum class RowFormat { json_array, json_objects, json_lines, csv };

struct RowOptions {
  CsvHeader header = CsvHeader::first_record;
  char delimiter = '\0';                             ///< NUL: found
  int64_t row_limit_bytes = int64_t{64} << 20;
};

/// Rows in order; holds one row and a block. A table's rows are objects of strings named by its columns.
///
/// A line of JSON lines that is no JSON value, and a table's record with more fields than columns, are skipped and
/// counted. Throws Error{input}, naming the place: a JSON array or object that is cut off or malformed, a row over its
/// limit, a file of another kind (Parquet, zip and office files are named), two columns of one name.
/// Bytes of a table that are not UTF-8 are read as Windows-1252, and counted.
class RowReader {
 public:
  explicit RowReader(const std::filesystem::path& file, RowOptions options = {});
  /// The same from any source; `name` is for messages, its ending a hint.
  RowReader(ReadBytes source, std::string name, RowOptions options = {});
  ~RowReader();
  RowReader(RowReader&&) noexcept;
  RowReader& operator=(RowReader&&) noexcept;

  bool next(Json& row);

  RowFormat format() const;
  std::string described() const;                     ///< "JSON lines", "CSV, separated by ;, 3 columns"
  const std::vector<std::string>& columns() const;   ///< of a table; empty for JSON
  int64_t number() const;                            ///< of the last row, from 1, skipped ones counted
  std::string place() const;                         ///< of the last row: "file:line", or "file, row N" inside JSON
  int64_t skipped() const;
  int64_t redecoded() const;                         ///< rows that were not UTF-8
  const std::string& first_fault() const;            ///< why the first skipped row was; "" if none was

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// `text` if it is UTF-8, else its bytes read as Windows-1252; says which.
bool to_utf8(std::string& text);

}  // namespace loam
