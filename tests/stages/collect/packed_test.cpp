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

/// `lost`: rows that one hurt byte may cost at most.
void same_on_all_threads(const char* name, const std::string& ending, const std::string& command, size_t lost = 250) {
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
    EXPECT_GE(bad.documents.size(), 500 - lost) << n;
    EXPECT_EQ(bad.reason("damaged"), 1) << n;
    if (lost < 250) {
      EXPECT_LT(bad.documents.size(), 500u) << n;
      EXPECT_LE(bad.reason("malformed"), 1) << n;  // the row whose beginning the damage took
    }
    ASSERT_GE(bad.made.troubles.size(), 1u) << n;
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

TEST(Packed, BlocksOfBzip2) { same_on_all_threads("bzip2", "bz2", "bzip2 -1k rows.jsonl", 45); }
TEST(Packed, StreamsOfBzip2) { same_on_all_threads("bzip2s", "bz2", "split -b 250000 rows.jsonl p. && for f in p.*; do bzip2 -1c $f; done > rows.jsonl.bz2", 45); }
TEST(Packed, OneFrameOfZstd) { same_on_all_threads("zst", "zst", "zstd -q1 rows.jsonl"); }
TEST(Packed, FramesOfZstd) { same_on_all_threads("zsts", "zst", "split -b 100000 rows.jsonl p. && for f in p.*; do zstd -q1c $f; done > rows.jsonl.zst", 45); }
TEST(Packed, FramesWithLengthsInFront) {
  same_on_all_threads("pzst", "zst", "split -b 100000 rows.jsonl p. && for f in p.*; do printf 'P*M\\030\\004\\000\\000\\000abcd' && zstd -q1c $f; done > rows.jsonl.zst", 45);
}
TEST(Packed, OneMemberOfGzip) { same_on_all_threads("gz", "gz", "gzip -1 rows.jsonl"); }
TEST(Packed, MembersOfGzip) { same_on_all_threads("gzs", "gz", "split -b 30000 rows.jsonl p. && for f in p.*; do gzip -1c $f; done > rows.jsonl.gz", 15); }
TEST(Packed, Lz4) { same_on_all_threads("lz4", "lz4", "lz4 -q rows.jsonl rows.jsonl.lz4"); }

/// Other kinds than rows begin anew where their next record does: no half of one is joined with the half of another.
TEST(Packed, RecordsBehindDamage) {
  std::string wiki = "<mediawiki xml:lang=\"en\"><siteinfo><base>https://en.example.org/wiki/Main_Page</base></siteinfo>\n", mails, text;
  for (int i = 0; i < 400; ++i) {
    const std::string mark = "[" + std::to_string(i) + "]", body = mark + " " + prose(i) + " " + mark;
    wiki += "<page><title>Page " + std::to_string(i) + "</title><ns>0</ns><id>" + std::to_string(i + 1) + "</id><revision><text>" + body + "</text></revision></page>\n";
    mails += "From someone@example.org Mon Jan  5 10:00:00 2026\nSubject: mail " + std::to_string(i) + "\n\n" + body + "\n\n";
    text += body + "\n";
  }
  wiki += "</mediawiki>\n";
  for (const auto& [name, bytes] : {std::pair{"dump.xml", wiki}, {"mails.mbox", mails}, {"words.txt", text}}) {
    const fs::path dir = fresh((std::string("behind_") + name).c_str()), in = dir / "in", file = in / (std::string(name) + ".bz2");
    put(in / name, bytes);
    if (std::system(("bzip2 -1 '" + (in / name).string() + "'").c_str()) != 0) GTEST_SKIP() << "no bzip2";
    std::string hurt = read_file(file);
    for (const size_t part : {3, 5}) hurt[hurt.size() * part / 8] = static_cast<char>(hurt[hurt.size() * part / 8] ^ 0x11);
    write_file(file, hurt);
    std::set<std::string> contents;
    for (const int n : {1, 2, 5}) {
      set_threads(n);
      const Result r = run({"in=" + in.string()}, dir / ("out" + std::to_string(n)), preset("none"));
      EXPECT_EQ(r.reason("damaged"), 2) << name;
      std::set<std::string> seen;
      for (const Document& d : r.documents) {
        if (std::string(name) == "words.txt") continue;
        // Each mark twice in one document: its two ends.
        const size_t open = d.text.find('['), close = d.text.find(']', open);
        ASSERT_NE(close, std::string::npos) << d.text.substr(0, 200);
        const std::string mark = d.text.substr(open, close + 1 - open);
        EXPECT_TRUE(seen.insert(mark).second) << mark << " twice";
        EXPECT_EQ(d.text.find('[', close), d.text.rfind(mark)) << mark;
        EXPECT_NE(d.text.find('[', close), std::string::npos) << mark;
      }
      if (std::string(name) == "words.txt") {
        EXPECT_EQ(r.documents.size(), 1u);  // what follows the last damage; what came before stands in the ledger
        EXPECT_NE(r.find("[399]"), nullptr);
      } else {
        EXPECT_GE(seen.size(), 300u) << name;
        EXPECT_TRUE(seen.contains("[0]") && seen.contains("[399]")) << name;
        if (std::string(name) == "dump.xml") {
          EXPECT_EQ(r.documents.back().url, "https://en.example.org/wiki/Page_399");
        }
      }
      contents.insert(r.made.corpus.content);
    }
    set_threads(hardware_threads());
    EXPECT_EQ(contents.size(), 1u) << name;
  }
}

}  // namespace
}  // namespace loam
