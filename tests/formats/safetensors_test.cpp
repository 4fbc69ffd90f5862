// safetensors: there and back, every header that lies, and headers made to take time or memory.
#include "loam/formats/safetensors.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/base/memory.h"
#include "loam/base/progress.h"

namespace loam {
namespace {

fs::path header_file(const std::string& name) { return fs::path(testing::TempDir()) / ("loam_" + name); }

std::string framed(const std::string& header, const std::string& data = "") {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), 8) + header + data;
}
std::string entry(const std::string& name, const std::string& shape, int64_t begin, int64_t end, const std::string& dtype = "F32") {
  return "\"" + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":[)" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

void expect_header_refused(const std::string& bytes, const std::string& why) {
  write_file(header_file("bad.safetensors"), bytes);
  try {
    SafetensorsFile in(header_file("bad.safetensors"));
    ADD_FAILURE() << "not refused: " << why;
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("bad.safetensors"), std::string::npos) << e.what();
  }
}

TEST(Safetensors, EmptyAndScalarTensorsAreLegal) {
  const std::string header = R"({"__metadata__":{"format":"pt","note":"x"},)" + entry("b", "[]", 0, 4) + "," + entry("empty", "[0,3]", 4, 4) + "," + entry("a", "[2]", 4, 12) + "}  ";
  write_file(header_file("legal.safetensors"), framed(header, std::string(12, 'x')));
  const SafetensorsFile in(header_file("legal.safetensors"));
  ASSERT_EQ(in.tensors().size(), 3u);
  EXPECT_EQ(in.tensors()[0].count(), 1);
  EXPECT_EQ(in.tensors()[1].count(), 0);
  EXPECT_EQ(in.bytes(in.tensors()[2]).size(), 8u);
  write_file(header_file("legal.safetensors"), framed("{}"));
  EXPECT_TRUE(SafetensorsFile(header_file("legal.safetensors")).tensors().empty());
}

TEST(Safetensors, RefusesHeadersThatLie) {
  const std::string data(8, '\0'), all_ones(8, '\xff');
  expect_header_refused("", "0 bytes; the header's length alone takes 8");
  expect_header_refused("1234567", "7 bytes");
  expect_header_refused(all_ones + "{}", "its header says 18446744073709551615 bytes, the file has 10");
  expect_header_refused(framed("{}").substr(0, 9), "its header says 2 bytes, the file has 9");
  expect_header_refused(std::string("\x00\xe1\xf5\x06\0\0\0\0", 8) + "{}", "its header says 116777216 bytes");
  expect_header_refused(framed(""), "does not begin with '{'");
  expect_header_refused(framed("[]"), "does not begin with '{'");
  expect_header_refused(framed(" {}"), "does not begin with '{'");
  expect_header_refused(framed("{\xff\xff}"), "not valid JSON");
  expect_header_refused(framed(R"({"a":)"), "not valid JSON");
  expect_header_refused(framed("{} {}"), "not valid JSON");
  expect_header_refused(framed(R"({"a":1})"), "\"a\" is 1, not an object");
  expect_header_refused(framed(R"({"a":[]})"), "\"a\" is a list");
  expect_header_refused(framed(R"({"__metadata__":{"a":{}}})"), "its __metadata__ holds an object, not texts alone");
  expect_header_refused(framed(R"({"__metadata__":{"a":3}})"), "its __metadata__ holds 3");
  expect_header_refused(framed("{" + std::string(100'000, '[')), "not valid JSON");
  expect_header_refused(framed(R"({"a":)" + std::string(200'000, '[') + std::string(200'000, ']') + "}"), "\"a\" is a list");
  expect_header_refused("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 4096\n", "git lfs pull");
}

TEST(Safetensors, RefusesEntriesThatLie) {
  const std::string data(8, '\0');
  const auto one = [&](const std::string& inside, const std::string& why) { expect_header_refused(framed("{\"w\":{" + inside + "}}", data), "tensor w: " + why); };
  one(R"("shape":[2],"data_offsets":[0,8])", "\"dtype\" is missing");
  one(R"("dtype":"F32","data_offsets":[0,8])", "\"shape\" is missing");
  one(R"("dtype":"F32","shape":[2])", "\"data_offsets\" is missing");
  one(R"("dtype":"Q4","shape":[2],"data_offsets":[0,8])", "dtype \"Q4\" is none of the format's");
  one(R"("dtype":7,"shape":[2],"data_offsets":[0,8])", "\"dtype\" is 7");
  one(R"("dtype":"F32","shape":2,"data_offsets":[0,8])", "\"shape\" is 2");
  one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])", "its shape holds -2");
  one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])", "its shape holds 2.0");
  one(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])", "its shape holds a list");
  one(R"("dtype":"F32","shape":["2"],"data_offsets":[0,8])", "its shape holds a text");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[0])", "\"data_offsets\" is not a pair");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])", "\"data_offsets\" is not a pair");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])", "its offsets span -8 bytes, its shape wants 8");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])", "its offsets span 4 bytes, its shape wants 8");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615])", "an offset is 18446744073709551615, over 2^63 - 1");
  one(R"("dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,0])", "its shape overflows 64 bits");
  one(R"("dtype":"F32","shape":[18446744073709551615],"data_offsets":[0,0])", "its shape holds 18446744073709551615, over 2^63 - 1");
  one(R"("dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8])", "\"dtype\" is there twice");
  one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"code":"x")", "it has a member \"code\"");
  std::string dims = "[0";
  for (int i = 0; i < 64; ++i) dims += ",0";
  one(R"("dtype":"F32","shape":)" + dims + R"(],"data_offsets":[0,0])", "it has over 64 dimensions");
}

