// Parquet among the sources: rows like those of JSON lines, or said what is missing.
#include <gtest/gtest.h>

#include <cstdlib>

#include "loam/formats/duckdb.h"
#include "tests/support/collect_runs.h"

namespace loam {
namespace {

TEST(ParquetSource, RowsAreDocuments) {
  if (!DuckDb::missing().empty()) GTEST_SKIP() << DuckDb::missing();
  const fs::path dir = fresh("parquet"), in = dir / "in";
  fs::create_directories(in);
  DuckDb().run("COPY (SELECT i AS id, 'The row of number ' || i || ' has a text.' AS content, 'https://a.example/' || i AS url, 'de' AS language, TIMESTAMP '2020-01-02 03:04:05' AS date, 7 AS stars FROM range(5000) t(i)) TO '" +
               (in / "rows.parquet").string() + "' (FORMAT parquet, ROW_GROUP_SIZE 3000)");
  const Result r = run({"p=" + in.string()}, dir / "out", preset("none"));
  ASSERT_EQ(r.documents.size(), 5000u);
  const Document& row = r.documents[4321];
  EXPECT_EQ(row.text, "The row of number 4321 has a text.");
  EXPECT_EQ(row.id, "p:rows.parquet#4322");
  EXPECT_EQ(row.url, "https://a.example/4321");
  EXPECT_TRUE(row.created.starts_with("2020-01-02T03:04:05")) << row.created;
  EXPECT_EQ(row.metadata["stars"], 7);
  EXPECT_EQ(row.metadata["format"], "parquet");
  EXPECT_EQ(row.metadata["lang"], "de");
  // Damaged behind its first rows, and one that is no such file.
  std::string bytes = read_file(in / "rows.parquet");
  put(in / "cut.parquet", bytes.substr(0, bytes.size() - 100));
  put(in / "none.parquet", "no table at all");
  const Result bad = run({"p=" + in.string()}, dir / "bad", preset("none"));
  EXPECT_EQ(bad.documents.size(), 5000u);
  EXPECT_EQ(bad.reason("damaged"), 1);
  EXPECT_EQ(bad.dropped.size(), 2u);
}

}  // namespace
}  // namespace loam
