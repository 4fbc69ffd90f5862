#include "loam/formats/warc.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/http.h"
#include "tests/support/unpacking.h"

namespace loam {
namespace {

std::string record(const std::string& type, const std::string& uri, const std::string& body, int64_t length = -1) {
  return "WARC/1.0\r\nWARC-Type: " + type + "\r\nwarc-target-uri: <" + uri + ">\r\nContent-Type: text/plain; x=y\r\nContent-Length: " + std::to_string(length < 0 ? static_cast<int64_t>(body.size()) : length) +
         "\r\n\r\n" + body + "\r\n\r\n";
}

std::vector<WarcRecord> read_all(const std::string& bytes, int64_t limit = 1 << 20) {
  WarcReader reader(read_text(bytes), limit);
  std::vector<WarcRecord> out;
  WarcRecord each;
  while (reader.next(each)) out.push_back(each);
  return out;
}

TEST(Warc, RecordsInOrder) {
  const auto records = read_all(record("warcinfo", "", "software: x") + record("response", "http://a/", "one") + record("conversion", "http://b/", "two\r\n"));
  ASSERT_EQ(records.size(), 3u);
  EXPECT_FALSE(records[0].wanted);
  EXPECT_EQ(records[1].uri, "http://a/");
  EXPECT_EQ(records[1].media, "text/plain");
  EXPECT_EQ(records[1].body, "one");
  EXPECT_EQ(records[2].body, "two\r\n");
  EXPECT_FALSE(records[2].damaged);
}

TEST(Warc, LengthsThatLie) {
  for (const int64_t length : {int64_t{1}, int64_t{60}, int64_t{100000}}) {
    const auto records = read_all(record("response", "http://a/", "the body of the first", length) + record("response", "http://b/", "second"));
    ASSERT_EQ(records.size(), 2u) << length;
    EXPECT_TRUE(records[0].damaged);
    EXPECT_EQ(records[1].uri, "http://b/");
    EXPECT_EQ(records[1].body, "second");
    EXPECT_FALSE(records[1].damaged);
  }
  EXPECT_EQ(read_all(record("response", "http://a/", "the body of the first", 100000))[0].body, "the body of the first");
}

TEST(Warc, RubbishBetweenRecordsAndEnds) {
  const auto records = read_all("WARC/9\n\nnonsense WARC/1.0 more\n" + record("response", "http://a/", "one") + std::string(3000000, 'x') + record("response", "http://b/", "two") + "WARC/1.0\r\nWARC-Type: resp");
  ASSERT_GE(records.size(), 2u);
  EXPECT_EQ(records[0].body, "one");
  EXPECT_EQ(records[1].body, "two");
  EXPECT_TRUE(read_all("").empty());
  EXPECT_TRUE(read_all(std::string(100000, 'W')).empty());
}

TEST(Warc, LongRecordsAreCut) {
  const auto records = read_all(record("response", "http://a/", std::string(5000000, 'a')) + record("response", "http://b/", "two"), 1000);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_TRUE(records[0].cut);
  EXPECT_EQ(records[0].body.size(), 1000u);
  EXPECT_EQ(records[1].body, "two");
}

TEST(Warc, Arc) {
  const std::string head = "1 0 X\nURL IP-address Archive-date Content-type Archive-length\n";
  const auto records = read_all("filedesc://x.arc 0.0.0.0 20050101000000 text/plain " + std::to_string(head.size()) + "\n" + head + "\nhttp://a/with space 1.2.3.4 20050102030405 text/html 5\nhello\nhttp://b/ 1.2.3.4 20050102030405 text/html -1\n\nhttp://c/ 1.2.3.4 20050102030405 text/html 3\nbye\n");
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].type, "warcinfo");
  EXPECT_EQ(records[1].uri, "http://a/with space");
  EXPECT_EQ(records[1].date, "2005-01-02T03:04:05Z");
  EXPECT_EQ(records[1].body, "hello");
  EXPECT_TRUE(records[2].damaged);
  EXPECT_EQ(records[3].body, "bye");
}

std::string packed(const std::string& text) {
  const fs::path file = fs::temp_directory_path() / "loam_gzip_members_test";
  write_file(file, text);
  if (std::system(("gzip -1kf '" + file.string() + "'").c_str()) != 0) return "";
  return read_file(file.string() + ".gz");
}

std::string unpacked(GzipMembers& in, size_t step) {
  std::string out, piece(step, '\0');
  while (const int64_t n = in.read(piece.data(), static_cast<int64_t>(step))) out.append(piece, 0, static_cast<size_t>(n));
  return out;
}

TEST(GzipMembers, ManyLongAndDamaged) {
  std::string big;
  for (int64_t i = 0; i < 1400000; ++i) big += std::to_string(i * 7919 % 1000003) + "\n";  // longer than what is unpacked in one go
  const std::string one = packed("first\n"), two = packed(big), three = packed("third\n");
  if (one.empty()) GTEST_SKIP() << "no gzip";
  {
    GzipMembers in(read_text(one));
    EXPECT_EQ(unpacked(in, 2), "first\n");
  }
  const std::string all = one + two + three + std::string(100, '\0');
  GzipMembers in(read_text(all));
  EXPECT_EQ(unpacked(in, 100000), "first\n" + big + "third\n");
  EXPECT_EQ(in.damaged(), 0);
  std::string hurt = one + one + three;
  hurt[2 * one.size() - 6] = static_cast<char>(hurt[2 * one.size() - 6] ^ 0x5a);  // of its checksum
  GzipMembers damaged(read_text(hurt));
  const std::string got = unpacked(damaged, 1000);
  EXPECT_TRUE(got.starts_with("first\n") && got.ends_with("third\n")) << got;
  EXPECT_EQ(damaged.damaged(), 1);
  EXPECT_NE(damaged.damage().find("at byte"), std::string::npos);
  const std::string cut = one + three.substr(0, three.size() - 9);
  GzipMembers clipped(read_text(cut));
  EXPECT_TRUE(unpacked(clipped, 1000).starts_with("first\n"));
  EXPECT_EQ(clipped.damaged(), 1);
}

