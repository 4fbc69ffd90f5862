// Rows from JSON, JSON lines and tables, whole, cut off and wrong.
#include "loam/formats/rows.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

std::vector<Json> all_rows(RowReader& rows) {
  std::vector<Json> out;
  Json row;
  while (rows.next(row)) out.push_back(row);
  return out;
}

std::vector<Json> all_rows(const std::string& text, const std::string& name = "t", RowOptions options = {}) {
  RowReader rows(read_text(text), name, options);
  return all_rows(rows);
}

std::string rows_refusal(const std::string& text, const std::string& name = "t", RowOptions options = {}) {
  try {
    all_rows(text, name, options);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input) << e.what();
    return e.what();
  }
  return "";
}

TEST(Rows, EveryShapeOfJson) {
  const std::vector<Json> want = {{{"a", 1}, {"s", "x]},{\"y"}}, {{"a", Json::array({1, 2})}}};
  EXPECT_EQ(all_rows("[{\"a\":1,\"s\":\"x]},{\\\"y\"},\n {\"a\":[1,2]}]\n", "t.json"), want);
  EXPECT_EQ(all_rows("{\"a\":1,\"s\":\"x]},{\\\"y\"}\n\n{\"a\":[1,2]}", "t.jsonl"), want);
  EXPECT_EQ(all_rows("{\"a\":1,\"s\":\"x]},{\\\"y\"}\r\n{\"a\":[1,2]}\r\n", "t.json"), want);
  EXPECT_EQ(all_rows("{\n \"a\":1,\n\"s\":\"x]},{\\\"y\"}\n{\n\"a\":[1,2]\n}\n", "t.json"), want);
  EXPECT_EQ(all_rows("\xef\xbb\xbf[{\"a\":1,\"s\":\"x]},{\\\"y\"},{\"a\":[1,2]}]"), want);
  EXPECT_TRUE(all_rows("[]", "t.json").empty());
  EXPECT_TRUE(all_rows(" [ ] ", "t.json").empty());
  EXPECT_TRUE(all_rows("", "t.jsonl").empty());
  EXPECT_EQ(all_rows("[1,\"a\",null,[2]]", "t.json").size(), 4u);
  EXPECT_EQ(all_rows("[[1]]\n[[2]]\n").size(), 2u);
}

TEST(Rows, TablesAreObjectsOfStrings) {
  RowReader rows(read_text("label\ttext\nham\t\"quoted, but not\nspam\twin\tnow\t\nham\n"), "t.tsv");
  EXPECT_EQ(rows.described(), "TSV, 2 columns");
  const auto got = all_rows(rows);
  const std::vector<Json> want = {{{"label", "ham"}, {"text", "\"quoted, but not"}}, {{"label", "ham"}}};
  EXPECT_EQ(got, want);
  EXPECT_EQ(rows.skipped(), 1);
  EXPECT_EQ(rows.first_fault(), "t.tsv:3: 4 fields in a table of 2 columns");
}

TEST(Rows, BadLinesAreSkippedAndNamed) {
  RowReader rows(read_text("{\"text\": \"one\"}\n{\"text\": \n\n{\"other\": 1}\n"), "bad.jsonl");
  EXPECT_EQ(all_rows(rows).size(), 2u);
  EXPECT_EQ(rows.skipped(), 1);
  EXPECT_NE(rows.first_fault().find("bad.jsonl:2"), std::string::npos);
}

TEST(Rows, CutOffAndMalformedArraysSayWhere) {
  EXPECT_NE(rows_refusal("[{\"instruction\": \"x\"", "bad.json").find("row 1"), std::string::npos);
  EXPECT_NE(rows_refusal("[{\"a\":1}", "t.json").find("cut off"), std::string::npos);
  EXPECT_NE(rows_refusal("[{\"a\":1} {\"a\":2}]", "t.json").find("no comma after row 1"), std::string::npos);
  EXPECT_NE(rows_refusal("[{\"a\":1},]", "t.json").find("comma after the last row"), std::string::npos);
  EXPECT_NE(rows_refusal("[{\"a\":}]", "t.json").find("row 1"), std::string::npos);
  EXPECT_NE(rows_refusal("[1]x", "t.json").find("after the array's end"), std::string::npos);
  EXPECT_NE(rows_refusal("hello", "t.json").find("not JSON"), std::string::npos);
  EXPECT_NE(rows_refusal("", "t.json").find("empty"), std::string::npos);
  EXPECT_NE(rows_refusal("[{]", "t.json"), "");
}

