// GGUF: there and back, every number type against values by hand, and headers that lie.
#include "loam/formats/gguf.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/random.h"

namespace loam {
namespace {

fs::path file(const std::string& name) { return fs::path(testing::TempDir()) / ("loam_" + name); }

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}
std::string counted(const std::string& s) { return raw<uint64_t>(s.size()) + s; }
std::string head(uint64_t tensors, uint64_t pairs, uint32_t version = 3) { return "GGUF" + raw(version) + raw(tensors) + raw(pairs); }
std::string tensor(const std::string& name, const std::vector<uint64_t>& dims, uint32_t type, uint64_t offset) {
  std::string out = counted(name) + raw(static_cast<uint32_t>(dims.size()));
  for (const uint64_t d : dims) out += raw(d);
  return out + raw(type) + raw(offset);
}

TEST(Gguf, ThereAndBack) {
  const std::vector<float> values = {1, -2.5f, 3e-9f, 4, 5, 6};
  {
    GgufWriter out(file("there.gguf"), {{"general.architecture", std::string("llama")}, {"n", int64_t{7}}, {"x", 0.5}, {"yes", true},
                                        {"words", std::vector<std::string>{"a", ""}}, {"kinds", std::vector<int64_t>{1, -2}}, {"scores", std::vector<double>{0.25}}},
                   {{"a", {2, 3}, GgmlType::f32, 0, 0}, {"b", {2}, GgmlType::f32, 0, 0}});
    out.write(values.data(), 24);
    out.write(values.data(), 8);
    out.commit();
  }
  const GgufFile in(file("there.gguf"));
  EXPECT_EQ(in.version(), 3);
  EXPECT_EQ(in.text("general.architecture"), "llama");
  EXPECT_EQ(in.integer("n"), 7);
  EXPECT_EQ(in.number("x", 0), 0.5);
  EXPECT_TRUE(in.boolean("yes", false));
  EXPECT_EQ(in.texts("words"), (std::vector<std::string>{"a", ""}));
  EXPECT_EQ(in.integers("kinds"), (std::vector<int64_t>{1, -2}));
  EXPECT_EQ(in.numbers("scores"), (std::vector<double>{0.25}));
  EXPECT_EQ(in.integer("absent", 9), 9);
  EXPECT_THROW(in.integer("absent"), Error);
  EXPECT_THROW(in.integer("x", 0), Error);
  ASSERT_EQ(in.tensors().size(), 2u);
  EXPECT_EQ(in.find("a")->shape, (std::vector<int64_t>{2, 3}));
  std::vector<float> back(6);
  to_floats(GgmlType::f32, in.bytes(*in.find("a")), back);
  EXPECT_EQ(back, values);
}

void expect_refused(const std::string& bytes, const std::string& why) {
  write_file(file("bad.gguf"), bytes);
  try {
    GgufFile in(file("bad.gguf"));
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("bad.gguf"), std::string::npos) << e.what();
  }
}

TEST(Gguf, VersionTwoIsLaidOutAlike) {
  std::string bytes = head(1, 1, 2) + counted("general.name") + raw<uint32_t>(8) + counted("two") + tensor("w", {4}, 0, 0);
  bytes.resize((bytes.size() + 31) / 32 * 32);
  for (const float x : {1.0f, -2.0f, 0.5f, 3.0f}) bytes += raw(x);
  write_file(file("two.gguf"), bytes);
  const GgufFile in(file("two.gguf"));
  EXPECT_EQ(in.version(), 2);
  EXPECT_EQ(in.text("general.name"), "two");
  std::vector<float> values(4);
  to_floats(GgmlType::f32, in.bytes(in.tensors().front()), values);
  EXPECT_EQ(values, (std::vector<float>{1.0f, -2.0f, 0.5f, 3.0f}));
}

