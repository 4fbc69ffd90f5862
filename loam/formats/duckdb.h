// DuckDB, for the files that it reads better than we would (Parquet): its C library, opened when it is first needed.
//
//   if (!DuckDb::missing().empty()) fail(ErrorKind::input, DuckDb::missing());
//   DuckDb db;
//   DuckDb::Rows rows = db.query("SELECT a, b FROM range(3) t(a)");
//   std::vector<std::string> row;
//   while (rows.next(row)) ...
//
// Why a library that is opened, not linked: docs/decisions/0007-parquet-through-duckdb.md. The functions and their types are those of its
// C API, stable since 1.0 (https://duckdb.org/docs/stable/clients/c/api); checked with 1.5.6.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace loam {

/// One connection to a database in memory: one thread of its own making none, 1 GiB, no files but those that queries name, no
/// extensions fetched, times in UTC.
class DuckDb {
 public:
  /// "" if the library is there; else what is missing and what to do. Looked for at $LOAM_DUCKDB; in
  /// data/npm/node-bindings-linux-*/ of the folders above the program, where scripts/setup --data puts it; and by the system.
  static const std::string& missing();

  DuckDb();  ///< throws Error{input} where missing() says so
  ~DuckDb();
  DuckDb(const DuckDb&) = delete;
  DuckDb& operator=(const DuckDb&) = delete;

  /// The rows of a query whose columns are all VARCHAR, as they are made. One thread, and not beyond the DuckDb's life.
  class Rows {
   public:
    Rows(Rows&&) noexcept;
    ~Rows();
    /// False at the end; NULL is "". Throws Error{input} with DuckDB's words. Holds 2,048 rows.
    bool next(std::vector<std::string>& row);

   private:
    friend class DuckDb;
    struct State;
    explicit Rows(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
  };
  /// Throws Error{input} with DuckDB's words.
  Rows query(const std::string& sql);
  void run(const std::string& sql);

 private:
  void* database_ = nullptr;
  void* connection_ = nullptr;
};

}  // namespace loam
