// Token shards: what is written is read back across files; damage is named.
#include "loam/artifacts/tokens.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr int32_t kEot = 256;

fs::path fresh_tokens(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_tokens" / name;
  fs::remove_all(folder);
  return folder;
}

/// Two train shards of three documents, one val shard. Vocabulary 257, or `vocab`.
fs::path write_set(const char* name, int64_t vocab = 257, int32_t odd_token = 7) {
  const fs::path folder = fresh_tokens(name);
  ArtifactWriter out(folder, "tokens", {{"seed", 1}}, {}, false);
  const int width = token_bytes_for(vocab);
  const std::vector<int32_t> a = {kEot, 1, 2, 3}, b = {kEot, odd_token}, c = {kEot}, v = {kEot, 255, 254};
  TokenShardWriter first(out.path(shard_name("train", 0)), width), second(out.path(shard_name("train", 1)), width),
      val(out.path(shard_name("val", 0)), width);
  first.add(5, a);
  first.add(2, b);
  second.add(9, c);
  val.add(1, v);
  first.commit();
  second.commit();
  val.commit();
  for (const char* file : {"train-00000", "train-00001", "val-00000"}) {
    out.promise(std::string(file) + ".bin");
    out.promise(std::string(file) + ".idx");
  }
  out.finish({{"vocab_size", vocab}, {"eot_id", kEot}, {"train_bytes", 4}, {"val_bytes", 2}, {"train_tokens", 7}, {"val_tokens", 3}});
  return folder;
}

std::string why_not(const fs::path& folder) {
  try {
    TokenSet::open(folder);
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    return e.what();
  }
  return "opened";
}

TEST(Tokens, ReadBackAcrossShards) {
  for (const int64_t vocab : {int64_t{257}, int64_t{100000}}) {
    const TokenSet set = TokenSet::open(write_set("read", vocab));
    EXPECT_EQ(set.vocab_size(), vocab);
    EXPECT_EQ(set.eot_id(), kEot);
    EXPECT_EQ(set.train().token_count(), 7);
    EXPECT_EQ(set.train().document_count(), 3);
    EXPECT_EQ(set.val().text_bytes(), 2);
    std::vector<int32_t> all(7);
    set.train().copy(0, 7, all.data());
    EXPECT_EQ(all, (std::vector<int32_t>{kEot, 1, 2, 3, kEot, 7, kEot}));
    set.train().copy(5, 2, all.data());
    EXPECT_EQ(all[0], 7);
    EXPECT_EQ(all[1], kEot);
    set.train().copy(7, 0, all.data());
    EXPECT_EQ(set.train().token(3), 3);
    EXPECT_EQ(set.train().document_starts(), (std::vector<int64_t>{0, 4, 6}));
    EXPECT_EQ(set.train().document_numbers(), (std::vector<int64_t>{5, 2, 9}));
    EXPECT_EQ(set.val().token(1), 255);
  }
}

TEST(Tokens, HeaderIsLlmC) {
  const fs::path folder = write_set("header");
  const std::string bytes = read_file(folder / "train-00000.bin");
  ASSERT_EQ(bytes.size(), 1024u + 2 * 6);
  EXPECT_EQ(bytes.substr(0, 12), std::string("\x88\xd8\x34\x01\x01\0\0\0\x06\0\0\0", 12));  // 20240520, 1, 6
}

TEST(Tokens, DamageIsNamed) {
  EXPECT_NE(why_not(write_set("beyond", 257, 257)).find("train-00000.bin"), std::string::npos);
  EXPECT_NE(why_not(write_set("beyond", 257, 257)).find("token 5 is 257, beyond the vocabulary of 257"), std::string::npos);
  fs::path folder = write_set("cut");
  fs::resize_file(folder / "train-00001.bin", 1025);
  EXPECT_NE(why_not(folder).find("train-00001.bin"), std::string::npos);

  // The same with a manifest that agrees: the shard itself is checked.
  folder = write_set("magic");
  std::string bytes = read_file(folder / "val-00000.bin");
  bytes[0] = 'x';
  write_file(folder / "val-00000.bin", bytes);
  EXPECT_NE(why_not(folder).find("val-00000.bin"), std::string::npos);
  folder = write_set("idx");
  write_file(folder / "val-00000.idx", std::string(8, '\xff') + std::string(8, '\0'));
  EXPECT_NE(why_not(folder).find("val-00000.bin"), std::string::npos);
  folder = write_set("eot");
  bytes = read_file(folder / "val-00000.bin");
  bytes[1024] = 9;
  bytes[1025] = 0;
  write_file(folder / "val-00000.bin", bytes);
  EXPECT_NE(why_not(folder).find("not the end-of-text token 256"), std::string::npos);
}

}  // namespace
}  // namespace loam
