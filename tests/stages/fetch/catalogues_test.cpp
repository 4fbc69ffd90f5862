// fetch's names for what others publish: catalogues, and pages by their links.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/json.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/formats/archive.h"
#include "loam/formats/warc.h"
#include "loam/stages/fetch/checksum.h"
#include "loam/stages/fetch/pages.h"
#include "tests/stages/fetch/fetch_fixture.h"

namespace loam {
namespace {

// ---- catalogues ----

TEST_F(Fetch, WikipediaByLanguage) {
  const std::string dump = noise(5000), name = "simplewiki-20260101-pages-articles-multistream.xml.bz2";
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    if (request.path == "/simplewiki/latest/simplewiki-latest-sha1sums.txt") {
      reply.body = std::string(40, '0') + "  simplewiki-20260101-pages-articles.xml.bz2\n" + checksum_of_bytes(dump, "sha1") + "  " + name + "\n" + std::string(40, '0') +
                   "  simplewiki-20260101-pages-articles-multistream-index.txt.bz2\n";
    } else if (request.path == "/simplewiki/20260101/" + name) {
      reply.body = dump;
    } else {
      reply.status = "404 Not Found";
    }
    return reply;
  });
  config.wikimedia = server.base() + "/";
  get({"wikipedia:simple"});
  EXPECT_EQ(read_file(out() / "wikipedia-simple" / name), dump);
  fs::remove_all(out());
  EXPECT_NE(error_of({"wikipedia:xx"}, ErrorKind::input).find("404"), std::string::npos);
}

TEST_F(Fetch, GutenbergByNumber) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = "book " + request.path;
    if (request.path != "/cache/epub/11/pg11.txt" && request.path != "/1/3/4/1342/1342-8.txt") reply.status = "404 Not Found";
    return reply;
  });
  config.gutenberg = server.base();
  get({"gutenberg:11,1342"});
  EXPECT_EQ(read_file(out() / "gutenberg/pg11.txt"), "book /cache/epub/11/pg11.txt");
  EXPECT_EQ(read_file(out() / "gutenberg/pg1342.txt"), "book /1/3/4/1342/1342-8.txt");
}

TEST_F(Fetch, FilesOfAHub) {
  const std::string big = noise(4000);
  ::setenv("HF_TOKEN", "secret", 1);
  BadServer cdn([&](const BadRequest& request) {
    EXPECT_FALSE(request.headers.contains("authorization"));
    return BadReply{.headers = {}, .body = big};
  });
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    EXPECT_EQ(request.headers.at("authorization"), "Bearer secret");
    if (request.path == "/api/datasets/o/n/revision/main") {
      reply.body = R"({"sha":"c0ffee"})";
    } else if (request.path.starts_with("/api/datasets/o/n/tree/c0ffee/data?recursive=true")) {
      if (request.path.find("cursor") == std::string::npos) {
        reply.headers["Link"] = "<http://" + request.headers.at("host") + request.path + "&cursor=2>; rel=\"next\"";
        reply.body = R"([{"type":"directory","path":"data/x"},{"type":"file","path":"data/b.txt","size":1}])";
      } else {
        reply.body = R"([{"type":"file","path":"data/a.jsonl","size":4000,"lfs":{"oid":")" + sha256(big) + R"("}},{"type":"file","path":"data/x/c.jsonl","size":4000}])";
      }
    } else if (request.path == "/datasets/o/n/resolve/c0ffee/data/a.jsonl") {
      reply.status = "302 Found";
      reply.headers["Location"] = cdn.base() + "/blob?signed=1";
    } else {
      reply.status = "404 Not Found";
    }
    return reply;
  });
  config.hub = server.base();
  get({"hf://datasets/o/n/data/*.jsonl"});
  EXPECT_EQ(read_file(out() / "n/data/a.jsonl"), big);
  EXPECT_EQ(rows("sources.jsonl").size(), 1u);
  ::unsetenv("HF_TOKEN");
}

// ---- pages ----

std::vector<WarcRecord> records_of(const fs::path& file) {
  MemberReader members(file);
  EXPECT_TRUE(members.next());
  WarcReader reader(members.bytes(), 1 << 20);
  std::vector<WarcRecord> out;
  for (WarcRecord record; reader.next(record);) out.push_back(record);
  return out;
}

TEST_F(Fetch, PagesOfALinkList) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.headers["Content-Type"] = "text/html; charset=utf-8";
    reply.body = "<html><p>page " + request.path + "</html>";
    if (request.path == "/robots.txt") {
      reply.headers["Content-Type"] = "text/plain";
      reply.body = "User-agent: loam\nDisallow: /closed\n";
    } else if (request.path == "/moved") {
      reply.status = "301 Moved Permanently";
      reply.headers["Location"] = "/a";
    } else if (request.path == "/to-closed") {
      reply.status = "301 Moved Permanently";
      reply.headers["Location"] = "/closed/1";
    } else if (request.path == "/gone") {
      reply.status = "404 Not Found";
    } else if (request.path == "/picture") {
      reply.headers["Content-Type"] = "image/png";
    }
    return reply;
  });
  const std::string b = server.base();
  const std::string links = list("links.jsonl", "{\"url\":\"" + b + "/a\",\"score\":5}\n{\"url\":\"" + b + "/low\",\"score\":2}\n" + b + "/closed/x\n" + b + "/moved\n" + b + "/gone\n" + b + "/picture\n" + b + "/a#again\nnot an address\n" +
                                                   b + "/to-closed\n");
  config.private_addresses = true;
  const Fetched made = get({"web=pages:" + links});
  EXPECT_EQ(made.pages, 2);
  const auto records = records_of(out() / "web/pages-00000.warc.gz");
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].type, "warcinfo");
  EXPECT_EQ(records[1].uri, b + "/a");
  EXPECT_EQ(records[1].date, "2023-11-14T22:13:20Z");
  EXPECT_NE(records[1].body.find("page /a"), std::string::npos);
  std::string reasons;
  for (const Json& row : rows("missing.jsonl")) reasons += get_string(row, "reason") + " ";
  EXPECT_EQ(reasons, "robots status media address robots ");
  EXPECT_EQ(server.asked("/robots.txt"), 1);
  EXPECT_EQ(server.asked("/closed/x") + server.asked("/closed/1") + server.asked("/low"), 0);
}