/// Where damage is thrown: the bytes before it, then an Error, each time. A short member is given whole or not at all if one follows it.
TEST(GzipMembers, DamageThrown) {
  std::string big;
  for (int64_t i = 0; i < 1400000; ++i) big += std::to_string(i * 7919 % 1000003) + "\n";
  const std::string one = packed("first\n"), two = packed(big);
  if (one.empty()) GTEST_SKIP() << "no gzip";
  std::string hurt = one + one + one;
  hurt[2 * one.size() - 6] = static_cast<char>(hurt[2 * one.size() - 6] ^ 0x5a);
  struct Case { std::string file, wanted, error; };
  const std::vector<Case> cases = {
      {one + two + one + std::string(100, '\0'), "first\n" + big + "first\n", ""},
      {hurt, "first\n", "incorrect data check at byte " + std::to_string(one.size())},
      {one + two.substr(0, two.size() / 2), "first\n", "the file ends inside a gzip member at byte "},
      {one + one + "more", "first\nfirst\n", "what follows a gzip member is none at byte " + std::to_string(2 * one.size())}};
  for (const Case& each : cases) {
    for (const int helping : {-1, 0, 2}) {
      HelpingThreads helpers(std::max(0, helping));
      GzipMembers in(in_steps(each.file, 50000), helping < 0 ? nullptr : &helpers.spare, GzipDamage::thrown);
      std::string error, again;
      const std::string got = all_of(in, 10000, &error);
      EXPECT_TRUE(got.starts_with(each.wanted)) << got.substr(0, 100);
      EXPECT_EQ(got.size() == each.wanted.size(), each.error.find("ends inside") == std::string::npos);
      EXPECT_EQ(error.empty(), each.error.empty());
      EXPECT_NE(error.find(each.error), std::string::npos) << error;
      EXPECT_EQ(all_of(in, 10000, &again), "");
      EXPECT_EQ(again, error);
    }
  }
}

/// Short members unpacked early by other threads: the same bytes, and the same complaints, as without them.
TEST(GzipMembers, EarlyOrInTurn) {
  std::string longer;
  for (int64_t i = 0; i < 300000; ++i) longer += std::to_string(i * 7919 % 1000003) + "\n";
  std::vector<std::string> kinds = {packed("first\n"), packed(""), packed(longer.substr(0, 3000)), packed(longer.substr(0, 150000)), packed(longer)};
  if (kinds[0].empty()) GTEST_SKIP() << "no gzip";
  for (const int hurt : {0, 1, 7}) {
    std::string file;
    for (uint64_t i = 0; i < 120; ++i) file += kinds[mix64(i) % (i % 50 == 0 ? 5 : 4)];
    for (int i = 1; i <= hurt; ++i) {
      char& byte = file[file.size() * static_cast<size_t>(i) / static_cast<size_t>(hurt + 1)];
      byte = static_cast<char>(byte ^ 0x41);
    }
    GzipMembers alone(read_text(file));
    const std::string wanted = unpacked(alone, 70000);
    EXPECT_EQ(alone.damaged() > 0, hurt > 0);
    for (const int helping : {0, 1, 3}) {
      HelpingThreads helpers(helping);
      GzipMembers in(in_steps(file, 100000), &helpers.spare);
      EXPECT_TRUE(unpacked(in, 5000) == wanted) << hurt << " hurt, " << helping << " helpers";
      EXPECT_EQ(in.damaged(), alone.damaged());
      EXPECT_EQ(in.damage(), alone.damage());
    }
  }
}

TEST(Http, HeadAndBody) {
  const std::string answer = "HTTP/1.1 200 OK\r\nContent-Type: Text/HTML; Charset=\"latin1\"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n";
  const HttpAnswer http = read_http(answer);
  EXPECT_EQ(http.status, 200);
  EXPECT_EQ(http.media, "text/html");
  EXPECT_EQ(http.charset, "latin1");
  bool whole = false;
  const std::string body = answer.substr(static_cast<size_t>(http.head_bytes));
  EXPECT_EQ(http_body(body, http, 1000, &whole), "hello world");
  EXPECT_TRUE(whole);
  EXPECT_EQ(http_body("no chunks here", http, 1000, &whole), "no chunks here");
  EXPECT_EQ(http_body("5\r\nhel", http, 1000, &whole), "hel");
  EXPECT_FALSE(whole);
  HttpAnswer coded;
  coded.coding = "gzip";
  EXPECT_EQ(http_body(packed(std::string(5000, 'a')), coded, 1000, &whole), std::string(1000, 'a'));  // a bomb stops at the limit
  EXPECT_EQ(http_body("plain although it says gzip", coded, 1000), "plain although it says gzip");
  EXPECT_EQ(read_http("<html>").head_bytes, 0);
  EXPECT_EQ(header_value("A: b\r\n c\r\nD: e\r\n", "a"), "b c");
}

}  // namespace
}  // namespace loam