TEST(Rows, OtherKindsOfFileAreNamed) {
  EXPECT_NE(rows_refusal("PAR1xxxx").find("Parquet"), std::string::npos);
  EXPECT_NE(rows_refusal("PK\x03\x04xxxx").find("zip"), std::string::npos);
  EXPECT_NE(rows_refusal(std::string("ab\0cd", 5)).find("binary"), std::string::npos);
  EXPECT_NE(rows_refusal("a,b,a\n").find("two columns are named \"a\""), std::string::npos);
}

TEST(Rows, RowsOverTheLimitAreRefused) {
  const RowOptions small{.row_limit_bytes = 100};
  const std::string big = "\"" + std::string(200, 'x') + "\"";
  EXPECT_NE(rows_refusal("[1," + big + "]", "t.json", small).find("row 2"), std::string::npos);
  EXPECT_NE(rows_refusal("{\"a\":1}\n{\"a\":" + big + "}\n", "t.jsonl", small).find("t.jsonl:2"), std::string::npos);
  EXPECT_NE(rows_refusal("a,b\n1," + big + "\n", "t.csv", small).find("t.csv:2"), std::string::npos);
  EXPECT_NO_THROW(all_rows(std::string(1 << 20, '['), "t.jsonl"));  // not JSON: one bad line
}

TEST(Rows, BytesThatAreNotUtf8AreWindows1252) {
  RowReader rows(read_text("a,b\ncaf\xe9,\x80 5\nplain,\xc3\xa9\n"), "t.csv");
  const auto got = all_rows(rows);
  EXPECT_EQ(got[0]["a"], "caf\xc3\xa9");
  EXPECT_EQ(got[0]["b"], "\xe2\x82\xac 5");
  EXPECT_EQ(got[1]["b"], "\xc3\xa9");
  EXPECT_EQ(rows.redecoded(), 1);
  for (const char* bad : {"\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\x80", "\xe2\x82"}) {
    std::string text = bad;
    EXPECT_FALSE(to_utf8(text)) << bad;
    std::string again = text;
    EXPECT_TRUE(to_utf8(again));
    EXPECT_EQ(again, text);
  }
}

TEST(Rows, CompressedFilesAreUnpackedAndCutOnesRefused) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_rows";
  make_folder(folder);
  std::string text;
  for (int i = 0; i < 5000; ++i) text += cat("{\"n\":", i, "}\n");
  write_file(folder / "a.jsonl", text);
  for (const char* tool : {"gzip -kf", "zstd -qkf", "bzip2 -kf", "xz -kf"}) {
    ASSERT_EQ(std::system(cat(tool, " ", folder / "a.jsonl").c_str()), 0) << tool;
  }
  for (const char* name : {"a.jsonl.gz", "a.jsonl.zst", "a.jsonl.bz2", "a.jsonl.xz"}) {
    RowReader rows(folder / name);
    const auto got = all_rows(rows);
    ASSERT_EQ(got.size(), 5000u) << name;
    EXPECT_EQ(got[4999]["n"], 4999) << name;
    std::string bytes = read_file(folder / name);
    bytes.resize(bytes.size() / 2);
    write_file(folder / (std::string("cut-") + name), bytes);
    auto read_cut = [&] {
      RowReader cut(folder / (std::string("cut-") + name));
      all_rows(cut);
    };
    EXPECT_THROW(read_cut(), Error) << name;
  }
  EXPECT_THROW(RowReader(folder / "absent.csv"), Error);
  EXPECT_THROW(RowReader(folder.string()), Error);
}

}  // namespace
}  // namespace loam
