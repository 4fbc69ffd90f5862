#include "loam/stages/collect/external_sort.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

struct Entry {
  uint64_t key, number;
  friend bool operator<(const Entry& a, const Entry& b) { return a.key != b.key ? a.key < b.key : a.number < b.number; }
  bool operator==(const Entry&) const = default;
};

class ExternalSortTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder);
    make_folder(folder);
  }
  const fs::path folder = fs::path(testing::TempDir()) / "loam_external_sort";
};

class ExternalSortSizes : public ExternalSortTest, public testing::WithParamInterface<size_t> {};

// 256 KiB hold 16,384 entries and merge two runs at a time: none, one, two, three, and enough for passes over passes.
TEST_P(ExternalSortSizes, AsSortedInMemory) {
  std::vector<Entry> entries(GetParam());
  for (size_t i = 0; i < entries.size(); ++i) entries[i] = {mix64(i) % 5000, i};
  ExternalSort<Entry> sort({.stem = folder / "run", .bytes = 256 << 10, .stopped = "stopped"});
  for (size_t i = 0; i < entries.size();) {
    const size_t n = std::min<size_t>(i % 7 == 0 ? 1 : 20000, entries.size() - i);
    sort.add(entries.data() + i, n);
    i += n;
  }
  std::vector<Entry> sorted;
  sort.each([&](const Entry& e) { sorted.push_back(e); });
  std::sort(entries.begin(), entries.end());
  EXPECT_EQ(sorted, entries);
  EXPECT_TRUE(fs::is_empty(folder)) << "runs are left behind";
}
INSTANTIATE_TEST_SUITE_P(Of, ExternalSortSizes, testing::Values(0, 1, 16384, 16385, 32768, 40000, 200001));

TEST_F(ExternalSortTest, RunsGoWhenItIsGivenUp) {
  {
    ExternalSort<Entry> sort({.stem = folder / "run", .bytes = 256 << 10, .stopped = "stopped while sorting"});
    for (uint64_t i = 0; i < 40000; ++i) sort.add({mix64(i), i});
    EXPECT_FALSE(fs::is_empty(folder));
    request_stop();
    EXPECT_THROW(sort.each([](const Entry&) {}), Error);
    request_stop(false);
  }
  EXPECT_TRUE(fs::is_empty(folder));
}

}  // namespace
}  // namespace loam
