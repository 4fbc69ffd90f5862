// Zstandard files frame by frame: the bytes that libzstd gives, whoever unpacks them, and no more of a damaged one.
#include "loam/formats/zstd.h"

#include <gtest/gtest.h>
#include <zdict.h>
#include <zstd.h>

#include <random>

#include "loam/base/error.h"
#include "loam/formats/bytes.h"
#include "tests/support/unpacking.h"

namespace loam {
namespace {

std::string zstd_packed(const std::string& text, int level = 1, bool sized = true, bool checksum = true, int window_log = 0) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, sized);
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, checksum);
  if (window_log > 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  ZSTD_inBuffer in = {text.data(), text.size(), 0};
  ZSTD_outBuffer to = {out.data(), out.size(), 0};
  if (!sized) ZSTD_compressStream2(context, &to, &in, ZSTD_e_continue);  // how much follows is not known then
  EXPECT_EQ(ZSTD_compressStream2(context, &to, &in, ZSTD_e_end), 0u);
  ZSTD_freeCCtx(context);
  out.resize(to.pos);
  return out;
}

std::string in_four_bytes(uint32_t value) {
  std::string out;
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string skippable_frame(const std::string& bytes, uint32_t kind = 0) { return in_four_bytes(0x184D2A50 + kind) + in_four_bytes(static_cast<uint32_t>(bytes.size())) + bytes; }

TEST(Zstd, HowItBegins) {
  EXPECT_TRUE(begins_as_zstd(zstd_packed("a")));
  EXPECT_TRUE(begins_as_zstd(skippable_frame("1234") + zstd_packed("a")));
  EXPECT_TRUE(begins_as_zstd(skippable_frame("") + skippable_frame("12", 13) + zstd_packed("a")));
  EXPECT_TRUE(begins_as_zstd(skippable_frame(std::string(1000, 'x')).substr(0, 512)));
  EXPECT_FALSE(begins_as_zstd(skippable_frame("1234") + "\x04\x22\x4d\x18"));  // lz4 has them too
  EXPECT_FALSE(begins_as_zstd("\x28\xb5\x2f"));
  EXPECT_FALSE(begins_as_zstd(""));
}

TEST(Zstd, FramesOfAllKinds) {
  const std::string text = random_numbers(3'000'000, 1), other = random_numbers(40'000, 2);
  std::string small, small_text, large, large_text;
  for (int i = 0; i < 300; ++i) {
    const std::string some = other.substr(static_cast<size_t>(i) * 100, 1000 + static_cast<size_t>(i));
    small += zstd_packed(some, 1, i % 3 != 0, i % 2 == 0);
    if (i % 50 == 0) small += skippable_frame(some, static_cast<uint32_t>(i / 50));
    small_text += some;
  }
  for (int i = 0; i < 7; ++i) {  // as pzstd writes them, too many at once for the window
    const std::string some = random_numbers(7'000'000, 10 + static_cast<unsigned>(i));
    const std::string frame = zstd_packed(some, 1);
    large += skippable_frame(in_four_bytes(static_cast<uint32_t>(frame.size()))) + frame;
    large_text += some;
  }
  const std::vector<std::pair<std::string, std::string>> files = {
      {"", ""},
      {zstd_packed(""), ""},
      {zstd_packed("a"), "a"},
      {skippable_frame("1234") + skippable_frame(""), ""},
      {zstd_packed(text), text},
      {zstd_packed(text, 1, false), text},  // of an unknown length
      {small, small_text},
      {small + zstd_packed(std::string(30 << 20, 'y'), 1) + small, small_text + std::string(30 << 20, 'y') + small_text},  // one unpacks to much
      {small + zstd_packed(std::string(30 << 20, 'y'), 1, false) + small, small_text + std::string(30 << 20, 'y') + small_text},
      {large, large_text}};
  for (const int helping : {-1, 0, 1, 3}) {
    HelpingThreads helpers(std::max(helping, 0));
    for (size_t i = 0; i < files.size(); ++i) {
      const int64_t step = i % 2 == 0 ? 1000 : 1 << 20;
      EXPECT_TRUE(all_of(ZstdReader(in_steps(files[i].first, i < 4 ? 1 : 100'000), helping < 0 ? nullptr : &helpers.spare), step) == files[i].second) << "file " << i << ", " << helping << " helpers";
    }
  }
}

/// Damage wherever it is: an Error with its place, behind bytes of the file and never others; the same with help and without.
TEST(Zstd, CutOffAndDamaged) {
  const std::string text = random_numbers(200'000, 3), frame = zstd_packed(text);
  const std::string good = skippable_frame("1234") + frame + skippable_frame("") + frame + zstd_packed(text, 1, false), all = text + text + text;
  std::mt19937 random(4);
  for (int i = 0; i < 60; ++i) {
    std::string file = good;
    const size_t at = i < 6 ? static_cast<size_t>(i) : random() % good.size();
    const bool cut = i % 2 == 0;
    if (cut) {
      file.resize(at);
    } else {
      file[at] = static_cast<char>(file[at] ^ 1 << (random() % 8));
    }
    std::string error, alone_error;
    const std::string alone = all_of(ZstdReader(read_text(file)), 50'000, &alone_error);
    for (const int helping : {0, 2}) {
      HelpingThreads helpers(helping);
      EXPECT_TRUE(all_of(ZstdReader(read_text(file), &helpers.spare), 50'000, &error) == alone) << at;
      EXPECT_EQ(error, alone_error);
    }
    if (cut) {
      EXPECT_TRUE(all.starts_with(alone)) << at;
      EXPECT_EQ(alone_error.empty(), at == 0);
      EXPECT_EQ(alone_error.find(" at byte ") == std::string::npos, at == 0) << alone_error;
    } else if (alone_error.empty()) {
      EXPECT_TRUE(alone == all) << at;  // in bytes that hold nothing
    }
  }
  std::string error;
  EXPECT_EQ(all_of(ZstdReader(read_text(frame + "more")), 1 << 20, &error), text);
  EXPECT_EQ(error, cat("zstd: the file ends inside a header, in the frame at byte ", frame.size(), " of the packed file"));
  EXPECT_EQ(all_of(ZstdReader(read_text(frame + "and more")), 1 << 20, &error), text);
  EXPECT_EQ(error, cat("zstd: what follows a frame is none, at byte ", frame.size(), " of the packed file"));
}

/// A window so wide is memory that we do not give, whoever unpacks the frame.
TEST(Zstd, WideWindows) {
  const std::string wide = zstd_packed("abc", 1, true, false, 27), text = random_numbers(1000, 5);
  std::string file = zstd_packed(text) + zstd_packed(text, 1, false, false, 27);
  const size_t at = zstd_packed(text).size();
  EXPECT_EQ(all_of(ZstdReader(read_text(wide)), 100), "abc");
  ASSERT_EQ(file[at + 5], static_cast<char>(17 << 3));  // 2^27
  EXPECT_EQ(all_of(ZstdReader(read_text(file)), 100), text + text);
  file[at + 5] = static_cast<char>(17 << 3 | 1);
  for (const int helping : {-1, 2}) {
    HelpingThreads helpers(std::max(0, helping));
    std::string error;
    EXPECT_EQ(all_of(ZstdReader(read_text(file), helping < 0 ? nullptr : &helpers.spare), 100, &error), text);
    EXPECT_EQ(error, cat("zstd: a window of 150994944 bytes is wanted, more than 134217728 (unpack it with zstd --long=31 first), in the frame at byte ", at, " of the packed file"));
  }
}

/// As in web archives: https://iipc.github.io/warc-specifications/specifications/warc-zstd/
TEST(Zstd, ADictionaryInFront) {
  std::string samples;
  std::vector<size_t> sizes;
  std::vector<std::string> records;
  for (unsigned i = 0; i < 400; ++i) {
    records.push_back("WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: https://example.org/" + random_numbers(100, i) + "\r\n");
    samples += records.back();
    sizes.push_back(records.back().size());
  }
  std::string dictionary(4096, '\0');
  const size_t made = ZDICT_trainFromBuffer(dictionary.data(), dictionary.size(), samples.data(), sizes.data(), static_cast<unsigned>(sizes.size()));
  ASSERT_EQ(ZDICT_isError(made), 0u);
  dictionary.resize(made);
  ZSTD_CCtx* context = ZSTD_createCCtx();
  std::string frames;
  for (const std::string& record : records) {
    std::string out(ZSTD_compressBound(record.size()), '\0');
    out.resize(ZSTD_compress_usingDict(context, out.data(), out.size(), record.data(), record.size(), dictionary.data(), dictionary.size(), 3));
    frames += out;
  }
  ZSTD_freeCCtx(context);
  for (const int helping : {-1, 0, 2}) {
    HelpingThreads helpers(std::max(0, helping));
    for (const std::string& front : {skippable_frame(dictionary, 13), skippable_frame(zstd_packed(dictionary), 13)}) {
      EXPECT_TRUE(all_of(ZstdReader(in_steps(front + frames, 777), helping < 0 ? nullptr : &helpers.spare), 1000) == samples);
    }
  }
  std::string error;
  EXPECT_EQ(all_of(ZstdReader(read_text(frames)), 1000, &error), "");
  EXPECT_NE(error.find("Dictionary mismatch, in the frame at byte 0 "), std::string::npos) << error;
  all_of(ZstdReader(read_text(skippable_frame(dictionary, 13).substr(0, 1000))), 1000, &error);
  EXPECT_NE(error.find("inside a dictionary, in the frame at byte 0 "), std::string::npos) << error;
  all_of(ZstdReader(read_text(in_four_bytes(0x184D2A5D) + in_four_bytes(0xFFFFFFFF) + frames)), 1000, &error);
  EXPECT_NE(error.find("a dictionary of 4294967295 bytes"), std::string::npos) << error;
}

}  // namespace
}  // namespace loam
