// Members of archives and packed files; damage is an Error{input}, never more.
#include "loam/formats/archive.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

fs::path fresh(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_archive" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

std::vector<std::pair<std::string, std::string>> members(const fs::path& file) {
  MemberReader reader(file);
  std::vector<std::pair<std::string, std::string>> out;
  while (reader.next()) {
    std::string text(1 << 16, '\0');
    const ReadBytes read = reader.bytes();
    int64_t have = 0;
    while (const int64_t n = read(text.data() + have, std::min<int64_t>(1000, static_cast<int64_t>(text.size()) - have))) have += n;
    text.resize(static_cast<size_t>(have));
    out.emplace_back(reader.path(), text);
  }
  return out;
}

using Members = std::vector<std::pair<std::string, std::string>>;

TEST(Archive, PlainFilesAreTheirOwnMember) {
  const fs::path dir = fresh("plain");
  write_file(dir / "a", "some bytes");
  write_file(dir / "empty", "");
  EXPECT_EQ(members(dir / "a"), (Members{{"", "some bytes"}}));
  EXPECT_EQ(members(dir / "empty"), (Members{{"", ""}}));
  EXPECT_THROW(members(dir / "nowhere"), Error);
  EXPECT_THROW(members(dir), Error);
}

TEST(Archive, PackedTarsAndZips) {
  const fs::path dir = fresh("packed");
  fs::create_directories(dir / "t" / "sub");
  write_file(dir / "t" / "a.txt", "first");
  write_file(dir / "t" / "sub" / "b.txt", "second");
  write_file(dir / "t" / "empty", "");
  const std::string cd = "cd '" + dir.string() + "' && ";
  const std::string make = cd + "gzip -k t/a.txt && gzip -k t/empty && (gzip -c t/a.txt; gzip -c t/sub/b.txt) > two.gz && tar cf t.tar t && gzip -k t.tar && cp t.tar.gz t/inner.tgz && tar cf outer.tar t/inner.tgz";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no gzip or tar";
  EXPECT_EQ(members(dir / "t" / "a.txt.gz"), (Members{{"", "first"}}));
  EXPECT_EQ(members(dir / "t" / "empty.gz"), (Members{{"", ""}}));
  EXPECT_EQ(members(dir / "two.gz"), (Members{{"", "firstsecond"}}));
  for (const char* name : {"t.tar", "t.tar.gz"}) {
    auto found = members(dir / name);
    std::sort(found.begin(), found.end());
    EXPECT_EQ(found, (Members{{"t/a.txt", "first"}, {"t/a.txt.gz", "first"}, {"t/empty", ""}, {"t/empty.gz", ""}, {"t/sub/b.txt", "second"}})) << name;
  }
  EXPECT_EQ(members(dir / "outer.tar").size(), 5u);
  EXPECT_EQ(members(dir / "outer.tar").front().first.substr(0, 14), "t/inner.tgz/t/");
}

TEST(Archive, DamageIsAnInputError) {
  const fs::path dir = fresh("damage");
  std::string text;
  for (int i = 0; i < 20000; ++i) text += std::to_string(i * 7919) + " ";
  write_file(dir / "a.txt", text.substr(0, 60000));
  if (std::system(("cd '" + dir.string() + "' && tar czf a.tgz a.txt && gzip a.txt").c_str()) != 0) GTEST_SKIP() << "no gzip or tar";
  for (const char* name : {"a.tgz", "a.txt.gz"}) {
    const std::string good = read_file(dir / name);
    for (size_t size : {good.size() / 3, good.size() / 2}) {
      write_file(dir / "cut", good.substr(0, size));
      try {
        members(dir / "cut");
        ADD_FAILURE() << name << " cut at " << size << " was read";
      } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::input);
        EXPECT_NE(std::string(e.what()).find("cut"), std::string::npos);
      }
    }
  }
}

TEST(Archive, NamesWithoutPacking) {
  EXPECT_EQ(without_packing("a.txt.gz"), "a.txt");
  EXPECT_EQ(without_packing("a.dict.dz"), "a.dict");
  EXPECT_EQ(without_packing(".gz"), ".gz");
  EXPECT_EQ(without_packing("a"), "a");
}

}  // namespace
}  // namespace loam
