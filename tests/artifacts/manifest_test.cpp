// Manifests: written last, refused when finished, resumed when not.
#include "loam/artifacts/manifest.h"

#include <gtest/gtest.h>


#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"

namespace loam {
namespace {

fs::path fresh_manifest(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_manifest" / name;
  fs::remove_all(folder);
  return folder;
}

TEST(Manifest, KilledInItsFirstMomentsItBeginsAgain) {
  const fs::path folder = fresh_manifest("first_moments");
  make_folder(folder / "state");
  write_file(folder / "state/begun.json.tmp", "{");
  ArtifactWriter out(folder, "tokens", {{"x", 1}}, {}, false);
  EXPECT_FALSE(out.resumed());
  EXPECT_TRUE(out.finish({}).files.empty());
}

TEST(Manifest, ContentIsTheHashOfTheSortedLines) {
  const std::vector<ArtifactFile> files = {{"b", 1, std::string(64, '2')}, {"a", 1, std::string(64, '1')}};
  EXPECT_EQ(content_hash(files), sha256(std::string(64, '1') + "  a\n" + std::string(64, '2') + "  b\n"));
}

TEST(Manifest, FinishedThenRefusedThenForced) {
  const fs::path folder = fresh_manifest("finish");
  const Json settings = {{"x", 1}};
  {
    ArtifactWriter out(folder, "tokens", settings, {}, false);
    write_file(out.path("a.bin"), "aaaa");
    write_file(out.path("log.txt"), "l");
    out.promise("a.bin");
    out.log("log.txt");
    EXPECT_THROW(open_artifact(folder), Error);
    const Artifact a = out.finish({{"documents", 3}});
    EXPECT_EQ(a.files.at(0).sha256, sha256("aaaa"));
  }
  EXPECT_TRUE(broken_files(open_artifact(folder, "tokens")).empty());
  EXPECT_FALSE(fs::exists(folder / "state"));
  EXPECT_THROW(open_artifact(folder, "corpus"), Error);
  try {
    ArtifactWriter out(folder, "tokens", settings, {}, false);
    FAIL() << "a finished artifact was opened for writing";
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("--force"), std::string::npos);
    EXPECT_EQ(e.kind(), ErrorKind::usage);
  }
  write_file(folder / "a.bin", "aaab");
  EXPECT_EQ(broken_files(open_artifact(folder)), std::vector<std::string>{"a.bin"});
  write_file(folder / "a.bin", "aaa");
  EXPECT_THROW(open_artifact(folder), Error);
  write_file(folder / "a.bin", "aaaa");
  ArtifactWriter again(folder, "tokens", settings, {}, true);
  EXPECT_FALSE(fs::exists(folder / "a.bin"));
}

TEST(Manifest, UnfinishedIsResumedOnlyWithTheSameSettings) {
  const fs::path folder = fresh_manifest("resume");
  { ArtifactWriter out(folder, "corpus", {{"x", 1}}, {{"p", "file", "abc"}}, false); }
  write_file(folder / "left.tmp", "x");
  {
    ArtifactWriter out(folder, "corpus", {{"x", 1}}, {{"q", "file", "abc"}}, false);
    EXPECT_TRUE(out.resumed());
    EXPECT_FALSE(fs::exists(folder / "left.tmp"));
  }
  try {
    ArtifactWriter out(folder, "corpus", {{"x", 2}}, {{"p", "file", "abc"}}, false);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("x (then 1, now 2)"), std::string::npos) << e.what();
  }
  ArtifactWriter forced(folder, "corpus", {{"x", 2}}, {}, true);
  EXPECT_FALSE(forced.resumed());
}

TEST(Manifest, NamesOutsideTheFolderAreRefused) {
  const fs::path folder = fresh_manifest("escape");
  make_folder(folder);
  write_file(folder / "manifest.json", R"({"kind":"corpus","format":1,"content":"x","files":[{"name":"../../etc/passwd","bytes":1,"sha256":"x"}]})");
  EXPECT_THROW(open_artifact(folder), Error);
}

}  // namespace
}  // namespace loam
