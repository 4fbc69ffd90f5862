// What the tests of fetch share: a folder, settings without waits, and a look at what was made.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/json.h"
#include "loam/base/random.h"
#include "loam/stages/fetch/fetch.h"
#include "tests/stages/fetch/bad_server.h"

namespace loam {

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

inline std::string noise(size_t size, uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(mix64(i / 8 + seed * 1000003) >> (i % 8 * 8));
  return bytes;
}

}  // namespace loam
