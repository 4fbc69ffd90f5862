// Parquet files of any bytes through DuckDB, where its library is there: Error{input} or rows of JSON. Its own code is not
// instrumented: this tries what we make of its answers, and that a hostile file ends neither process nor rows early unsaid.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/duckdb.h"
#include "loam/formats/parquet.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (!loam::DuckDb::missing().empty()) return -1;
  static const std::filesystem::path file = std::filesystem::temp_directory_path() / ("loam_parquet_fuzz_" + std::to_string(::getpid()));
  static const std::string good = [] {
    loam::DuckDb().run("COPY (SELECT 'row ' || i AS text, i AS id, [i] AS list FROM range(100) t(i)) TO '" + file.string() + "' (FORMAT parquet)");
    return loam::read_file(file);
  }();
  // The input's bytes over those of a good file, from the place that its first two say.
  std::string bytes = good;
  if (size > 2) bytes.replace((static_cast<size_t>(data[0]) << 8 | data[1]) % good.size(), size - 2, reinterpret_cast<const char*>(data) + 2, size - 2);
  bytes.resize(good.size(), '\0');
  loam::write_file(file, bytes);
  try {
    loam::ParquetReader rows(file);
    std::string json;
    int64_t count = 0;
    while (count < 100000 && rows.next(json)) {
      if (!json.starts_with('{') || !json.ends_with('}')) std::abort();
      ++count;
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
