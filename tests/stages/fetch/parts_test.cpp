// The pieces of fetch that need no network.
#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/stages/fetch/catalogues.h"
#include "loam/stages/fetch/checksum.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/in_order.h"
#include "loam/stages/fetch/plan.h"
#include "loam/stages/fetch/robots.h"

namespace loam {
namespace {

TEST(Checksum, OfKnownBytes) {
  EXPECT_EQ(checksum_of_bytes("abc", "sha1"), "a9993e364706816aba3e25717850c26c9cd0d89d");  // FIPS 180-2
  EXPECT_EQ(checksum_of_bytes("abc", "md5"), "900150983cd24fb0d6963f7d28e17f72");           // RFC 1321
  EXPECT_EQ(parse_checksum("sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5").hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(parse_checksum("900150983CD24FB0D6963F7D28E17F72").text(), "md5:900150983cd24fb0d6963f7d28e17f72");
  for (const char* bad : {"", "sha256:abc", "crc:00", "sha1:!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!"}) EXPECT_THROW(parse_checksum(bad), Error) << bad;
}

TEST(FileNames, StayInTheirFolder) {
  EXPECT_EQ(safe_name("../../etc/passwd"), "_._.._etc_passwd");
  for (const char* bad : {"..", ".", "", "../../etc/passwd", "%2e%2e%2fetc", "a\\b", "x\ny", "manifest.json", "x.tmp", "%00", "..%2f..%2f"}) {
    const std::string safe = safe_name(bad);
    EXPECT_FALSE(safe.empty()) << bad;
    EXPECT_EQ(safe.find_first_of("/\\\n"), std::string::npos) << safe;
    EXPECT_NE(safe[0], '.') << safe;
    EXPECT_FALSE(safe.ends_with(".tmp")) << safe;
    EXPECT_NE(safe, "manifest.json");
  }
  EXPECT_EQ(safe_path("data/../../x//y.parquet"), "data/_./_./x/y.parquet");
  EXPECT_EQ(name_of_address("https://e.org/a/b%20c.txt?x=1#y"), "b c.txt");
  EXPECT_EQ(name_of_address("https://e.org/"), "e.org");
  EXPECT_LE(safe_name(std::string(5000, 'x') + ".warc.gz").size(), 180u);
  EXPECT_TRUE(safe_name(std::string(5000, 'x') + ".warc.gz").ends_with(".warc.gz"));
}

TEST(FileNames, Addresses) {
  EXPECT_EQ(tidy_address(" HTTP://E.org/a b#c "), "http://E.org/a%20b");
  EXPECT_EQ(tidy_address("https://e.org?x"), "https://e.org/?x");
  for (const char* bad : {"ftp://e.org/", "file:///etc/passwd", "e.org/x", "http://", "http://a b/"}) EXPECT_EQ(tidy_address(bad), "") << bad;
  EXPECT_EQ(origin_of("http://user:pw@E.org:8080/x"), "http://e.org:8080");
  EXPECT_EQ(path_of("http://e.org/a?b#c"), "/a?b");
}

TEST(Robots, GroupsAndPrecedence) {
  const char* text =
      "User-agent: *\nDisallow: /private\nAllow: /private/open\nCrawl-delay: 2.5\n\n"
      "User-agent: other\nUser-agent: LOAM/1.0\nDisallow: /*.pdf$\nDisallow: /a*b/c\nAllow: /\n# comment\nDisallow:\n";
  const Robots all = parse_robots(text, "nobody");
  EXPECT_FALSE(all.allows("/private/x"));
  EXPECT_TRUE(all.allows("/private/open/x"));
  EXPECT_TRUE(all.allows("/privat"));
  EXPECT_EQ(all.delay(), 2.5);
  const Robots own = parse_robots(text, "loam");
  EXPECT_TRUE(own.allows("/private/x"));
  EXPECT_FALSE(own.allows("/x/y.pdf"));
  EXPECT_TRUE(own.allows("/x/y.pdf?z"));
  EXPECT_FALSE(own.allows("/axxb/c/d"));
  EXPECT_FALSE(own.delay().has_value());
  EXPECT_FALSE(Robots::closed().allows("/"));
  EXPECT_TRUE(parse_robots("", "loam").allows("/x"));
  // RFC 9309, 2.2.2: what is escaped and what is not are one path.
  EXPECT_FALSE(parse_robots("user-agent: *\rdisallow: /%66oo/b\xC3\xA4r", "loam").allows("/foo/b%c3%a4r"));
  // The least restrictive of two rules of one length.
  EXPECT_TRUE(parse_robots("user-agent:*\ndisallow:/p\nallow:/p", "loam").allows("/p"));
}

TEST(Plan, Words) {
  EXPECT_EQ(parse_fetch_word("wikipedia:zh-min-nan").name, "wikipedia-zh-min-nan");
  EXPECT_EQ(parse_wiki("wikipedia", "zh-min-nan").database, "zh_min_nanwiki");
  EXPECT_EQ(parse_wiki("wikisource", "de@20260101").database, "dewikisource");
  EXPECT_EQ(parse_fetch_word("books=gutenberg:11,84").name, "books");
  EXPECT_EQ(parse_fetch_word("https://e.org/x?a=b").name, "e.org");
  EXPECT_EQ(parse_fetch_word("hf://datasets/o/n@v1/data/*.parquet").name, "n");
  const HubPath hub = parse_hub_path("datasets/o/n@v1/data/*.parquet");
  EXPECT_EQ(hub.kind + " " + hub.repository + " " + hub.revision + " " + hub.path, "datasets o/n v1 data/*.parquet");
  const CrawlPath crawl = parse_crawl("CC-MAIN-2024-10/wet/1707947473347.0/3-5");
  EXPECT_EQ(crawl.kind + " " + crawl.segment, "wet 1707947473347.0");
  EXPECT_EQ(crawl.range->second, 5);
  EXPECT_EQ(parse_crawl("CC-MAIN-2024-10?url=example.com/*").query, "url=example.com/*");
  EXPECT_EQ(number_list("11,84,100-102,11", "x"), (std::vector<int64_t>{11, 84, 100, 101, 102}));
  EXPECT_EQ(gutenberg_folder(7), "0/7");
  EXPECT_EQ(gutenberg_folder(1342), "1/3/4/1342");
  for (const char* bad : {"wikpedia:de", "wikipedia:", "gutenberg:x", "gutenberg:9-3", "hf://one", "commoncrawl:CC/../x", "commoncrawl:C/9-3", "nothing", "state=list:", "https://e.org/x#sha256:zz"}) {
    EXPECT_THROW(parse_fetch_word(bad), Error) << bad;
  }
  try {
    parse_fetch_word("wikpedia:de");
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean wikipedia"), std::string::npos) << e.what();
  }
}

TEST(Plan, SurvivesItsOwnJson) {
  FetchPlan plan;
  plan.items.push_back({"s", "f", {"http://a/", "http://b/"}, 7, parse_checksum("md5:900150983cd24fb0d6963f7d28e17f72"), true});
  plan.lists.push_back({"s", "l", "c", true});
  plan.sources = {"s"};
  EXPECT_EQ(FetchPlan::from_json(plan.json()).json(), plan.json());
}

TEST(InOrder, ResultsComeInOrder) {
  int64_t next = 0, want = 0;
  run_in_order<int64_t, int64_t>(
      4, 8, [&]() -> std::optional<int64_t> { return next < 500 ? std::optional(next++) : std::nullopt; }, [](int64_t, int64_t n) { return n * n; },
      [&](int64_t n, int64_t square) {
        EXPECT_EQ(n, want++);
        EXPECT_EQ(square, n * n);
        return true;
      });
  EXPECT_EQ(want, 500);
}

TEST(InOrder, AnExceptionComesInItsTurn) {
  int64_t next = 0, took = 0;
  const auto run = [&] {
    run_in_order<int64_t, int64_t>(
        3, 6, [&]() -> std::optional<int64_t> { return next++; },
        [](int64_t, int64_t n) {
          if (n == 20) fail(ErrorKind::input, "twenty");
          return n;
        },
        [&](int64_t, int64_t) {
          ++took;
          return true;
        });
  };
  EXPECT_THROW(run(), Error);
  EXPECT_EQ(took, 20);
}

}  // namespace
}  // namespace loam
