// The small things everything stands on.
#include <gtest/gtest.h>

#include <atomic>
#include <set>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/memory.h"
#include "loam/base/progress.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

TEST(Error, CallersAddTheirLine) {
  try {
    try {
      fail(ErrorKind::input, "magic is ", 7, ", not ", 20240520);
    } catch (Error& e) {
      e.during("opening ", fs::path("a/b.bin"));
      throw;
    }
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "opening a/b.bin: magic is 7, not 20240520");
    EXPECT_EQ(exit_code(e.kind()), 3);
  }
}

TEST(Hash, Sha256OfTheStandardsExample) {  // FIPS 180-2, appendix B.1
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, Hash64DependsOnEveryByteAndTheLength) {
  std::set<uint64_t> seen;
  for (const char* text : {"", "a", "b", "ab", "ba", "abcdefgh", "abcdefgi", "abcdefghi", "abcdefgh\0"}) seen.insert(hash64(text));
  seen.insert(hash64(std::string_view("a\0", 2)));
  EXPECT_EQ(seen.size(), 9u);  // the last literal ends at its NUL, and equals "abcdefgh"
}

TEST(Random, PermutationHitsEachElementOnce) {
  for (int64_t n : {1, 2, 3, 17, 64, 1000}) {
    const Permutation permutation(n, 99);
    std::set<int64_t> seen;
    for (int64_t i = 0; i < n; ++i) seen.insert(permutation.at(i));
    EXPECT_EQ(static_cast<int64_t>(seen.size()), n);
    EXPECT_EQ(*seen.begin(), 0);
    EXPECT_EQ(*seen.rbegin(), n - 1);
  }
}

TEST(Random, NormalHasMeanZeroAndDeviationOne) {
  double sum = 0, squares = 0;
  constexpr int kCount = 20000;
  for (uint64_t i = 0; i < kCount; ++i) {
    const double x = static_cast<double>(normal01(5, i));
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / kCount, 0.0, 0.03);
  EXPECT_NEAR(squares / kCount, 1.0, 0.04);
}

TEST(Threads, EachIndexOnceWhateverTheTeam) {
  for (int n : {1, 2, 3, 7}) {
    set_threads(n);
    std::vector<std::atomic<int>> hits(1000);
    for (int repeat = 0; repeat < 50; ++repeat) {
      parallel_for(1000, [&](int64_t i) { hits[static_cast<size_t>(i)].fetch_add(1); });
    }
    for (auto& hit : hits) EXPECT_EQ(hit.load(), 50);
  }
  set_threads(hardware_threads());
}

TEST(Threads, FirstExceptionComesBack) {
  set_threads(3);
  EXPECT_THROW(parallel_for(100, [](int64_t i) { if (i == 37) fail(ErrorKind::input, "row ", i); }), Error);
  int64_t sum = 0;
  parallel_for(1, [&](int64_t) { sum = 1; });  // the team still works
  EXPECT_EQ(sum, 1);
  set_threads(hardware_threads());
}

TEST(Fields, NumbersAsPeopleWriteThem) {
  EXPECT_EQ(parse_count("64k", "x"), 64000);
  EXPECT_EQ(parse_count("300e9", "x"), 300000000000);
  EXPECT_EQ(parse_count("-3", "x"), -3);
  EXPECT_EQ(parse_count("9007199254740993", "x"), 9007199254740993);
  EXPECT_THROW(parse_count("many", "steps"), Error);
  EXPECT_THROW(parse_count("1.5", "steps"), Error);
  EXPECT_THROW(parse_count("", "steps"), Error);
  EXPECT_DOUBLE_EQ(parse_number("1.5M", "x"), 1.5e6);
}

TEST(Fields, NearestName) {
  EXPECT_EQ(nearest_name("colect", {"collect", "chat"}), "collect");
  EXPECT_EQ(nearest_name("--vocabsize", {"--vocab-size", "--out"}), "--vocab-size");
  EXPECT_EQ(nearest_name("xyzzy", {"collect", "chat"}), "");
}

TEST(Files, NothingIsSeenBeforeCommit) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_files";
  fs::remove_all(folder);
  make_folder(folder);
  {
    AtomicFile out(folder / "a.txt");
    out.write("half");
  }
  EXPECT_TRUE(fs::is_empty(folder));
  AtomicFile out(folder / "a.txt");
  out.write("0123456789");
  out.write_at(2, "xy", 2);
  out.write("!");
  out.commit();
  EXPECT_EQ(read_file(folder / "a.txt"), "01xy456789!");
  EXPECT_EQ(MappedFile(folder / "a.txt").text(), "01xy456789!");
  EXPECT_THROW(read_file(folder / "none"), Error);
  EXPECT_THROW(read_file(folder / "a.txt", 3), Error);
}

TEST(Memory, ThePeakIsCountedFromWhereItWasReset) {
  {
    std::vector<char> large(size_t{200} << 20, 1);
    EXPECT_EQ(large[12345], 1);
  }
  const int64_t before = peak_memory_bytes();
  EXPECT_GE(before, int64_t{200} << 20);
  reset_peak_memory();
  EXPECT_LT(peak_memory_bytes(), before - (int64_t{100} << 20));
  EXPECT_GT(total_memory_bytes(), available_memory_bytes() / 2);
}

TEST(Progress, NumbersForPeople) {
  EXPECT_EQ(with_commas(12408), "12,408");
  EXPECT_EQ(with_commas(-999), "-999");
  EXPECT_EQ(human_bytes(1.5e9), "1.5 GB");
  EXPECT_EQ(human_count(12.4e3), "12.4k");
  EXPECT_EQ(human_time(185), "3m05s");
}

}  // namespace
}  // namespace loam
