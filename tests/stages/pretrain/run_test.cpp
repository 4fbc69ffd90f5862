// A whole training run by its folder: what explain says of it, and the proof that it can be stopped.
#include <gtest/gtest.h>

#include "loam/artifacts/manifest.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/stages/pretrain/explain.h"
#include "loam/stages/pretrain/pretrain.h"
#include "loam/stages/pretrain/verify_resume.h"

namespace loam {
namespace {

const fs::path kFolder = fs::path(testing::TempDir()) / "loam_pretrain_run";

/// A tokens artifact with a byte tokenizer, of a little text with something to learn in it.
fs::path tokens_folder() {
  const fs::path folder = kFolder / "tokens";
  if (is_artifact(folder)) return folder;
  ArtifactWriter out(folder, "tokens", {{"x", 1}}, {}, true);
  TokenShardWriter shard(out.path("train-00000.bin"), 2);
  std::vector<int32_t> tokens = {256};
  for (uint64_t n = 0; n < 6000; ++n) tokens.push_back(n % 2 == 0 ? 'a' + static_cast<int32_t>(n / 2 % 7) : (random_bits(5, n) % 5 == 0 ? ' ' : 'e'));
  shard.add(0, tokens);
  shard.commit();
  TokenShardWriter held(out.path("val-00000.bin"), 2);
  held.add(1, std::vector<int32_t>(tokens.begin(), tokens.begin() + 300));
  held.commit();
  for (const char* name : {"train-00000.bin", "train-00000.idx", "val-00000.bin", "val-00000.idx"}) out.promise(name);
  // Bytes as GPT-2 writes them, in one table without merges.
  Json vocab = Json::object();
  int next = 256;
  auto utf8 = [](int c) { return c < 128 ? std::string(1, static_cast<char>(c)) : std::string{static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 63))}; };
  for (int b = 0; b < 256; ++b) {
    const bool printable = (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
    vocab[utf8(printable ? b : next++)] = b;
  }
  vocab["<|endoftext|>"] = 256;
  write_file(out.path("tokenizer.json"),
             to_line({{"version", "1.0"},
                      {"added_tokens", {{{"id", 256}, {"content", "<|endoftext|>"}, {"special", true}, {"single_word", false}, {"lstrip", false}, {"rstrip", false}, {"normalized", false}}}},
                      {"normalizer", nullptr},
                      {"pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}}},
                      {"decoder", {{"type", "ByteLevel"}}},
                      {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", Json::array()}}}}));
  write_file(out.path("tokenizer_config.json"), "{\"eos_token\": \"<|endoftext|>\"}");
  out.promise("tokenizer.json");
  out.promise("tokenizer_config.json");
  out.finish({{"vocab_size", 257}, {"eot_id", 256}, {"train_bytes", 6000}, {"val_bytes", 299}, {"train_tokens", 6001}, {"val_tokens", 300}});
  return folder;
}

PretrainConfig small_run() {
  const fs::path arch = kFolder / "arch.json";
  make_folder(kFolder);
  write_file(arch, R"({"model_type":"llama","vocab_size":257,"num_hidden_layers":1,"num_attention_heads":2,"num_key_value_heads":2,"hidden_size":32,"intermediate_size":64,)"
                   R"("max_position_embeddings":32,"rope_theta":10000.0,"rms_norm_eps":1e-5,"hidden_act":"silu","tie_word_embeddings":true,"bos_token_id":256,"eos_token_id":256})");
  PretrainConfig config;
  config.arch = arch.string();
  config.steps = 200;
  config.batch = 4;
  config.context = 32;
  config.eval_every = 50;
  config.sample_every = 0;
  return config;
}

struct Faults {
  explicit Faults(const char* text) { ::setenv("LOAM_FAULTS", text, 1); }
  ~Faults() { ::unsetenv("LOAM_FAULTS"); }
};

TEST(Settle, TheEmbeddingsRateFollowsTheOptimizerOrIsGiven) {
  Progress quiet;
  PretrainConfig config = small_run();
  auto ratio = [&] { return settle(config, 17, 16, 3000, quiet).embedding_rate; };
  EXPECT_EQ(ratio(), 1);
  config.optimizer = "muon";
  for (const auto& [steps, wanted] : {std::pair<int64_t, double>{200, 10}, {1750, 2}, {20000, 1}}) {
    config.steps = steps;
    EXPECT_DOUBLE_EQ(ratio(), wanted) << steps;
  }
  config.lr = 0.01;
  config.embedding_lr = 0.02;
  EXPECT_DOUBLE_EQ(ratio(), 2);
  for (const double bad : {0.0, -1.0, 10.0}) {
    config.embedding_lr = bad;
    EXPECT_THROW(config.validate(), Error) << bad;
  }
}

TEST(Explain, AQuietRunHasNothingToSay) {
  Progress quiet;
  pretrain(small_run(), tokens_folder(), kFolder / "quiet", 1, true, quiet);
  const auto findings = explain_run(kFolder / "quiet");
  ASSERT_FALSE(findings.empty());
  EXPECT_FALSE(findings[0].trouble) << findings[0].what;
  for (const Finding& f : findings) EXPECT_FALSE(f.trouble) << f.what;
}

TEST(Explain, AFaultIsNamedWithItsStepItsPlaceAndItsText) {
  const Faults faults("nan@120,huge@150");
  Progress quiet;
  const PretrainReport r = pretrain(small_run(), tokens_folder(), kFolder / "faulty", 1, true, quiet);
  EXPECT_EQ(r.result.skipped, 2);
  EXPECT_EQ(r.artifact.counts["steps_left_out"], 2);
  const auto findings = explain_run(kFolder / "faulty");
  ASSERT_GE(findings.size(), 3u);
  EXPECT_EQ(findings[1].steps, std::vector<int64_t>{121});
  EXPECT_NE(findings[1].cause.find("one single number"), std::string::npos) << findings[1].cause;
  EXPECT_NE(findings[1].what.find("its batch began with token"), std::string::npos) << findings[1].what;
  EXPECT_EQ(findings[2].steps, std::vector<int64_t>{151});
  EXPECT_NE(findings[2].what.find("gradient spike"), std::string::npos);
}

TEST(Explain, AFolderThatIsNoRunIsRefused) { EXPECT_THROW(explain_run(tokens_folder()), Error); }

TEST(Explain, ARateFarTooHighIsSurvivedAndNamed) {
  Progress quiet;
  PretrainConfig config = small_run();
  config.lr = 3.0;
  const PretrainReport r = pretrain(config, tokens_folder(), kFolder / "diverging", 1, true, quiet);
  EXPECT_EQ(r.result.step, 200);
  bool trouble = false;
  for (const Finding& f : explain_run(kFolder / "diverging")) trouble = trouble || f.trouble;
  EXPECT_TRUE(trouble);
}

TEST(VerifyResume, ARunOfItsOwnKindStoppedAndResumedIsTheSame) {
  Progress quiet;
  pretrain(small_run(), tokens_folder(), kFolder / "proved", 1, true, quiet);
  const ResumeProof proof = verify_resume(kFolder / "proved", 12, kFolder / "proof", quiet);
  EXPECT_TRUE(proof.same()) << proof.straight << " " << proof.resumed;
  EXPECT_EQ(proof.straight.size(), 64u);
  EXPECT_FALSE(fs::exists(kFolder / "proof"));
  EXPECT_THROW(verify_resume(tokens_folder(), 2, kFolder / "proof", quiet), Error);
  EXPECT_THROW(verify_resume(kFolder / "proved", 2, kFolder / "tokens", quiet), Error);  // a folder that is in use is not removed
  EXPECT_TRUE(is_artifact(kFolder / "tokens"));
}

}  // namespace
}  // namespace loam
