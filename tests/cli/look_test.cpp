#include "cli/look.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/gguf.h"
#include "loam/formats/safetensors.h"

namespace loam {
namespace {

class LookAt : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-look-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    make_folder(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string kind(const std::string& name, const std::string& bytes) {
    write_file(folder_ / name, bytes);
    return look_at(folder_ / name).json["kind"];
  }
  fs::path folder_;
};

TEST_F(LookAt, FilesSayWhatTheyAre) {
  EXPECT_EQ(kind("a.txt", "two\nlines\n"), "text");
  EXPECT_EQ(kind("a.bin", std::string("\0\1\2\3", 4)), "binary");
  EXPECT_EQ(kind("a.jsonl", "{\"a\":1}\n{\"a\":2}\n"), "rows");
  EXPECT_EQ(kind("a.csv", "a,b\n1,2\n"), "rows");
  EXPECT_EQ(kind("a.json", " [{\"a\":1}]"), "rows");
  EXPECT_EQ(kind("b.json", "{\"a\":1}"), "json");
  EXPECT_EQ(kind("empty", ""), "text");
}

TEST_F(LookAt, WeightsHaveShapes) {
  SafetensorsWriter out(folder_ / "model.safetensors", {{"w", "F32", {2, 3}}, {"b", "F32", {3}}});
  const std::vector<float> numbers(9, 1.0f);
  out.write(numbers.data(), 36);
  out.commit();
  write_file(folder_ / "config.json", "{\"model_type\":\"gpt2\"}");
  const Look folder = look_at(folder_);
  EXPECT_EQ(folder.json["kind"], "model folder");
  EXPECT_EQ(folder.json["numbers"], 9);
  ASSERT_EQ(folder.json["weights"].size(), 2u);
  EXPECT_EQ(folder.json["weights"][0]["shape"], (std::vector<int64_t>{2, 3}));
}

TEST_F(LookAt, GgufShowsItsHeader) {
  GgufWriter out(folder_ / "m.gguf", {{"general.architecture", std::string("llama")}, {"general.name", std::string("caf\xff")}, {"long", std::string(1000, 'x')}, {"llama.block_count", int64_t{3}},
                                      {"tokenizer.ggml.tokens", std::vector<std::string>{"a", "b"}}},
                 {{"w", {2, 32}, GgmlType::q8_0}});
  const std::vector<char> blocks(68);
  out.write(blocks.data(), 68);
  out.commit();
  const Look look = look_at(folder_ / "m.gguf");
  EXPECT_EQ(look.json["kind"], "GGUF");
  EXPECT_EQ(look.json["metadata"]["llama.block_count"], 3);
  EXPECT_EQ(look.json["metadata"]["general.name"], "caf?");
  EXPECT_EQ(look.json["metadata"]["tokenizer.ggml.tokens"], "2 values");
  EXPECT_LT(look.json["metadata"]["long"].get<std::string>().size(), 300u);
  EXPECT_EQ(look.json["weights"], parse_json(R"([{"name":"w","dtype":"Q8_0","shape":[2,32]}])", "test"));
  EXPECT_EQ(look.json["numbers"], 64);
  EXPECT_EQ(look.json["sha256"].get<std::string>().size(), 64u);
}

TEST_F(LookAt, WhatIsOverAGigabyteIsNotHashed) {
  SafetensorsWriter out(folder_ / "s.safetensors", {{"w", "F32", {2}}});
  const float two[2] = {1, 2};
  out.write(two, 8);
  out.commit();
  EXPECT_TRUE(look_at(folder_ / "s.safetensors").json["sha256"].is_string());
  write_file(folder_ / "big.bin", std::string("\0\1\2", 3));
  fs::resize_file(folder_ / "big.bin", (uintmax_t{1} << 30) + 1);  // a hole, no bytes on the disk
  const Look look = look_at(folder_ / "big.bin");
  EXPECT_TRUE(look.json["sha256"].is_null());
  EXPECT_NE(look.lines.back().find("not hashed"), std::string::npos);
}

TEST_F(LookAt, FoldersSayWhatTheyHold) {
  EXPECT_EQ(look_at(folder_).json["kind"], "folder");
  make_folder(folder_ / "begun/state");
  EXPECT_EQ(look_at(folder_ / "begun").json["kind"], "unfinished");
  write_file(folder_ / "run.json", "{\"title\":\"T\",\"order\":[\"a\",\"b\"],\"sections\":{\"a\":{\"verb\":\"collect\",\"content\":\"abc\",\"seconds\":2}}}");
  const Look run = look_at(folder_);
  EXPECT_EQ(run.json["kind"], "run");
  EXPECT_EQ(run.json["sections"][0]["finished"], true);
  EXPECT_EQ(run.json["sections"][1]["finished"], false);
  EXPECT_THROW(look_at(folder_ / "none"), Error);
}

TEST_F(LookAt, DamagedFilesAreRefusedNotGuessed) {
  write_file(folder_ / "x.safetensors", "short");
  EXPECT_THROW(look_at(folder_ / "x.safetensors"), Error);
  write_file(folder_ / "x.gguf", std::string("GGUF\3\0\0\0", 8));
  EXPECT_THROW(look_at(folder_ / "x.gguf"), Error);
  write_file(folder_ / "x.json", "{\"a\":");
  EXPECT_THROW(look_at(folder_ / "x.json"), Error);
}

}  // namespace
}  // namespace loam
