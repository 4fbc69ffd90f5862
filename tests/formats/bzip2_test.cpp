// bzip2 files block by block: the bytes that libbz2 gives, whoever unpacks them, and no more of a damaged one.
#include "loam/formats/bzip2.h"

#include <bzlib.h>
#include <gtest/gtest.h>

#include <random>

#include "loam/base/error.h"
#include "tests/support/unpacking.h"

namespace loam {
namespace {

std::string bzipped(const std::string& text, int level = 1) {
  std::string out(text.size() + text.size() / 50 + 700, '\0');
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()), static_cast<unsigned>(text.size()), level, 0, 0), BZ_OK);
  out.resize(size);
  return out;
}

std::string random_bytes(size_t bytes, unsigned seed) {
  std::mt19937 random(seed);
  std::string out;
  while (out.size() < bytes) out += static_cast<char>(random());
  return out;
}

TEST(Bzip2Marks, AtEveryBitAndAcrossPieces) {
  constexpr uint64_t kMarks[] = {0x314159265359, 0x177245385090};
  std::string bits(40, '0');
  std::vector<std::pair<int64_t, bool>> expected;
  for (int i = 0; i < 40; ++i) {
    bits += std::string(static_cast<size_t>(1 + i % 9), '0');
    expected.emplace_back(bits.size(), i % 2 == 0);
    for (int b = 47; b >= 0; --b) bits += kMarks[i % 2] >> b & 1 ? '1' : '0';
  }
  std::string bytes;
  for (size_t at = 0; at + 8 <= bits.size() + 7; at += 8) {
    int byte = 0;
    for (size_t b = at; b < at + 8; ++b) byte = byte * 2 + (b < bits.size() && bits[b] == '1');
    bytes += static_cast<char>(byte);
  }
  for (const size_t step : {size_t{1}, size_t{3}, size_t{1000}}) {
    Bzip2Marks finder;
    std::vector<Bzip2Marks::Mark> found;
    for (size_t at = 0; at < bytes.size(); at += step) finder.add(std::string_view(bytes).substr(at, step), found);
    std::vector<std::pair<int64_t, bool>> got;
    for (const auto& mark : found) got.emplace_back(mark.bit, mark.block);
    EXPECT_EQ(got, expected) << step;
  }
}

TEST(Bzip2, WhatLibbz2Packs) {
  const std::string text = random_numbers(500000, 1), letters(3000000, 'x'), random = random_bytes(250000, 2);
  const std::vector<std::pair<std::string, std::string>> files = {
      {bzipped(""), ""},
      {bzipped("a"), "a"},
      {bzipped(text, 1), text},                              // five blocks
      {bzipped(text, 9), text},                              // one
      {bzipped(random, 1), random},
      {bzipped(letters, 9) + bzipped("", 1) + bzipped(text, 3) + bzipped(random, 2), letters + text + random},  // streams
      {bzipped(text, 2) + std::string(100, '\0') + "garbage", text},  // what follows is let be
      {bzipped(std::string(20 << 20, 'y') + text, 1), std::string(20 << 20, 'y') + text}};  // one block of 5 MB
  for (const int helping : {-1, 0, 1, 3}) {
    HelpingThreads helpers(std::max(helping, 0));
    for (size_t i = 0; i < files.size(); ++i) {
      const int64_t step = i % 2 == 0 ? 1000 : 1 << 20;
      EXPECT_TRUE(all_of(Bzip2Reader(in_steps(files[i].first, i < 2 ? 1 : 100000), helping < 0 ? nullptr : &helpers.spare), step) == files[i].second) << "file " << i << ", " << helping << " helpers";
    }
  }
}

/// Damage wherever it is: an Error with its place, behind bytes of the file and never others.
TEST(Bzip2, CutOffAndDamaged) {
  const std::string text = random_numbers(150000, 3);
  const std::string good = bzipped(text, 1) + bzipped(text, 1);
  const std::string all = text + text;
  HelpingThreads helpers(2);
  std::mt19937 random(4);
  for (int i = 0; i < 24; ++i) {
    std::string file = good;
    const size_t at = i < 4 ? static_cast<size_t>(i) : random() % good.size();
    if (i % 2 == 0) {
      file.resize(at);
    } else {
      file[at] = static_cast<char>(file[at] ^ 1 << (random() % 8));
    }
    std::string error, other;
    const std::string got = all_of(Bzip2Reader(read_text(file), &helpers.spare), 50000, &error);
    const std::string alone = all_of(Bzip2Reader(read_text(file)), 50000, &other);
    EXPECT_EQ(error, other);
    EXPECT_TRUE(got == alone) << at;
    // A second stream whose header is hurt or cut off is none: it follows the last one.
    const size_t second = good.size() / 2;
    if (at >= second && at < second + 4) {
      EXPECT_TRUE(got == text && error.empty());
    } else {
      EXPECT_NE(error.find(" at byte "), std::string::npos) << at;
    }
    // A block's bytes are given before its checksum is known: 100,000, and what runs of letters in damaged ones make more.
    size_t same = 0;
    while (same < got.size() && got[same] == all[same]) ++same;
    EXPECT_LE(got.size() - same, 120000u) << at;
    if (i % 2 == 0) {
      EXPECT_EQ(same, got.size());
    }
  }
}

/// A block says which bytes occur in it, sixteen bits for sixteen of them: a text of the right bytes has marks in its block.
std::string text_with_marks(int marks, size_t bytes) {
  std::string letters;
  constexpr int kMaps[] = {0x3141, 0x5926, 0x5359};
  for (int group = 0; group < 3 * marks; ++group) {
    for (int bit = 0; bit < 16; ++bit) {
      if (kMaps[group % 3] >> (15 - bit) & 1) letters += static_cast<char>(group * 16 + bit);
    }
  }
  std::mt19937 random(6);
  std::string out;
  while (out.size() < bytes) {
    const char letter = letters[random() % letters.size()];
    if (out.empty() || out.back() != letter) out += letter;  // runs are written with their lengths, which are bytes too
  }
  return out;
}

TEST(Bzip2, MarksThatStandInABlock) {
  for (const int marks : {1, 3, 5}) {
    const std::string text = text_with_marks(marks, 250000), file = bzipped(text, 1);
    std::vector<Bzip2Marks::Mark> found;
    Bzip2Marks().add(file, found);
    ASSERT_EQ(found.size(), 3u + 1 + 3 * static_cast<size_t>(marks));  // blocks, the stream's end, and those in the blocks
    for (const int helping : {0, 2}) {
      HelpingThreads helpers(helping);
      EXPECT_TRUE(all_of(Bzip2Reader(read_text(file), &helpers.spare), 1000) == text) << marks << " marks, " << helping << " helpers";
    }
  }
}

TEST(Bzip2, NothingButMarks) {
  const std::string mark = "\x31\x41\x59\x26\x53\x59", text = random_numbers(250000, 5);
  std::string marks;
  for (int i = 0; i < 300000; ++i) marks += mark;
  const std::string behind = bzipped(text) + marks;
  HelpingThreads helpers(2);
  EXPECT_TRUE(all_of(Bzip2Reader(read_text(behind), &helpers.spare), 1000) == text);
  const std::string file = "BZh9" + marks;
  std::string error;
  EXPECT_EQ(all_of(Bzip2Reader(read_text(file), &helpers.spare), 1000, &error), "");
  EXPECT_NE(error.find("damaged bzip2 block at byte 4"), std::string::npos) << error;
}

}  // namespace
}  // namespace loam
