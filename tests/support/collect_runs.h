// Runs of collect on small files, for its tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/stages/collect/collect.h"

namespace loam {

inline fs::path fresh(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_collect" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

inline void put(const fs::path& file, const std::string& bytes) {
  fs::create_directories(file.parent_path());
  write_file(file, bytes);
}

struct Result {
  Collected made;
  std::vector<Document> documents;
  std::vector<Dropped> dropped;

  const Document* find(const std::string& part) const {
    for (const auto& d : documents) {
      if (d.text.find(part) != std::string::npos) return &d;
    }
    return nullptr;
  }
  int64_t reason(const std::string& name) const {
    int64_t n = 0;
    for (const auto& d : dropped) n += d.reason == name;
    return n;
  }
};

inline Result run(const std::vector<std::string>& sources, const fs::path& out, CollectConfig config = {}, bool force = false) {
  Progress quiet;
  Result result;
  result.made = collect(sources, config, out, force, quiet);
  CorpusReader reader(result.made.corpus);
  std::set<std::string> ids;
  while (auto d = reader.next()) {
    EXPECT_TRUE(ids.insert(d->id).second) << d->id << " twice";
    EXPECT_EQ(d->added, "");
    result.documents.push_back(std::move(*d));
  }
  for (const auto& name : dropped_files(result.made.corpus)) {
    for (auto& d : read_dropped(result.made.corpus.path(name))) result.dropped.push_back(std::move(d));
  }
  EXPECT_EQ(result.made.total.documents, static_cast<int64_t>(result.documents.size()));
  EXPECT_EQ(result.made.total.all_dropped(), static_cast<int64_t>(result.dropped.size()));
  return result;
}

inline CollectConfig preset(const std::string& name) {
  CollectConfig config;
  config.preset = name;
  return config;
}

inline std::string prose(int n) {
  std::string out;
  for (int i = 0; i < 40; ++i) out += "The " + std::to_string(n * 41 + i) + "th traveller of the day came over the hill and said nothing to us" + (i % 5 == 4 ? ".\n\n" : ". ");
  return out;
}

inline ErrorKind kind_of_error(const std::function<void()>& f, std::string* what = nullptr) {
  try {
    f();
  } catch (const Error& e) {
    if (what != nullptr) *what = e.what();
    return e.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::internal;
}

}  // namespace loam
