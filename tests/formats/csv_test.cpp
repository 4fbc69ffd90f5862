// CSV and TSV: RFC 4180's rules, what spreadsheets and people write, and what must be refused.
#include "loam/formats/csv.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"

namespace loam {
namespace {

using Records = std::vector<std::vector<std::string>>;

/// All records, the header first; `step` bytes at a time, so that every boundary is crossed.
Records records_of(const std::string& text, CsvOptions options = {}, int64_t step = 1 << 16) {
  ReadBytes all = read_text(text);
  CsvReader table([&](char* into, int64_t limit) { return all(into, std::min(limit, step)); }, "t.csv", options);
  Records out;
  if (!table.columns().empty() && options.header == CsvHeader::first_record) out.push_back(table.columns());
  std::vector<std::string> fields;
  while (table.next(fields)) out.push_back(fields);
  return out;
}

std::string csv_refusal(const std::string& text, CsvOptions options = {}) {
  try {
    records_of(text, options);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "";
}

TEST(Csv, QuotesNewlinesAndEmptyFields) {
  const Records want = {{"a", "b", "c"}, {"1", "two, and \"half\"", "x\ny"}, {"", "", ""}, {"last", "", "z"}};
  const std::string text = "a,b,c\r\n1,\"two, and \"\"half\"\"\",\"x\ny\"\r\n,,\r\n\r\nlast,\"\",z";
  for (const int64_t step : {1, 2, 3, 7, 65536}) EXPECT_EQ(records_of(text, {}, step), want) << step;
}

TEST(Csv, LineEndsAndByteOrderMark) {
  const Records want = {{"a", "b"}, {"1", "2"}, {"3", "4"}};
  EXPECT_EQ(records_of("\xef\xbb\xbf" "a,b\n1,2\n3,4\n"), want);
  EXPECT_EQ(records_of("a,b\r1,2\r3,4"), want);
  EXPECT_EQ(records_of("\r\n\na,b\n\n1,2\r\n3,4\r\n\r\n"), want);
}

TEST(Csv, LongFieldsCrossBlocks) {
  const std::string big(200'000, 'x');
  const auto got = records_of("a,b\n" + big + ",\"" + big + "\"\"" + big + "\"\n1,2\n");
  ASSERT_EQ(got.size(), 3u);
  EXPECT_EQ(got[1][0], big);
  EXPECT_EQ(got[1][1], big + "\"" + big);
  EXPECT_EQ(got[2], (std::vector<std::string>{"1", "2"}));
}

TEST(Csv, TheDelimiterIsFound) {
  EXPECT_EQ(sniff_delimiter("a;b;c\n1,5;2,5;3,5\n2,5;1,0;7\n"), ';');
  EXPECT_EQ(sniff_delimiter("label\ttext\nham\tyes, I will, thanks\nspam\tfree, now\n"), '\t');
  EXPECT_EQ(sniff_delimiter("a|b\n1|2\n"), '|');
  EXPECT_EQ(sniff_delimiter("text,label\n\"one; two; three\",x\n\"four; five\",y\n"), ',');
  EXPECT_EQ(sniff_delimiter("words\nalone\n"), ',');
  EXPECT_EQ(sniff_delimiter(""), ',');
}

TEST(Csv, TabsWithLooseQuotesAreNotQuoted) {
  const Records want = {{"ham", "\"Hi\" she said"}, {"spam", "\"Win big"}};
  EXPECT_EQ(records_of("ham\t\"Hi\" she said\nspam\t\"Win big\n", {.header = CsvHeader::none}), want);
  const Records paired = {{"a", "b"}, {"1\t2", "x\ny"}};
  EXPECT_EQ(records_of("a\tb\n\"1\t2\"\t\"x\ny\"\n", {.delimiter = '\t'}), paired);
}

TEST(Csv, WithoutAHeaderColumnsAreNumbered) {
  CsvReader table(read_text("x,y\nz,w\n"), "t", {.header = CsvHeader::none});
  EXPECT_EQ(table.columns(), (std::vector<std::string>{"1", "2"}));
  std::vector<std::string> fields;
  ASSERT_TRUE(table.next(fields));
  EXPECT_EQ(fields, (std::vector<std::string>{"x", "y"}));
  EXPECT_EQ(table.line(), 1);
  ASSERT_TRUE(table.next(fields));
  EXPECT_EQ(table.line(), 2);
  EXPECT_FALSE(table.next(fields));
  EXPECT_EQ(table.records(), 2);
}

TEST(Csv, LinesCountThroughQuotedFields) {
  CsvReader table(read_text("a,b\n\"x\n\n\ny\",1\nz,2\n"), "t");
  std::vector<std::string> fields;
  ASSERT_TRUE(table.next(fields));
  EXPECT_EQ(table.line(), 2);
  ASSERT_TRUE(table.next(fields));
  EXPECT_EQ(table.line(), 6);
}

TEST(Csv, StrayQuotesStandForThemselves) {
  const Records want = {{"a", "b"}, {"5\" disk", "x y"}, {"q\"\"", "r"}};
  EXPECT_EQ(records_of("a,b\n5\" disk,\"x\" y\nq\"\",r\n"), want);
}

TEST(Csv, NothingIsATableWithoutColumns) {
  for (const char* text : {"", "\n\n", "\xef\xbb\xbf"}) {
    CsvReader table(read_text(text), "t");
    std::vector<std::string> fields;
    EXPECT_TRUE(table.columns().empty());
    EXPECT_FALSE(table.next(fields));
  }
}

TEST(Csv, WhatIsRefusedNamesItsPlace) {
  EXPECT_NE(csv_refusal("a,b\n1,2\n3,\"open\nand,more\n").find("t.csv:3: the quote that opens here never closes"), std::string::npos);
  EXPECT_NE(csv_refusal("a,b\n1," + std::string(2000, 'x') + "\n", {.field_limit_bytes = 1000}).find("t.csv:2"), std::string::npos);
  EXPECT_NE(csv_refusal("a,b\n" + std::string(100, ',') + "\n", {.field_limit_count = 50}).find("more than 50 fields"), std::string::npos);
  EXPECT_NE(csv_refusal(std::string("\xff\xfe" "a\0,\0", 6)).find("UTF-16"), std::string::npos);
}

TEST(Csv, AnEndlessLineIsRefusedEarly) {
  int64_t given = 0;
  ReadBytes endless = [&](char* into, int64_t limit) {
    std::fill(into, into + limit, 'x');
    given += limit;
    return limit;
  };
  EXPECT_THROW(CsvReader(endless, "t", {.field_limit_bytes = 1 << 20}), Error);
  EXPECT_LT(given, 2 << 20);
}

}  // namespace
}  // namespace loam
