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
#include "tests/stages/fetch/fetch_fixture.h"

namespace loam {
namespace {

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

}  // namespace
}  // namespace loam
