// One large packed file, unpacked on several threads: the same corpus on each number of them, damaged or whole.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "tests/support/collect_runs.h"

namespace loam {
namespace {

/// 1.2 MB of rows, packed by `command` from rows.jsonl to rows.jsonl.<ending>; false where there is no such program.
bool pack(const fs::path& in, const std::string& command) {
  std::string rows;
  for (int i = 0; i < 500; ++i) rows += Json{{"text", prose(i)}}.dump() + "\n";
  put(in / "rows.jsonl", rows);
  return std::system(("cd '" + in.string() + "' && " + command + " && rm -f rows.jsonl p.*").c_str()) == 0;
}

/// Asks for a stop after the first batch.
struct StopsOnce : Progress {
  bool asked = false;
  void update(int64_t, int64_t, std::string_view) override {
    if (!asked) request_stop();
    asked = true;
  }
};

void same_on_all_threads(const char* name, const std::string& ending, const std::string& command) {
  const fs::path dir = fresh(name), in = dir / "in";
  if (!pack(in, command)) GTEST_SKIP() << "cannot run: " << command;
  std::set<std::string> contents, damaged;
  const fs::path file = in / ("rows.jsonl." + ending);
  const std::string whole = read_file(file);
  for (const int n : {1, 2, 5}) {
    set_threads(n);
    write_file(file, whole);
    const Result good = run({"in=" + in.string()}, dir / ("good" + std::to_string(n)), preset("none"));
    EXPECT_EQ(good.documents.size(), 500u) << n;
    contents.insert(good.made.corpus.content);
    std::string hurt = whole;
    hurt[whole.size() * 3 / 4] = static_cast<char>(hurt[whole.size() * 3 / 4] ^ 0x55);
    write_file(file, hurt);
    const Result bad = run({"in=" + in.string()}, dir / ("bad" + std::to_string(n)), preset("none"));
    EXPECT_GT(bad.documents.size(), 250u) << n;
    EXPECT_EQ(bad.reason("damaged"), 1) << n;
    ASSERT_EQ(bad.made.troubles.size(), 1u) << n;
    EXPECT_NE(bad.made.troubles[0].find("rows.jsonl." + ending), std::string::npos) << bad.made.troubles[0];
    damaged.insert(bad.made.corpus.content);
  }
  // Stopped in its midst on two threads, and gone on with on five: from the record behind the last.
  set_threads(2);
  write_file(file, whole);
  StopsOnce progress;
  EXPECT_EQ(kind_of_error([&] { collect({"in=" + in.string()}, preset("none"), dir / "stopped", false, progress); }), ErrorKind::interrupted);
  request_stop(false);
  set_threads(5);
  const Collected resumed = collect({"in=" + in.string()}, preset("none"), dir / "stopped", false, progress);
  EXPECT_TRUE(resumed.resumed);
  contents.insert(resumed.corpus.content);
  set_threads(hardware_threads());
  EXPECT_EQ(contents.size(), 1u);
  EXPECT_EQ(damaged.size(), 1u);
}

TEST(Packed, BlocksOfBzip2) { same_on_all_threads("bzip2", "bz2", "bzip2 -1k rows.jsonl"); }
TEST(Packed, StreamsOfBzip2) { same_on_all_threads("bzip2s", "bz2", "split -b 250000 rows.jsonl p. && for f in p.*; do bzip2 -1c $f; done > rows.jsonl.bz2"); }
TEST(Packed, OneFrameOfZstd) { same_on_all_threads("zst", "zst", "zstd -q1 rows.jsonl"); }
TEST(Packed, FramesOfZstd) { same_on_all_threads("zsts", "zst", "split -b 100000 rows.jsonl p. && for f in p.*; do zstd -q1c $f; done > rows.jsonl.zst"); }
TEST(Packed, FramesWithLengthsInFront) {
  same_on_all_threads("pzst", "zst", "split -b 100000 rows.jsonl p. && for f in p.*; do printf 'P*M\\030\\004\\000\\000\\000abcd' && zstd -q1c $f; done > rows.jsonl.zst");
}
TEST(Packed, OneMemberOfGzip) { same_on_all_threads("gz", "gz", "gzip -1 rows.jsonl"); }
TEST(Packed, MembersOfGzip) { same_on_all_threads("gzs", "gz", "split -b 30000 rows.jsonl p. && for f in p.*; do gzip -1c $f; done > rows.jsonl.gz"); }
TEST(Packed, Lz4) { same_on_all_threads("lz4", "lz4", "lz4 -q rows.jsonl rows.jsonl.lz4"); }

}  // namespace
}  // namespace loam
