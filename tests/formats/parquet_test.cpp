// Parquet files that DuckDB itself writes here, read back; and what is wrong with damaged ones.
#include "loam/formats/parquet.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/json.h"
#include "loam/formats/duckdb.h"

namespace loam {
namespace {

fs::path parquet_folder(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_parquet" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

void write_parquet(const fs::path& file, const std::string& select, const std::string& options = "") {
  DuckDb().run("COPY (" + select + ") TO '" + file.string() + "' (FORMAT parquet" + options + ")");
}

std::vector<std::string> rows_of_parquet(const fs::path& file) {
  ParquetReader reader(file);
  std::vector<std::string> out;
  std::string json;
  while (reader.next(json)) out.push_back(json);
  return out;
}

TEST(Parquet, RowsAsJson) {
  if (!DuckDb::missing().empty()) GTEST_SKIP() << DuckDb::missing();
  const fs::path dir = parquet_folder("rows");
  const fs::path file = dir / "it's [a] *?.parquet";  // no pattern, and no end of a quote
  write_parquet(dir / "plain.parquet",
                "SELECT 'short' AS text, 1 AS id, DATE '2020-01-02' AS date, TIMESTAMPTZ '2021-02-03 04:05:06+02' AS \"time \"\"of\"\" it's\", 'nan'::DOUBLE AS score, NULL AS nothing, [1, 2] AS list, "
                "'\\xFF\\x00'::BLOB AS bytes, 'words'::BLOB AS old UNION ALL SELECT 'a text of more than twelve bytes, with \"quotes\" and \u00E9', 2, NULL, NULL, 0.5, NULL, NULL, NULL, NULL ORDER BY id");
  fs::rename(dir / "plain.parquet", file);
  EXPECT_TRUE(begins_as_parquet(read_file(file)));
  const auto rows = rows_of_parquet(file);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(parse_json(rows[0], "row"), parse_json(R"({"text":"short","id":1,"date":"2020-01-02","time \"of\" it's":"2021-02-03 02:05:06+00","score":null,"nothing":null,"list":[1,2],"bytes":null,"old":"words"})", "expected"));
  const Json second = parse_json(rows[1], "row");
  EXPECT_EQ(second["text"], "a text of more than twelve bytes, with \"quotes\" and \u00E9");
  EXPECT_EQ(second["score"], 0.5);
}

TEST(Parquet, ManyRowsInTheirOrder) {
  if (!DuckDb::missing().empty()) GTEST_SKIP() << DuckDb::missing();
  const fs::path dir = parquet_folder("many");
  for (const char* codec : {"zstd", "snappy", "gzip", "uncompressed"}) {
    write_parquet(dir / codec, "SELECT 'the row of number ' || i AS text FROM range(30000) t(i)", std::string(", ROW_GROUP_SIZE 7000, COMPRESSION ") + codec);
    const auto rows = rows_of_parquet(dir / codec);
    ASSERT_EQ(rows.size(), 30000u) << codec;
    for (size_t i = 0; i < rows.size(); ++i) ASSERT_EQ(rows[i], "{\"text\":\"the row of number " + std::to_string(i) + "\"}");
  }
  write_parquet(dir / "none", "SELECT 'x' AS text WHERE false");
  EXPECT_TRUE(rows_of_parquet(dir / "none").empty());
}

TEST(Parquet, DamagedFilesAreInputErrors) {
  if (!DuckDb::missing().empty()) GTEST_SKIP() << DuckDb::missing();
  const fs::path dir = parquet_folder("damaged");
  write_parquet(dir / "good", "SELECT 'the row of number ' || i || md5(i::VARCHAR) AS text FROM range(20000) t(i)", ", ROW_GROUP_SIZE 5000, COMPRESSION zstd");
  const std::string good = read_file(dir / "good");
  auto refusal = [&](const std::string& bytes) {
    write_file(dir / "bad", bytes);
    try {
      rows_of_parquet(dir / "bad");
      return std::string();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      return std::string(e.what());
    }
  };
  EXPECT_NE(refusal("PAR1").find("bad"), std::string::npos);
  EXPECT_NE(refusal(good.substr(0, good.size() / 2)).find("bad"), std::string::npos);
  EXPECT_NE(refusal(good.substr(0, good.size() - 1)), "");
  std::string hurt = good;
  for (size_t i = 0; i < 64; ++i) hurt[good.size() / 2 + i] = static_cast<char>(hurt[good.size() / 2 + i] ^ 0x5A);
  const std::string where = refusal(hurt);
  EXPECT_NE(where.find("bad behind row "), std::string::npos) << where;
  EXPECT_EQ(where.find("/proc/"), std::string::npos) << where;  // our handle, which is another in each run
  EXPECT_THROW(ParquetReader(dir / "nowhere"), Error);
  EXPECT_THROW(ParquetReader(fs::path(dir)), Error);
}

}  // namespace
}  // namespace loam
