// Other programs' files: ids as theirs, files as they went in, and clear words for what is damaged.
#include "loam/text/tokenizer_formats.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/real_data.h"

namespace loam {
namespace {

TokenizerParts small_with(const std::string& pattern) {
  TokenizerParts parts;
  for (int b = 0; b < 256; ++b) parts.tokens.emplace_back(1, static_cast<char>(b));
  const std::vector<std::pair<int32_t, int32_t>> merges = {{'a', 'b'}, {256, 'c'}, {' ', 'a'}, {257, 257}, {'\xff' & 255, '\n'}};
  for (const auto& [a, b] : merges) {
    parts.merges.push_back({a, b, static_cast<int32_t>(parts.tokens.size())});
    parts.tokens.push_back(parts.tokens[static_cast<size_t>(a)] + parts.tokens[static_cast<size_t>(b)]);
  }
  parts.added.push_back({static_cast<int32_t>(parts.tokens.size()), "<|endoftext|>"});
  parts.pre_tokenizer = PreTokenizer::from_pattern(pattern);
  return parts;
}

TEST(TokenizerFormats, TiktokenThereAndBack) {
  const TokenizerParts parts = small_with("cl100k");
  const std::string text = tiktoken_text(parts);
  EXPECT_TRUE(looks_like_tiktoken(text));
  EXPECT_NE(text.find("YWI= 256\n"), std::string::npos);
  const TokenizerParts back = parts_from_tiktoken(text, "cl100k");
  EXPECT_EQ(back.tokens, parts.tokens);
  EXPECT_EQ(back.merges, parts.merges);
  ASSERT_EQ(back.added.size(), 1u);
  EXPECT_EQ(back.added[0].id, 261);
  TokenizerParts other_order = parts;
  std::swap(other_order.merges[0], other_order.merges[2]);
  EXPECT_THROW(tiktoken_text(other_order), Error);
}

TEST(TokenizerFormats, Gpt2ThereAndBack) {
  const TokenizerParts parts = small_with("gpt2");
  const Gpt2Files files = gpt2_files(parts);
  const TokenizerParts back = parts_from_gpt2(files.vocab_json, files.merges_txt);
  EXPECT_EQ(back.tokens, parts.tokens);
  EXPECT_EQ(back.merges, parts.merges);
  EXPECT_EQ(Tokenizer(back).eot_id(), 261);
  EXPECT_THROW(gpt2_files(small_with("cl100k")), Error);
}

TEST(TokenizerFormats, DamageIsNamed) {
  const auto why = [](auto&& f) -> std::string {
    try {
      f();
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      return e.what();
    }
    return "fine";
  };
  const std::string ranks = tiktoken_text(small_with("gpt2"));
  EXPECT_NE(why([&] { parts_from_tiktoken("YQ== 0\nYQ=! 1\n", "gpt2"); }).find("line 2"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_tiktoken("YQ== 0\nYg== x\n", "gpt2"); }).find("line 2"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_tiktoken("YQ== 0\nYg== 0\n", "gpt2"); }).find("rank 0"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_tiktoken("YQ== 0\nYQ== 1\n", "gpt2"); }).find("there before"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_tiktoken("", "gpt2"); }).find("no ranks"), std::string::npos);
  EXPECT_NE(why([&] { Tokenizer(parts_from_tiktoken("YQ== 0\n", "gpt2")); }).find("no token for the byte"), std::string::npos);
  const Gpt2Files files = gpt2_files(small_with("gpt2"));
  EXPECT_NE(why([&] { parts_from_gpt2(files.vocab_json.substr(0, 100), ""); }).find("cut off"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_gpt2(files.vocab_json, "a b\nq q\n"); }).find("line 2"), std::string::npos);
  EXPECT_NE(why([&] { parts_from_gpt2(files.vocab_json, "ab\n"); }).find("line 1"), std::string::npos);
}

TEST(TokenizerFormats, PublishedIds) {
  const fs::path folder = real_data() / "tokenizers";
  if (!fs::exists(folder / "gpt2")) GTEST_SKIP() << "no " << folder;
  std::map<std::string, Tokenizer> toks;
  toks.emplace("gpt2", Tokenizer(parts_from_gpt2(read_file(folder / "gpt2/encoder.json"), read_file(folder / "gpt2/vocab.bpe"))));
  EXPECT_EQ(toks.at("gpt2").eot_id(), 50256);
  EXPECT_EQ(toks.at("gpt2").encode("hello world"), (std::vector<int32_t>{31373, 995}));
  for (const auto& row : read_json(folder / "reference-ids/strings.json")) {
    for (const auto& [name, tok] : toks) EXPECT_EQ(tok.encode(row.at("text").get<std::string>()), row.at(name).get<std::vector<int32_t>>()) << row.at("text");
  }
  for (const auto& row : read_json(folder / "reference-ids/files.json")) {
    const auto found = toks.find(row.at("encoding").get<std::string>());
    if (found == toks.end()) continue;
    const std::string text = read_file(real_data() / row.at("file").get<std::string>());
    const std::vector<int32_t> ids = found->second.encode(text);
    EXPECT_EQ(sha256({reinterpret_cast<const char*>(ids.data()), ids.size() * 4}), row.at("sha256_of_u32le_ids").get<std::string>()) << row.at("file");
    EXPECT_EQ(found->second.decode(ids), text);
  }
}

}  // namespace
}  // namespace loam
