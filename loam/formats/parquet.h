// Parquet files, row by row, each as a JSON object: read by DuckDB, where its library is there.
//
//   ParquetReader rows("train-00000-of-00007.parquet");
//   std::string json;
//   while (rows.next(json)) use(json);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace loam {

bool begins_as_parquet(std::string_view head);

/// Columns in their order; times and dates as ISO 8601 in UTC, numbers that are none and bytes that are no text as null.
/// Memory: 2,048 rows twice, the columns of a row group (316 MB in all at 100 MB of text in one), and DuckDB's own 30 MB.
class ParquetReader {
 public:
  /// Throws Error{input}, naming the file, if it is missing or no Parquet file, or the library is (DuckDb::missing()).
  explicit ParquetReader(const std::filesystem::path& file);
  ~ParquetReader();

  /// False at the end. Throws Error{input}, naming the file, where it is damaged or cut off.
  bool next(std::string& json);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loam
