// Packed files that are damaged and gone on with: what is whole comes out, whoever unpacks it, and nothing is had twice.
#include <bzlib.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <functional>

#include "loam/base/error.h"
#include "loam/formats/bzip2.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/zstd.h"
#include "tests/support/unpacking.h"

namespace loam {
namespace {

std::string gzipped(const std::string& text) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd_frame(const std::string& text) {
  ZSTD_CCtx* context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress2(context, out.data(), out.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return out;
}

std::string bzip2_stream(const std::string& text) {
  std::string out(text.size() + text.size() / 50 + 1000, '\0');
  auto size = static_cast<unsigned>(out.size());
  EXPECT_EQ(BZ2_bzBuffToBuffCompress(out.data(), &size, const_cast<char*>(text.data()), static_cast<unsigned>(text.size()), 1, 0, 0), BZ_OK);
  out.resize(size);
  return out;
}

/// Everything, with go_on() behind each Error; `errors` gets these.
template <class Reader>
std::string all_whole(Reader in, std::vector<std::string>& errors) {
  std::string out;
  for (;;) {
    std::string error;
    out += all_of(in, 10'000, &error);
    if (error.empty()) return out;
    errors.push_back(error);
    if (errors.size() > 1000) {
      ADD_FAILURE() << "no end";
      return out;
    }
    if (!in.go_on()) return out;
  }
}

struct Format {
  const char* name;
  std::function<std::string(const std::string&)> pack;
  std::function<std::string(ReadBytes, SpareWork*, std::vector<std::string>&)> unpack;
};
void PrintTo(const Format& format, std::ostream* to) { *to << format.name; }
const Format kFormats[] = {
    {"gzip", gzipped, [](ReadBytes packed, SpareWork* spare, std::vector<std::string>& errors) { return all_whole(GzipMembers(std::move(packed), spare, GzipDamage::thrown), errors); }},
    {"zstd", zstd_frame, [](ReadBytes packed, SpareWork* spare, std::vector<std::string>& errors) { return all_whole(ZstdReader(std::move(packed), spare), errors); }},
    {"bzip2", bzip2_stream, [](ReadBytes packed, SpareWork* spare, std::vector<std::string>& errors) { return all_whole(Bzip2Reader(std::move(packed), spare), errors); }}};

class BehindDamage : public testing::TestWithParam<Format> {
 protected:
  /// The same from helped readers and lone ones.
  std::string unpack(const std::string& file, std::vector<std::string>& errors) const {
    const std::string alone = GetParam().unpack(in_steps(file, 70'000), nullptr, errors);
    for (const int helping : {0, 2}) {
      HelpingThreads helpers(helping);
      std::vector<std::string> others;
      EXPECT_TRUE(GetParam().unpack(in_steps(file, 30'000), &helpers.spare, others) == alone) << helping << " helpers";
      EXPECT_EQ(others, errors);
    }
    return alone;
  }
};

TEST_P(BehindDamage, WholePartsComeOut) {
  std::vector<std::string> texts, parts;
  for (unsigned i = 0; i < 9; ++i) {
    texts.push_back("<" + std::to_string(i) + ">" + random_numbers(20'000 + 7'000 * i, i) + "</" + std::to_string(i) + ">");
    parts.push_back(GetParam().pack(texts.back()));
  }
  struct Case {
    const char* what;
    std::vector<size_t> hurt;
    std::string between;      // behind the third part
    size_t cut = 0;           // bytes off the end
    size_t most_errors = 1;
  };
  const Case cases[] = {{"nothing", {}, "", 0, 0},        {"first", {0}, ""},          {"second", {1}, ""},      {"two in a row", {3, 4}, "", 0, 2},
                        {"two apart", {2, 6}, "", 0, 2}, {"all but one", {0, 1, 2, 3, 4, 5, 7, 8}, "", 0, 9}, {"garbage between", {}, random_numbers(3'000, 77), 0, 1}, {"cut off", {}, "", 40, 1}};
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    std::string file, wanted;
    for (size_t i = 0; i < parts.size(); ++i) {
      std::string part = parts[i];
      const bool hurt = std::find(each.hurt.begin(), each.hurt.end(), i) != each.hurt.end();
      if (hurt) part[part.size() / 2] = static_cast<char>(part[part.size() / 2] ^ 0x55);
      if (each.cut > 0 && i + 1 == parts.size()) part.resize(part.size() - each.cut);
      if (!hurt && (each.cut == 0 || i + 1 < parts.size())) wanted += texts[i];
      file += part;
      if (i == 2) file += each.between;
    }
    std::vector<std::string> errors;
    const std::string got = unpack(file, errors);
    // bzip2 lets be what follows a stream and is none.
    if (!each.between.empty() && GetParam().name == std::string("bzip2")) {
      EXPECT_TRUE(got == texts[0] + texts[1] + texts[2]);
      continue;
    }
    // Of a last part that is damaged, what came before the damage follows.
    EXPECT_TRUE(got.starts_with(wanted)) << got.size() << " of " << wanted.size();
    const bool last_hurt = each.cut > 0 || (!each.hurt.empty() && each.hurt.back() == 8);
    if (!last_hurt) {
      EXPECT_EQ(got.size(), wanted.size());
    }
    EXPECT_LE(errors.size(), each.most_errors);
    EXPECT_EQ(errors.empty(), each.most_errors == 0);
    for (const std::string& error : errors) EXPECT_NE(error.find(" at byte "), std::string::npos) << error;
  }
}

/// Any byte hurt: every part that does not hold it comes out whole and once.
TEST_P(BehindDamage, WhereverItIs) {
  std::vector<std::string> texts;
  std::vector<size_t> ends;
  std::string file;
  for (unsigned i = 0; i < 12; ++i) {
    texts.push_back("<" + std::to_string(i) + ">" + random_numbers(9'000, i) + "</" + std::to_string(i) + ">");
    file += GetParam().pack(texts.back());
    ends.push_back(file.size());
  }
  std::mt19937 random(8);
  for (int round = 0; round < 60; ++round) {
    std::string hurt = file;
    const size_t at = random() % (ends.back() - 10);
    hurt[at] = static_cast<char>(hurt[at] ^ (1 << random() % 8));
    std::vector<std::string> errors;
    const std::string got = unpack(hurt, errors);
    const size_t part = static_cast<size_t>(std::upper_bound(ends.begin(), ends.end(), at) - ends.begin());
    // What follows a bzip2 stream and does not begin as one is let be: a hurt header ends the file.
    const bool header = GetParam().name == std::string("bzip2") && part > 0 && at - ends[part - 1] < 4;
    size_t from = 0;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (i == part || (header && i > part)) continue;
      const size_t found = got.find(texts[i], from);
      ASSERT_NE(found, std::string::npos) << "part " << i << ", byte " << at << " of part " << part;
      from = found + texts[i].size();
    }
    EXPECT_LE(got.size(), 12 * 9'100u);
  }
}

/// Blocks of one stream stand for themselves.
TEST(BehindDamageOf, BlocksOfBzip2) {
  std::string text = random_numbers(1'000'000, 5), file = bzip2_stream(text);
  file[file.size() / 2] = static_cast<char>(file[file.size() / 2] ^ 0x10);
  std::vector<std::string> errors;
  const std::string got = all_whole(Bzip2Reader(read_text(file)), errors);
  EXPECT_EQ(errors.size(), 1u);
  EXPECT_GE(got.size(), 890'000u);  // a block is 100,000 bytes
  size_t same = 0;
  while (same < got.size() && got[same] == text[same]) ++same;
  EXPECT_TRUE(text.ends_with(got.substr(same)));
}

/// A member longer than is unpacked in one go: what follows it comes out, though its damage was met late.
TEST(BehindDamageOf, ALongMemberOfGzip) {
  const std::string longer = random_numbers(20'000'000, 5), behind = "<" + random_numbers(30'000, 6) + ">";
  std::string first = gzipped(longer);
  for (size_t at = first.size() - 200'000; at < first.size() - 100'000; at += 997) first[at] = static_cast<char>(first[at] ^ 0x33);
  std::vector<std::string> errors;
  const std::string got = all_whole(GzipMembers(read_text(first + gzipped(behind)), nullptr, GzipDamage::thrown), errors);
  EXPECT_TRUE(got.ends_with(behind));
  EXPECT_GE(errors.size(), 1u);
  EXPECT_TRUE(got.starts_with(longer.substr(0, 15'000'000)));
}

/// Packed files inside a packed file are not taken for what follows it.
TEST(BehindDamageOf, NotWhatStandsInside) {
  const std::string inside = gzipped(random_numbers(50'000, 9));
  std::string outer = gzipped(random_numbers(100'000, 1) + inside + random_numbers(100'000, 2) + inside + random_numbers(100'000, 3));
  outer[outer.size() - 5] = static_cast<char>(outer[outer.size() - 5] ^ 1);  // of its length
  std::vector<std::string> errors;
  const std::string got = all_whole(GzipMembers(read_text(outer), nullptr, GzipDamage::thrown), errors);
  EXPECT_EQ(errors.size(), 1u);
  EXPECT_TRUE(got.starts_with(random_numbers(100'000, 1)));
}

INSTANTIATE_TEST_SUITE_P(Formats, BehindDamage, testing::ValuesIn(kFormats), [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace loam
