// Members of archives and packed files; damage is an Error{input}, never more.
#include "loam/formats/archive.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "tests/support/unpacking.h"

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

/// Packing does not count: archives in archives do, and what unpacks to itself for ever is left at some point.
TEST(Archive, LayersOfPacking) {
  const fs::path dir = fresh("layers");
  write_file(dir / "a.txt", "text");
  const std::string make = "cd '" + dir.string() + "' && gzip -k a.txt && tar czf b.tgz a.txt.gz && tar cf c.tar b.tgz && zstd -q c.tar && bzip2 -k c.tar && tar cf d.tar c.tar.bz2 && "
      "cp a.txt e && for i in 1 2 3 4 5 6 7 8; do gzip e; mv e.gz e; done";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "no gzip, bzip2, zstd or tar";
  EXPECT_EQ(members(dir / "b.tgz"), (Members{{"a.txt.gz", "text"}}));
  for (const char* name : {"c.tar", "c.tar.zst", "c.tar.bz2"}) EXPECT_EQ(members(dir / name), (Members{{"b.tgz/a.txt.gz", "text"}})) << name;
  const Members third = members(dir / "d.tar");  // what is packed in the third archive stays packed
  ASSERT_EQ(third.size(), 1u);
  EXPECT_EQ(third[0].first, "c.tar.bz2/b.tgz/a.txt.gz");
  EXPECT_EQ(third[0].second.substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(members(dir / "e").front().second.substr(0, 2), "\x1f\x8b");
}

TEST(Archive, FilesOfManyFramesAndMembers) {
  const fs::path dir = fresh("frames");
  std::string text;
  for (int i = 0; i < 3000; ++i) text += std::to_string(i * 7919) + " ";
  write_file(dir / "a", text);
  write_file(dir / "front", std::string("\x50\x2a\x4d\x18\x04\0\0\0abcd", 12));  // as pzstd writes
  if (std::system(("cd '" + dir.string() + "' && zstd -q a && cat front a.zst front a.zst > two.zst && gzip a && cat a.gz a.gz > two.gz").c_str()) != 0) GTEST_SKIP() << "no zstd or gzip";
  for (const char* name : {"two.zst", "two.gz"}) {
    EXPECT_EQ(members(dir / name), (Members{{"", text + text}})) << name;
    HelpingThreads helpers(1);
    MemberReader early(dir / name, &helpers.spare);
    ASSERT_TRUE(early.next());
    EXPECT_EQ(all_of(AsReader{early.bytes()}, 1000), text + text);
    EXPECT_EQ(all_of(AsReader{open_bytes(dir / name)}, 1000), text + text) << name;
    const std::string good = read_file(dir / name);
    write_file(dir / "hurt", good.substr(0, good.size() / 2 + 100));
    std::string error;
    MemberReader hurt(dir / "hurt");
    ASSERT_TRUE(hurt.next());
    all_of(AsReader{hurt.bytes()}, 1000, &error);
    EXPECT_NE(error.find((dir / "hurt").string()), std::string::npos) << error;
    EXPECT_NE(error.find(" at byte "), std::string::npos) << error;
  }
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
