// fetch against a server on this machine that misbehaves.
#include "loam/stages/fetch/fetch.h"

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
#include "tests/stages/fetch/bad_server.h"

namespace loam {
namespace {

class Fetch : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / "fetch" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    make_folder(folder);
    ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
    config.first_wait = 0.01;
    config.delay = 0;
    config.stall_seconds = 2;
  }
  Fetched get(const std::vector<std::string>& words) { return fetch(words, config, out(), false, progress); }
  fs::path out() const { return folder / "out"; }
  std::string list(const std::string& name, const std::string& text) {
    write_file(folder / name, text);
    return (folder / name).string();
  }
  std::string error_of(const std::vector<std::string>& words, ErrorKind kind) {
    try {
      get(words);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind) << e.what();
      return e.what();
    }
    ADD_FAILURE() << "nothing was thrown";
    return "";
  }
  std::vector<Json> rows(const std::string& name) {
    std::vector<Json> all;
    std::string text = read_file(out() / name);
    for (size_t at = 0; at < text.size();) {
      const size_t end = text.find('\n', at);
      all.push_back(parse_json(std::string_view(text).substr(at, end - at), name));
      at = end + 1;
    }
    return all;
  }

  fs::path folder;
  FetchConfig config;
  Progress progress;
};

std::string noise(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(mix64(i / 8 + seed * 1000003) >> (i % 8 * 8));
  return bytes;
}

TEST_F(Fetch, GoesOnWhereConnectionsWereCut) {
  const std::string bytes = noise(3 << 20);
  BadServer server([&](const BadRequest& request) {
    BadReply reply = BadServer::ranged(request, bytes, "\"one\"");
    reply.cut_after = 700 << 10;
    if (static_cast<int64_t>(reply.body.size()) <= reply.cut_after) reply.cut_after = -1;
    return reply;
  });
  config.retries = 5;
  const Fetched made = get({"f=" + server.base() + "/file.bin#sha256:" + sha256(bytes)});
  EXPECT_EQ(read_file(out() / "f/file.bin"), bytes);
  EXPECT_EQ(made.files, 1);
  EXPECT_EQ(server.requests().size(), 5u);
  EXPECT_EQ(server.requests()[1].from(), 700 << 10);
  EXPECT_FALSE(fs::exists(out() / "state"));
}

TEST_F(Fetch, WaitsWhereItIsAskedTo) {
  std::atomic<int> n = 0;
  BadServer server([&](const BadRequest&) {
    BadReply reply;
    const int turn = n++;
    if (turn == 0) {
      reply.status = "429 Too Many Requests";
      reply.headers["Retry-After"] = "1";
    } else if (turn == 1) {
      reply.status = "503 Service Unavailable";
      reply.headers["Retry-After"] = "Wed, 21 Oct 2015 07:28:00 GMT";
    } else {
      reply.body = "here";
    }
    return reply;
  });
  const double began = seconds_now();
  get({"f=" + server.base() + "/x"});
  EXPECT_GE(seconds_now() - began, 1.0);
  EXPECT_EQ(read_file(out() / "f/x"), "here");
  EXPECT_EQ(n, 3);
}

TEST_F(Fetch, DoesNotWaitForever) {
  BadServer server([&](const BadRequest&) {
    BadReply reply;
    reply.status = "503 Service Unavailable";
    reply.headers["Retry-After"] = "86400";
    return reply;
  });
  EXPECT_NE(error_of({"f=" + server.base() + "/x"}, ErrorKind::device).find("--longest-wait"), std::string::npos);
  EXPECT_EQ(server.requests().size(), 1u);
}

TEST_F(Fetch, ALengthThatLiesNeverMakesAFile) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = noise(1000);
    if (request.path == "/long") {
      reply.length = 2000;
      reply.cut_after = 1000;
    } else {
      reply.length = 500;  // the rest would be taken for the next answer
      reply.cut_after = 1000;
    }
    return reply;
  });
  config.retries = 2;
  EXPECT_NE(error_of({"f=" + server.base() + "/long"}, ErrorKind::device).find("cut"), std::string::npos);
  EXPECT_FALSE(fs::exists(out() / "f/long"));
  const fs::path second = folder / "second";
  EXPECT_THROW(fetch({"f=" + server.base() + "/short#sha256:" + sha256(noise(1000))}, config, second, false, progress), Error);
  EXPECT_FALSE(fs::exists(second / "f/short"));
}

TEST_F(Fetch, AFileThatChangesIsBegunAnew) {
  const std::string a = noise(200000, 1), b = noise(180000, 2);
  for (const bool honest : {true, false}) {
    fs::remove_all(out());
    std::atomic<int> n = 0;
    BadServer server([&](const BadRequest& request) {
      if (n++ == 0) {
        BadReply reply = BadServer::ranged(request, a, "\"a\"");
        reply.cut_after = 100000;
        return reply;
      }
      BadRequest asked = request;
      if (!honest) asked.headers.erase("if-range");  // gives a part of b as if it were of a
      return BadServer::ranged(asked, b, "\"b\"");
    });
    get({"f=" + server.base() + "/x"});
    EXPECT_EQ(read_file(out() / "f/x"), b) << honest;
  }
}

TEST_F(Fetch, WithoutAValidatorItIsBegunAnew) {
  const std::string bytes = noise(100000);
  std::atomic<int> n = 0;
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = bytes;
    EXPECT_EQ(request.from(), -1);
    if (n++ == 0) reply.cut_after = 5000;
    return reply;
  });
  get({"f=" + server.base() + "/x"});
  EXPECT_EQ(read_file(out() / "f/x"), bytes);
}