TEST(Gguf, RefusesHeadersThatLie) {
  const std::string data(64, '\0');
  expect_refused("", "no GGUF file");
  expect_refused("GGML" + std::string(40, '\0'), "no GGUF file");
  expect_refused(head(0, 0, 1), "GGUF version 1");
  expect_refused(head(0, 0, 0x03000000), "big-endian");
  expect_refused(head(~uint64_t{0}, 0), "18446744073709551615 tensors");
  expect_refused(head(0, ~uint64_t{0}), "pairs of metadata");
  expect_refused(head(0, 1) + raw<uint64_t>(1ull << 40) + data, "bytes wanted");
  expect_refused(head(0, 1) + counted("k") + raw<uint32_t>(99) + data, "type 99 is unknown");
  expect_refused(head(0, 1) + counted("k") + raw<uint32_t>(9) + raw<uint32_t>(9) + data, "list of lists");
  expect_refused(head(0, 1) + counted("k") + raw<uint32_t>(9) + raw<uint32_t>(8) + raw<uint64_t>(1ull << 60) + data, "texts of a list");
  expect_refused(head(0, 1) + counted("k") + raw<uint32_t>(9) + raw<uint32_t>(4) + raw<uint64_t>(1ull << 62) + data, "numbers of a list");
  expect_refused(head(0, 2) + counted("k") + raw<uint32_t>(4) + raw<uint32_t>(1) + counted("k") + raw<uint32_t>(4) + raw<uint32_t>(1) + data, "there twice");
  expect_refused(head(0, 1) + counted("general.alignment") + raw<uint32_t>(4) + raw<uint32_t>(0) + data, "general.alignment is 0");
  expect_refused(head(0, 1) + counted("general.alignment") + raw<uint32_t>(4) + raw<uint32_t>(33) + data, "general.alignment is 33");
}

TEST(Gguf, RefusesTensorsThatDoNotFit) {
  const std::string data(128, '\0');
  expect_refused(head(1, 0) + tensor("w", {8, 8, 8, 8, 8}, 0, 0) + data, "5 dimensions");
  expect_refused(head(1, 0) + tensor("w", {1ull << 40, 1ull << 40}, 0, 0) + data, "overflows 64 bits");
  expect_refused(head(1, 0) + tensor("w", {8}, 77, 0) + data, "type is number 77");
  expect_refused(head(1, 0) + tensor("w", {33}, 8, 0) + data, "multiple of Q8_0's block of 32");
  expect_refused(head(1, 0) + tensor("w", {8}, 0, 5) + data, "its offset 5");
  expect_refused(head(1, 0) + tensor("w", {4096}, 0, 0) + data, "tensor w wants 16384 bytes");
  expect_refused(head(2, 0) + tensor("w", {8}, 0, 0) + tensor("v", {16}, 0, 0) + data, "inside another");
  expect_refused(head(2, 0) + tensor("w", {8}, 0, 0) + tensor("w", {8}, 0, 32) + data, "tensor w is there twice");
  expect_refused(head(1, 0) + tensor("", {8}, 0, 0) + data, "its name has 0 bytes");
  expect_refused(head(1, 0) + tensor("w", {8}, 0, 32) + data, "tensor w begins at byte 32 of the data, the one before it ends at 0: between them is a hole");
  expect_refused(head(2, 0) + tensor("w", {4}, 0, 0) + tensor("v", {4}, 0, 64) + data, "tensor v begins at byte 64 of the data, the one before it ends at 16");
  expect_refused(head(1, 0) + tensor("w", {0, 1ull << 40, 1ull << 40}, 0, 0) + data, "tensor w: its shape overflows 64 bits");  // seen from the other end
  expect_refused(head(1, 0) + tensor("w", {~uint64_t{0}}, 0, 0) + data, "tensor w: its shape overflows 64 bits");
  expect_refused(head(1, 0) + tensor("w", {8}, 0, 1ull << 63) + data, "tensor w: its offset");
  expect_refused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4096\n", "git lfs pull");
}

TEST(Gguf, ManyOfEverythingIsRefusedBeforeItTakesMemory) {
  std::string pairs = head(0, (1 << 16) + 1);
  for (int i = 0; i <= 1 << 16; ++i) pairs += counted("k" + std::to_string(i)) + raw<uint32_t>(0) + std::string(1, 'x');
  expect_refused(pairs, "65537 pairs of metadata");
  const uint64_t half = (1 << 24) + 1;  // bytes that would be eight times as many in memory
  const std::string list = raw<uint32_t>(9) + raw<uint32_t>(0) + raw(half) + std::string(half, 'x');
  expect_refused(head(0, 2) + counted("a") + list + counted("b") + list, "metadata b: its lists hold over 33554432 values");
}

