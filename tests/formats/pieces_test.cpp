// Streams cut into pieces: lines, JSON values, dictionary entries. The same pieces however the bytes arrive.
#include <gtest/gtest.h>

#include <algorithm>

#include "loam/formats/dictd.h"
#include "loam/formats/encoding.h"
#include "loam/formats/json_values.h"
#include "loam/formats/lines.h"

namespace loam {
namespace {

ReadBytes slowly(std::string_view text, int64_t step) {
  return [read = read_text(text), step](char* into, int64_t limit) mutable { return read(into, std::min(limit, step)); };
}

std::vector<std::string> lines_of(std::string_view text, int64_t step, int64_t limit) {
  LineReader reader(slowly(text, step), limit);
  std::vector<std::string> out;
  std::string_view line;
  while (reader.next(line)) out.push_back(std::string(line) + (reader.cut() ? "<cut>" : ""));
  return out;
}

TEST(Lines, WithAndWithoutLineEnds) {
  for (const int64_t step : {1, 2, 7, 1000}) {
    EXPECT_EQ(lines_of("a\n\nbc\r\nd", step, 100), (std::vector<std::string>{"a\n", "\n", "bc\r\n", "d"}));
    EXPECT_EQ(lines_of("", step, 100), std::vector<std::string>{});
    EXPECT_EQ(lines_of("\n", step, 100), std::vector<std::string>{"\n"});
  }
}

TEST(Lines, LongOnesAreCutAndTheNextFollows) {
  const std::string text = "short\n" + std::string(400000, 'x') + "\nnext\nlast";
  const std::vector<std::string> expected = {"short\n", std::string(10, 'x') + "<cut>", "next\n", "last"};
  EXPECT_EQ(lines_of(text, 1000, 10), expected);
  EXPECT_EQ(lines_of(text, 7, 10), expected);
  // Whether the end of a line was at hand already does not matter, nor by how much it is too long.
  for (const int64_t step : {1, 2, 3, 7, 1000}) {
    EXPECT_EQ(lines_of("123456789\n1234567890\n12345678901\n1234567890", step, 10), (std::vector<std::string>{"123456789\n", "1234567890<cut>", "1234567890<cut>", "1234567890"})) << step;
    EXPECT_EQ(lines_of("12345678901", step, 10), std::vector<std::string>{"1234567890<cut>"}) << step;
    EXPECT_EQ(lines_of("12345678901\n", step, 10), std::vector<std::string>{"1234567890<cut>"}) << step;
  }
}

std::vector<std::string> values_of(std::string_view text, int64_t step, bool* torn = nullptr, int64_t limit = 1000) {
  JsonValues reader(slowly(text, step), limit);
  std::vector<std::string> out;
  std::string value;
  while (reader.next(value)) out.push_back(value + (reader.cut() ? "<cut>" : ""));
  if (torn != nullptr) *torn = reader.torn();
  return out;
}

TEST(JsonValues, ArraysLinesAndRows) {
  const std::vector<std::string> two = {"{\"a\":[1,{\"b\":\"}]\\\"\"}]}", "{\"c\":2}"};
  for (const int64_t step : {1, 3, 1000}) {
    bool torn = true;
    EXPECT_EQ(values_of(" [ {\"a\":[1,{\"b\":\"}]\\\"\"}]} ,\n{\"c\":2} ]\n", step, &torn), two);
    EXPECT_FALSE(torn);
    EXPECT_EQ(values_of("{\"a\":[1,{\"b\":\"}]\\\"\"}]}{\"c\":2}", step), two);
    EXPECT_EQ(values_of("{\"a\":[1,{\"b\":\"}]\\\"\"}]}\n{\"c\":2}\n", step), two);
    EXPECT_EQ(values_of("[1, \"x,y\", true]", step), (std::vector<std::string>{"1", "\"x,y\"", "true"}));
    EXPECT_EQ(values_of("[{\"a\":1}, {\"b\":", step, &torn), (std::vector<std::string>{"{\"a\":1}", "{\"b\":"}));
    EXPECT_TRUE(torn);
    EXPECT_EQ(values_of("}}]{", step).size(), 4u);
    EXPECT_EQ(values_of("[\"" + std::string(50, 'x') + "\", 2]", step, nullptr, 10), (std::vector<std::string>{"\"xxxxxxxxx<cut>", "2"}));
  }
  EXPECT_TRUE(values_of("  ", 3).empty());
}

TEST(Dictd, WithAndWithoutAnIndex) {
  const std::string text = "00-database-short\n   A test\napple\n   A fruit.\n\n   Second sense.\npear\n   Another.\n";
  auto all = [&](std::vector<DictPlace> index) {
    DictReader reader(slowly(text, 5), std::move(index), 1000);
    std::vector<std::string> out;
    DictEntry entry;
    while (reader.next(entry)) out.push_back(entry.headword + "=" + entry.text);
    return out;
  };
  const std::vector<std::string> expected = {"apple=apple\n   A fruit.\n\n   Second sense.\n", "pear=pear\n   Another.\n"};
  EXPECT_EQ(all({}), expected);
  // Offsets 28 and 64, lengths 36 and 17, in dictd's base 64.
  const auto index = read_dict_index("pear\tBA\tQ\n00-database-short\tA\tc\napple\tc\tk\nfruit\tc\tk\nbroken line\nbad\t!\tB\n");
  ASSERT_EQ(index.size(), 2u);
  EXPECT_EQ(index[0].headword, "apple");
  EXPECT_EQ(index[0].offset, 28);
  EXPECT_EQ(index[0].bytes, 36);
  EXPECT_EQ(all(index), (std::vector<std::string>{expected[0], "pear=pear\n   Another."}));
  EXPECT_TRUE(all({{"past the end", 1000, 10}}).empty());
}

TEST(Transcoding, StreamsInAnySteps) {
  std::string wide = "\xFF\xFE";
  for (int i = 0; i < 3000; ++i) wide += std::string("a\0\xE9\0\n\0", 6);
  std::string expected;
  for (int i = 0; i < 3000; ++i) expected += "a\u00E9\n";
  for (const int64_t step : {1, 3, 4096}) {
    const ReadBytes read = to_utf8_stream(slowly(wide, step), "utf-16le");
    std::string out, buffer(100, '\0');
    while (const int64_t n = read(buffer.data(), 100)) out.append(buffer, 0, static_cast<size_t>(n));
    EXPECT_EQ(out, expected) << step;
  }
}

}  // namespace
}  // namespace loam