TEST_F(Fetch, FollowsRedirectsButNotInCircles) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    if (request.path == "/end") {
      reply.body = "end";
      return reply;
    }
    reply.status = "302 Found";
    reply.headers["Location"] = request.path == "/a" ? "/b" : request.path == "/b" ? "/a" : request.path == "/file" ? "file:///etc/passwd" : "/end";
    return reply;
  });
  EXPECT_NE(error_of({"f=" + server.base() + "/a"}, ErrorKind::input).find("circle"), std::string::npos);
  fs::remove_all(out());
  error_of({"f=" + server.base() + "/file"}, ErrorKind::input);
  fs::remove_all(out());
  get({"f=" + server.base() + "/to"});
  EXPECT_EQ(read_file(out() / "f/to"), "end");
}

TEST_F(Fetch, ASlowDripIsCutAndGoneOnWith) {
  const std::string bytes = noise(3000);
  std::atomic<int> n = 0;
  BadServer server([&](const BadRequest& request) {
    BadReply reply = BadServer::ranged(request, bytes, "\"x\"");
    if (n++ == 0) reply.drip_ms = 5;
    return reply;
  });
  config.stall_seconds = 1;
  const double began = seconds_now();
  get({"f=" + server.base() + "/x"});
  EXPECT_LT(seconds_now() - began, 8);
  EXPECT_EQ(read_file(out() / "f/x"), bytes);
  EXPECT_GT(server.requests()[1].from(), 0);
}

TEST_F(Fetch, ChecksumsHold) {
  BadServer server([&](const BadRequest&) { return BadReply{.headers = {}, .body = "abc"}; });
  const std::string wrong = server.base() + "/x#md5:00000000000000000000000000000000";
  EXPECT_NE(error_of({"f=" + wrong}, ErrorKind::input).find("md5:900150983cd24fb0d6963f7d28e17f72"), std::string::npos);
  EXPECT_FALSE(fs::exists(out() / "f/x"));
  EXPECT_EQ(server.asked("/x"), 2);  // bytes may have been lost on the way: once more
  fs::remove_all(out());
  get({"f=list:" + list("files.txt", server.base() + "/x sha1:a9993e364706816aba3e25717850c26c9cd0d89d\n# no file\n" + server.base() + "/x md5:900150983cd24fb0d6963f7d28e17f72\n")});
  EXPECT_EQ(read_file(out() / "f/x"), "abc");
  EXPECT_EQ(read_file(out() / "f/x~2"), "abc");
}

TEST_F(Fetch, WhatIsMissingIsSaid) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = "abc";
    if (request.path == "/gone") reply.status = "410 Gone";
    return reply;
  });
  const std::string file = list("files.txt", server.base() + "/gone\n" + server.base() + "/here\n");
  EXPECT_NE(error_of({"f=list:" + file}, ErrorKind::input).find("--skip-missing"), std::string::npos);
  fs::remove_all(out());
  config.skip_missing = true;
  const Fetched made = get({"f=list:" + file});
  EXPECT_EQ(made.files, 1);
  EXPECT_EQ(made.missing, 1);
  EXPECT_EQ(rows("missing.jsonl")[0]["url"], server.base() + "/gone");
}

TEST_F(Fetch, NothingIsWrittenOutside) {
  BadServer server([&](const BadRequest&) { return BadReply{.headers = {}, .body = "abc"}; });
  get({"f=" + server.base() + "/..%2f..%2f..%2fescaped"});
  EXPECT_EQ(rows("sources.jsonl").size(), 1u);
  EXPECT_TRUE(fs::exists(out() / get_string(rows("sources.jsonl")[0], "file")));
  EXPECT_FALSE(fs::exists(folder / "escaped"));
  // A link that lies in the folder leads nowhere.
  fs::remove_all(out());
  make_folder(out());
  make_folder(folder / "elsewhere");
  fs::create_directory_symlink(folder / "elsewhere", out() / "f");
  EXPECT_THROW(fetch({"f=" + server.base() + "/x"}, config, out(), /*force=*/true, progress), Error);
  EXPECT_TRUE(fs::is_empty(folder / "elsewhere"));
}

TEST_F(Fetch, KeepsToTheBudget) {
  BadServer server([&](const BadRequest& request) {
    BadReply reply;
    reply.body = noise(1000);
    if (request.path == "/b") reply.length = -2;  // nobody knows how long
    return reply;
  });
  config.budget = 2500;
  const Fetched made = get({"f=list:" + list("files.txt", server.base() + "/a\n" + server.base() + "/b\n" + server.base() + "/c\n" + server.base() + "/d\n")});
  EXPECT_EQ(made.files, 2);
  EXPECT_EQ(made.bytes, 2000);
  EXPECT_EQ(made.left, 2);
  EXPECT_EQ(server.asked("/d"), 0);
}

TEST_F(Fetch, GoesOnAfterAStop) {
  std::atomic<int> n = 0;
  BadServer server([&](const BadRequest& request) {
    if (++n == 3) request_stop();
    return BadReply{.headers = {}, .body = "page " + request.path};
  });
  const std::string file = list("files.txt", server.base() + "/a\n" + server.base() + "/b\n" + server.base() + "/c\n" + server.base() + "/d\n");
  config.connections = 1;
  error_of({"f=list:" + file}, ErrorKind::interrupted);
  request_stop(false);
  EXPECT_FALSE(fs::exists(out() / "manifest.json"));
  const Fetched made = get({"f=list:" + file});
  EXPECT_TRUE(made.resumed);
  EXPECT_EQ(server.asked("/a"), 1);
  EXPECT_EQ(made.files, 4);
  EXPECT_EQ(read_file(out() / "f/d"), "page /d");
}

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