TEST(Safetensors, RefusesTensorsThatDoNotCoverTheData) {
  const std::string data(16, '\0');
  expect_header_refused(framed("{" + entry("a", "[2]", 0, 8) + "," + entry("a", "[2]", 8, 16) + "}", data), "names a twice");
  expect_header_refused(framed("{" + entry("a", "[4]", 0, 16) + "," + entry("b", "[2]", 8, 16) + "}", data), "tensor b begins at byte 8 of the data, the one before it ends at 16: they overlap");
  expect_header_refused(framed("{" + entry("a", "[4]", 0, 16) + "," + entry("b", "[4]", 0, 16) + "}", data), "they overlap");
  expect_header_refused(framed("{" + entry("a", "[1]", 0, 4) + "," + entry("b", "[2]", 8, 16) + "}", data), "tensor b begins at byte 8 of the data, the one before it ends at 4: between them is a hole");
  expect_header_refused(framed("{" + entry("a", "[2]", 8, 16) + "}", data), "tensor a begins at byte 8");
  expect_header_refused(framed("{" + entry("a", "[2]", 0, 8) + "}", data), "its tensors take 8 bytes, the file holds 16: the rest belongs to none");
  expect_header_refused(framed("{" + entry("a", "[2]", 0, 8) + "," + entry("b", "[3]", 8, 20) + "}", data), "tensor b wants bytes 8 to 20 of the data, the file holds 16 (cut off, or not whole)");
}

TEST(Safetensors, EveryCutIsRefused) {
  const std::string whole = framed("{" + entry("a", "[2]", 0, 8) + "}", "12345678");
  for (size_t n = 0; n < whole.size(); ++n) {
    write_file(header_file("cut.safetensors"), whole.substr(0, n));
    EXPECT_THROW(SafetensorsFile(header_file("cut.safetensors")), Error) << n;
  }
}

TEST(Safetensors, ManyTensorsTakeNoMoreThanSortingThem) {
  // A million entries on the same bytes, as the format's own "attempts of abuse" have it; and as many good ones.
  std::string same = "{", good = "{";
  for (int i = 0; i < 200'000; ++i) {
    same += (i > 0 ? "," : "") + entry("t" + std::to_string(i), "[2]", 0, 8);
    good += (i > 0 ? "," : "") + entry("t" + std::to_string(i), "[0]", 0, 0);
  }
  const double began = seconds_now();
  expect_header_refused(framed(same + "}", std::string(8, 'x')), "they overlap");
  write_file(header_file("good.safetensors"), framed(good + "}"));
  EXPECT_EQ(SafetensorsFile(header_file("good.safetensors")).tensors().size(), 200'000u);
  EXPECT_LT(seconds_now() - began, 20);  // a second here; a look at all the others for each would take hours
}

}  // namespace
}  // namespace loam
