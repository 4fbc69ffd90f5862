#include "loam/infer/prompt.h"

#include <gtest/gtest.h>

#include "loam/infer/session.h"
#include "tests/support/tiny_model.h"

namespace loam {
namespace {

using Ids = std::vector<int32_t>;

/// Bytes, " a" (256) and end of text (257).
Tokenizer with_a_word() {
  TokenizerParts parts;
  for (int b = 0; b < 256; ++b) parts.tokens.emplace_back(1, static_cast<char>(b));
  parts.tokens.emplace_back(" a");
  parts.merges.push_back({' ', 'a', 256});
  AddedToken eot;
  eot.id = 257;
  eot.content = "<|endoftext|>";
  parts.added.push_back(eot);
  parts.pre_tokenizer = PreTokenizer::from_pattern("gpt2");
  return Tokenizer(std::move(parts));
}

TEST(Prompt, ALastSpaceIsLeftToTheModel) {
  const Tokenizer tokenizer = with_a_word();
  const Prompt healed = encode_prompt(tokenizer, "x ", true);
  EXPECT_EQ(healed.ids, (Ids{'x'}));
  EXPECT_EQ(healed.first, (Ids{' ', 256}));
  EXPECT_EQ(healed.healed, " ");
  const Prompt alone = encode_prompt(tokenizer, " ", true);
  EXPECT_EQ(alone.ids, (Ids{257}));
  EXPECT_EQ(alone.healed, " ");
}

TEST(Prompt, OtherPromptsAreTakenAsTheyAre) {
  const Tokenizer tokenizer = with_a_word();
  for (const char* text : {"x", "x a", "x\n", "x a."}) {
    const Prompt prompt = encode_prompt(tokenizer, text, true);
    EXPECT_EQ(prompt.ids, tokenizer.encode(text)) << text;
    EXPECT_TRUE(prompt.first.empty() && prompt.healed.empty()) << text;
  }
  EXPECT_EQ(encode_prompt(tokenizer, "x ", false).ids, (Ids{'x', ' '}));  // asked for
  EXPECT_EQ(encode_prompt(tokenizer, "", true).ids, (Ids{257}));
  const Tokenizer bytes = tiny_tokenizer();  // no token has a space and more
  EXPECT_EQ(encode_prompt(bytes, "x ", true).ids, (Ids{'x', ' '}));
  EXPECT_TRUE(encode_prompt(bytes, "x ", true).first.empty());
}

TEST(Prompt, TheFirstTokenIsOneOfThoseThatMayBeFirst) {
  ModelConfig c;
  c.vocab = 31;
  c.context = 16;
  c.layers = 1;
  c.channels = 16;
  c.heads = c.kv_heads = 2;
  c.head_size = 8;
  c.hidden = 32;
  Transformer model(c, backend("cpu"));
  model.params().allocate(model.backend(), false);
  model.params().initialize(model.backend(), 4);
  const Ids prompt = {1, 2, 3}, first = {7, 19};
  int64_t other = 0;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    Session session(model);
    SampleSettings settings;
    settings.seed = seed;
    settings.top_k = 0;
    Ids drawn;
    generate(
        session, prompt, 2, settings, {}, [&](int32_t id) { return drawn.push_back(id), true; }, first);
    ASSERT_EQ(drawn.size(), 2U);
    EXPECT_TRUE(drawn[0] == 7 || drawn[0] == 19) << drawn[0];
    other += drawn[1] != 7 && drawn[1] != 19;
  }
  EXPECT_GT(other, 20);  // the second is free
}

}  // namespace
}  // namespace loam
