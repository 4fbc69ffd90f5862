#include "loam/base/stored_files.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "loam/base/files.h"

namespace loam {
namespace {

class StoredFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::remove_all(folder);
    make_folder(folder);
  }
  fs::path write(const std::string& name, const std::vector<int64_t>& numbers) {
    std::ofstream(folder / name, std::ios::binary).write(reinterpret_cast<const char*>(numbers.data()), static_cast<std::streamsize>(numbers.size() * sizeof(int64_t)));
    return folder / name;
  }
  const fs::path folder = fs::path(testing::TempDir()) / "loam_stored_files";
};

TEST_F(StoredFilesTest, InOrderAndInAnyOther) {
  std::vector<int64_t> numbers(10007);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<int64_t>(i * i);
  StoredFiles files;
  const StoredArray<int64_t> array(files, files.add(write("numbers", numbers)));
  ASSERT_EQ(array.size(), 10007);
  for (int pass = 0; pass < 2; ++pass) {
    for (int64_t i = 0; i < array.size(); ++i) ASSERT_EQ(array[i], i * i);
    for (int64_t i = 0; i < array.size(); ++i) {
      const int64_t at = i * 7919 % array.size();
      ASSERT_EQ(array[at], at * at);
      if (at + 1 < array.size()) {
        ASSERT_EQ(array[at + 1], (at + 1) * (at + 1));
      }
      ASSERT_EQ(array[at], at * at);
    }
  }
}

TEST_F(StoredFilesTest, MoreFilesThanAreOpenAtATime) {
  StoredFiles files;
  for (int64_t i = 0; i < 300; ++i) EXPECT_EQ(files.add(write(std::to_string(i), {i, 2 * i})), i);
  for (int pass = 0; pass < 3; ++pass) {
    for (int64_t i = 0; i < 300; ++i) {
      int64_t pair[2];
      files.read(i, 0, pair, sizeof pair);
      EXPECT_EQ(pair[0], i);
      EXPECT_EQ(pair[1], 2 * i);
    }
  }
}

TEST_F(StoredFilesTest, WhatIsNotThereIsSaid) {
  StoredFiles files;
  EXPECT_THROW(files.add(folder / "none"), Error);
  const int64_t file = files.add(write("short", {1, 2}));
  int64_t more[3];
  try {
    files.read(file, 0, more, sizeof more);
    FAIL() << "more was read than there is";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("short at byte 16: it ends there"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace loam