TEST_F(Fetch, PagesOfPrivateNetworksAreNotAskedFor) {
  BadServer server([&](const BadRequest&) { return BadReply{.headers = {}, .body = "secret"}; });
  config.page_retries = 0;
  error_of({"web=pages:" + list("links.txt", server.base() + "/a\nhttp://[::1]:1/\n")}, ErrorKind::input);
  EXPECT_TRUE(server.requests().empty());
}

TEST_F(Fetch, AClosedDoorIsNoInvitation) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = "x";
    if (request.path == "/robots.txt") reply.status = "503 Service Unavailable";
    return reply;
  });
  config.private_addresses = true;
  config.page_retries = 1;
  error_of({"web=pages:" + server.base() + "/a"}, ErrorKind::input);
  EXPECT_EQ(server.asked("/a"), 0);
}

TEST_F(Fetch, PagesComeInTheListsOrderWhateverTheConnections) {
  BadServer server([&](const BadRequest& request) {
    if (request.path.ends_with("3")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    return BadReply{.headers = {{"Content-Type", "text/html"}}, .body = "<p>" + request.path};
  });
  std::string links;
  for (int i = 0; i < 60; ++i) links += server.base() + "/page" + std::to_string(i) + "\n";
  const std::string file = list("links.txt", links);
  config.private_addresses = true;
  config.per_host = 8;
  config.connections = 8;
  const std::string first = get({"web=pages:" + file}).made.content;
  fs::remove_all(out());
  config.connections = 1;
  EXPECT_EQ(get({"web=pages:" + file}).made.content, first);
}

TEST_F(Fetch, PagesOfACrawl) {
  const std::string payload = "<html>kept</html>";
  const std::string http = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + payload;
  const std::string one = warc_member("response", "http://e.org/a", "2024-01-01T00:00:00Z", "application/http; msgtype=response", http);
  const std::string archive = noise(100) + one + noise(50);
  auto capture = [&](const std::string& url, const std::string& digest) {
    return "{\"url\":\"" + url + "\",\"timestamp\":\"20240101000000\",\"status\":\"200\",\"mime\":\"text/html\",\"digest\":\"" + digest + "\",\"length\":\"" + std::to_string(one.size()) +
           "\",\"offset\":\"100\",\"filename\":\"crawl-data/x.warc.gz\"}\n";
  };
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    if (request.path == "/collinfo.json") {
      reply.body = R"([{"id":"CC-MAIN-2024-10"},{"id":"CC-MAIN-2023-50"}])";
    } else if (request.path == "/crawl-data/x.warc.gz") {
      return BadServer::ranged(request, archive, "\"x\"");
    } else if (request.path.find("showNumPages") != std::string::npos) {
      reply.body = R"({"pages": 1, "pageSize": 5, "blocks": 1})";
    } else if (request.path.starts_with("/CC-MAIN-2024-10-index?url=e.org/*")) {
      reply.body = capture("http://e.org/a", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA") + capture("http://e.org/b", "");
    } else if (request.path.starts_with("/CC-MAIN-2024-10-index?url=http%3A%2F%2Fe.org%2Fa&")) {
      reply.body = capture("http://e.org/a", "");
    } else {
      reply.status = "404 Not Found";
      reply.body = R"({"message": "No Captures found"})";
    }
    return reply;
  });
  config.commoncrawl = config.commoncrawl_index = server.base();
  const std::string links = list("links.jsonl", "{\"url\":\"http://e.org/a\",\"score\":3}\n{\"url\":\"http://e.org/nowhere\",\"score\":3}\n");
  Fetched made = get({"web=commoncrawl:latest@" + links});
  EXPECT_EQ(made.pages, 1);
  EXPECT_EQ(records_of(out() / "web/pages-00000.warc.gz")[0].body, http);
  EXPECT_EQ(rows("missing.jsonl")[0]["reason"], "not_captured");
  fs::remove_all(out());
  // The same place twice is taken once, and its payload is held against its digest.
  EXPECT_NE(error_of({"web=commoncrawl:CC-MAIN-2024-10?url=e.org/*"}, ErrorKind::input).find("digest"), std::string::npos);
}

TEST_F(Fetch, FilesOfACrawl) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    if (request.path == "/crawl-data/CC-MAIN-2024-10/wet.paths.gz") {
      reply.body = "crawl-data/s/1.0/wet/a.warc.wet.gz\ncrawl-data/s/2.0/wet/b.warc.wet.gz\ncrawl-data/s/2.0/wet/c.warc.wet.gz\n";
    } else {
      reply.body = request.path;
    }
    return reply;
  });
  config.commoncrawl = server.base();
  get({"cc=commoncrawl:CC-MAIN-2024-10/wet/2.0/1"});
  EXPECT_EQ(read_file(out() / "cc/c.warc.wet.gz"), "/crawl-data/s/2.0/wet/c.warc.wet.gz");
  EXPECT_EQ(rows("sources.jsonl").size(), 1u);
}

}  // namespace
}  // namespace loam
