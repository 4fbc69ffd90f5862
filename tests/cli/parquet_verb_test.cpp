// What a user is told who reads Parquet without the library for it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "loam/base/files.h"

namespace loam {
namespace {

TEST(ParquetVerb, SaysWhatIsMissingAndWhatToDo) {
  const fs::path dir = fs::path(testing::TempDir()) / "loam_parquet_verb";
  fs::remove_all(dir);
  fs::create_directories(dir / "in");
  write_file(dir / "in/rows.parquet", "PAR1 and so on");
  write_file(dir / "in/a.txt", "A text that stays.");
  const std::string command = "cd '" + dir.string() + "' && LOAM_DUCKDB=/nowhere/libduckdb.so " + LOAM_BINARY + " collect in --preset none --out out > said 2> err";
  EXPECT_EQ(std::system(command.c_str()), 0);
  const std::string said = read_file(dir / "err");
  for (const char* part : {"rows.parquet: unsupported", "/nowhere/libduckdb.so", "scripts/setup --data", "LOAM_DUCKDB"}) EXPECT_NE(said.find(part), std::string::npos) << part << " in:\n" << said;
}

}  // namespace
}  // namespace loam
