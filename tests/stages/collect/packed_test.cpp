// One large packed file, unpacked on several threads: the same corpus on each number of them, damaged or whole.
#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

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
  set_threads(hardware_threads());
  EXPECT_EQ(contents.size(), 1u);
  EXPECT_EQ(damaged.size(), 1u);
}

TEST(Packed, BlocksOfBzip2) { same_on_all_threads("bzip2", "bz2", "bzip2 -1k rows.jsonl"); }
TEST(Packed, StreamsOfBzip2) { same_on_all_threads("bzip2s", "bz2", "split -b 250000 rows.jsonl p. && for f in p.*; do bzip2 -1c $f; done > rows.jsonl.bz2"); }

}  // namespace
}  // namespace loam
