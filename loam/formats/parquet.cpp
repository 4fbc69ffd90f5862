#include "loam/formats/parquet.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "loam/base/error.h"
#include "loam/formats/duckdb.h"

namespace loam {
namespace {

/// In quotes of SQL, which are doubled inside.
std::string quoted_sql(std::string_view text, char quote) {
  std::string out(1, quote);
  for (const char c : text) {
    out += c;
    if (c == quote) out += c;
  }
  return out + quote;
}

struct ParquetFile {
  explicit ParquetFile(const std::filesystem::path& file) : descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC)) {
    require_input(descriptor >= 0, std::strerror(errno));
  }
  ~ParquetFile() { ::close(descriptor); }
  ParquetFile(const ParquetFile&) = delete;
  ParquetFile& operator=(const ParquetFile&) = delete;
  int descriptor;
};

}  // namespace

bool begins_as_parquet(std::string_view head) { return head.starts_with("PAR1"); }

struct ParquetReader::State {
  explicit State(const std::filesystem::path& path) : name(path.string()), file(path), handle("/proc/self/fd/" + std::to_string(file.descriptor)) {}

  /// Looks at the directory, and asks for the rows.
  void open() {
    // A path of our own: in one of the user's DuckDB would take *, ? and [ for patterns.
    const std::string from = "read_parquet('" + handle + "')";
    std::vector<std::string> told;
    DuckDb::Rows count = db.query("SELECT num_rows::VARCHAR FROM parquet_file_metadata('" + handle + "')");
    while (count.next(told)) wanted += std::stoll(told[0]);
    std::string object;
    DuckDb::Rows columns = db.query("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM " + from + ")");
    while (columns.next(told)) {
      const std::string column = quoted_sql(told[0], '"'), &type = told[1];
      std::string value = column;
      if (type == "DOUBLE" || type == "FLOAT") value = "CASE WHEN isfinite(" + column + ") THEN " + column + " END";
      if (type == "BLOB") value = "TRY(decode(" + column + "))";
      object += (object.empty() ? "" : ", ") + quoted_sql(told[0], '\'') + ", " + value;
    }
    select = "SELECT json_object(" + object + ")::VARCHAR FROM " + from;
  }

  bool next(std::string& json) {
    if (!rows) rows.emplace(db.query(select));
    if (!rows->next(row)) {
      require_input(given == wanted, "it ends after ", given, " rows of ", wanted);
      return false;
    }
    ++given;
    json = std::move(row[0]);
    return true;
  }

  /// What went wrong, of the file rather than of the handle that DuckDB was given.
  [[noreturn]] void rethrow(const Error& e) const {
    std::string what = e.what();
    for (size_t at = what.find(handle); at != std::string::npos; at = what.find(handle, at + name.size())) what.replace(at, handle.size(), name);
    throw Error(e.kind(), given == 0 ? cat("reading ", name, ": ", what) : cat("reading ", name, " behind row ", given, ": ", what));
  }

  std::string name;
  ParquetFile file;
  std::string handle, select;
  DuckDb db;
  std::optional<DuckDb::Rows> rows;  // gone before the connection
  int64_t wanted = 0, given = 0;
  std::vector<std::string> row;
};

ParquetReader::ParquetReader(const std::filesystem::path& file) {
  try {
    state_ = std::make_unique<State>(file);
  } catch (Error& e) {
    e.during("reading ", file);
    throw;
  }
  try {
    state_->open();
  } catch (const Error& e) {
    state_->rethrow(e);
  }
}

ParquetReader::~ParquetReader() = default;

bool ParquetReader::next(std::string& json) {
  try {
    return state_->next(json);
  } catch (const Error& e) {
    state_->rethrow(e);
  }
}

}  // namespace loam