TEST(Gguf, ManyTensorsAreFoundQuickly) {
  constexpr uint64_t kMany = 100'000;
  std::string bytes = head(kMany, 0);
  for (uint64_t i = 0; i < kMany; ++i) bytes += tensor("t" + std::to_string(i), {0}, 0, 0);
  bytes.resize((bytes.size() + 31) / 32 * 32);
  write_file(file("many.gguf"), bytes);
  const GgufFile in(file("many.gguf"));
  for (uint64_t i = 0; i < kMany; ++i) ASSERT_NE(in.find("t" + std::to_string(i)), nullptr);
  EXPECT_EQ(in.find("t"), nullptr);
}

TEST(Gguf, EveryCutIsRefusedOrWhole) {
  const std::string whole = head(1, 1) + counted("key") + raw<uint32_t>(8) + counted("value") + tensor("w", {8}, 0, 0);
  for (size_t n = 0; n < whole.size(); ++n) {
    write_file(file("cut.gguf"), whole.substr(0, n));
    EXPECT_THROW(GgufFile(file("cut.gguf")), Error) << n;
  }
}

// ---- number types ----

std::vector<std::byte> bytes_of(const std::string& s) {
  std::vector<std::byte> out(s.size());
  std::memcpy(out.data(), s.data(), s.size());
  return out;
}
std::vector<float> floats(GgmlType type, const std::string& block, size_t n) {
  std::vector<float> out(n);
  to_floats(type, bytes_of(block), out);
  return out;
}
const std::string kHalf2 = raw<uint16_t>(0x4000), kHalfHalf = raw<uint16_t>(0x3800);  // 2 and 0.5

TEST(GgmlTypes, BlocksByHand) {
  std::string q(16, '\0');
  q[0] = 0x71;  // numbers 0 and 16: levels 1 and 7
  auto x = floats(GgmlType::q4_0, kHalf2 + q, 32);
  EXPECT_EQ(x[0], 2.0f * (1 - 8));
  EXPECT_EQ(x[16], 2.0f * (7 - 8));
  EXPECT_EQ(x[1], -16.0f);
  x = floats(GgmlType::q4_1, kHalf2 + kHalfHalf + q, 32);
  EXPECT_EQ(x[0], 2.5f);
  EXPECT_EQ(x[16], 14.5f);
  std::string high(4, '\0');
  high[2] = 1;  // the fifth bit of number 16
  x = floats(GgmlType::q5_0, kHalf2 + high + q, 32);
  EXPECT_EQ(x[0], 2.0f * (1 - 16));
  EXPECT_EQ(x[16], 2.0f * (23 - 16));
  x = floats(GgmlType::q5_1, kHalf2 + kHalfHalf + high + q, 32);
  EXPECT_EQ(x[16], 46.5f);
  std::string q8(32, '\0');
  q8[3] = static_cast<char>(-5);
  EXPECT_EQ(floats(GgmlType::q8_0, kHalf2 + q8, 32)[3], -10.0f);
}

