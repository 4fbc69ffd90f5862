// The binary is killed at any moment while it fetches, and run again: the same bytes as if it never was.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "tests/stages/fetch/bad_server.h"

namespace loam {
namespace {

/// Runs the binary; killed after so long, if it still runs then. Its exit code, or -1.
int run(const std::vector<std::string>& words, int kill_after_ms) {
  std::vector<const char*> argv = {LOAM_BINARY};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::execv(LOAM_BINARY, const_cast<char* const*>(argv.data()));
    ::_exit(127);
  }
  if (kill_after_ms > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kill_after_ms));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(FetchKill, AnyMomentGivesTheSameBytes) {
  std::string big(400000, '\0');
  for (size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(mix64(i));
  BadServer server([&](const BadRequest& request) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    if (request.path.starts_with("/file")) {
      BadReply reply = BadServer::ranged(request, big + request.path, "\"" + request.path + "\"");
      if (reply.body.size() > 150000) reply.cut_after = 150000;
      return reply;
    }
    BadReply reply;
    reply.headers["Content-Type"] = "text/html";
    if (request.path == "/robots.txt" || request.path.ends_with("7")) reply.status = "404 Not Found";
    reply.body = "<html><p>This is the page " + request.path + " of a site.</html>";
    return reply;
  });
  const fs::path folder = fs::path(testing::TempDir()) / "fetch_kill";
  fs::remove_all(folder);
  make_folder(folder);
  std::string files, links;
  for (int i = 0; i < 6; ++i) files += server.base() + "/file" + std::to_string(i) + "\n";
  for (int i = 0; i < 80; ++i) links += server.base() + "/page" + std::to_string(i) + "\n";
  write_file(folder / "files.txt", files);
  write_file(folder / "links.txt", links);
  ::setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  auto command = [&](const std::string& out) {
    return std::vector<std::string>{"fetch", "--quiet", "f=list:" + (folder / "files.txt").string(), "web=pages:" + (folder / "links.txt").string(), "--out", (folder / out).string(), "--delay", "0", "--first-wait", "0.01",
                                    "--private-addresses", "--save-minutes", "0.0005"};
  };
  ASSERT_EQ(run(command("whole"), 0), 0);
  const std::string content = open_artifact(folder / "whole").content;
  int kills = 0;
  for (int round = 0; round < 40; ++round) {
    const int code = run(command("killed"), 30 + static_cast<int>(mix64(static_cast<uint64_t>(round)) % 150));
    if (code == 0) break;
    EXPECT_EQ(code, -1);
    ++kills;
    EXPECT_FALSE(fs::exists(folder / "killed/manifest.json") && fs::exists(folder / "killed/f/file0") && fs::file_size(folder / "killed/f/file0") != big.size() + 6);
  }
  if (!is_artifact(folder / "killed")) {
    ASSERT_EQ(run(command("killed"), 0), 0);
  }
  EXPECT_GT(kills, 0);
  const Artifact killed = open_artifact(folder / "killed");
  EXPECT_EQ(killed.content, content);
  EXPECT_TRUE(broken_files(killed).empty());
  // What was fetched is collected as the sources it is.
  ASSERT_EQ(run({"collect", "--quiet", "--preset", "none", (folder / "killed").string(), "--out", (folder / "corpus").string()}, 0), 0);
  const Artifact corpus = open_artifact(folder / "corpus");
  EXPECT_TRUE(corpus.counts["sources"].contains("web"));
}

}  // namespace
}  // namespace loam