TEST(GgmlTypes, SuperBlocksByHand) {
  std::string k(144, '\0');
  std::memcpy(k.data(), (kHalf2 + kHalfHalf).data(), 4);
  k[4 + 1] = 3;                             // scale of group 1
  k[4 + 5] = 4;                             // its minimum
  k[4 + 8 + 2] = 0x21;                      // low bits of group 6: scale 1, minimum 2
  k[4 + 2] = static_cast<char>(2 << 6);     // high bits of its scale: 32 more
  k[4 + 6] = static_cast<char>(1 << 6);     // of its minimum: 16 more
  k[16 + 0] = 0x50;                         // number 32: level 5
  k[16 + 3 * 32 + 1] = 0x07;                // number 193, in group 6: level 7
  auto x = floats(GgmlType::q4_k, k, 256);
  EXPECT_EQ(x[32], 2.0f * 3 * 5 - 0.5f * 4);
  EXPECT_EQ(x[193], 2.0f * 33 * 7 - 0.5f * 18);
  EXPECT_EQ(x[0], 0.0f);
  std::string six(210, '\0');
  std::memcpy(six.data() + 208, kHalf2.data(), 2);
  six[192 + 2] = static_cast<char>(-3);  // scale of numbers 32 to 47
  six[32 + 1] = 0x09;                    // low nibble of number 33
  six[128 + 1] = 0x08;                   // its high bits: 2
  x = floats(GgmlType::q6_k, six, 256);
  EXPECT_EQ(x[33], 2.0f * -3 * (9 + 32 - 32));
  EXPECT_EQ(x[32], 2.0f * -3 * -32);
}

TEST(GgmlTypes, WritingKeepsWithinTheTypesStep) {
  std::vector<float> x(1024);
  for (size_t i = 0; i < x.size(); ++i) x[i] = 0.1f * normal01(3, i);
  const auto error_of = [&](GgmlType type) {
    const auto bytes = from_floats(type, x);
    std::vector<float> back(x.size());
    to_floats(type, bytes, back);
    double sum = 0, whole = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += std::pow(static_cast<double>(back[i] - x[i]), 2), whole += std::pow(static_cast<double>(x[i]), 2);
    return std::sqrt(sum / whole);
  };
  EXPECT_EQ(error_of(GgmlType::f32), 0);
  EXPECT_LT(error_of(GgmlType::f16), 4e-4);
  EXPECT_LT(error_of(GgmlType::bf16), 3e-3);
  EXPECT_LT(error_of(GgmlType::q8_0), 0.008);
  EXPECT_LT(error_of(GgmlType::q6_k), 0.022);
  EXPECT_LT(error_of(GgmlType::q4_k), 0.1);
  EXPECT_LT(error_of(GgmlType::q4_1), 0.1);
  EXPECT_LT(error_of(GgmlType::q4_0), 0.11);
}

TEST(GgmlTypes, ZerosStayZeros) {
  const std::vector<float> zeros(256, 0.0f);
  for (const auto type : {GgmlType::q8_0, GgmlType::q4_0, GgmlType::q4_1, GgmlType::q4_k, GgmlType::q6_k}) {
    std::vector<float> back(256, 1.0f);
    to_floats(type, from_floats(type, zeros), back);
    EXPECT_EQ(back, zeros);
  }
}

TEST(GgmlTypes, RefusesWhatIsNoNumber) {
  const std::string nan_scale = raw<uint16_t>(0x7e00) + std::string(32, '\0');
  EXPECT_THROW(floats(GgmlType::q8_0, nan_scale, 32), Error);
  std::vector<float> x(32, 1.0f);
  x[7] = INFINITY;
  EXPECT_THROW(from_floats(GgmlType::q8_0, x), Error);
}

TEST(GgmlTypes, HalvesRoundToNearestEven) {
  for (uint32_t h = 0; h < 0x10000; ++h) {
    const float x = half_to_float(static_cast<uint16_t>(h));
    if (std::isnan(x)) continue;
    ASSERT_EQ(float_to_half(x), h);
  }
  EXPECT_EQ(float_to_half(1.0f + 0x1p-11f), 0x3c00);           // halfway: to even
  EXPECT_EQ(float_to_half(1.0f + 3 * 0x1p-11f), 0x3c02);
  EXPECT_EQ(float_to_half(65519.0f), 0x7bff);
  EXPECT_EQ(float_to_half(65520.0f), 0x7c00);
  EXPECT_EQ(float_to_half(0x1p-25f), 0x0000);
  EXPECT_EQ(float_to_half(0x1.8p-25f), 0x0001);
  EXPECT_EQ(float_to_bfloat(1.0f + 0x1p-8f), 0x3f80);
  EXPECT_EQ(float_to_bfloat(1.0f + 3 * 0x1p-8f), 0x3f82);
}

}  // namespace
}  // namespace loam
