#include "loam/infer/session.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace loam {
namespace {

std::unique_ptr<Transformer> random_model(int64_t context) {
  ModelConfig c;
  c.vocab = 31;
  c.context = context;
  c.layers = 2;
  c.channels = 16;
  c.heads = c.kv_heads = 2;
  c.head_size = 8;
  c.hidden = 32;
  auto model = std::make_unique<Transformer>(c, backend("cpu"));
  model->params().allocate(model->backend(), false);
  model->params().initialize(model->backend(), 4);
  Vec w = model->params().values();
  for (int64_t i = 0; i < w.size; ++i) w.data[i] *= 8;
  return model;
}

TEST(Sampler, GreedyTopKAndTopP) {
  const std::vector<float> logits = {0, 3, 1, 3, -2};
  SampleSettings s;
  s.temperature = 0;
  EXPECT_EQ(Sampler(s).draw(logits), 1);  // the first of equals
  s.temperature = 1;
  s.top_k = 2;
  Sampler two(s);
  std::set<int32_t> seen;
  for (int i = 0; i < 100; ++i) seen.insert(two.draw(logits));
  EXPECT_EQ(seen, (std::set<int32_t>{1, 3}));
  s.top_k = 0;
  s.top_p = 0.4;
  Sampler nucleus(s);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(nucleus.draw(logits), 1);
  s.top_p = 1;
  Sampler all(s);
  int64_t ones = 0;
  for (int i = 0; i < 4000; ++i) ones += all.draw(logits) == 1;
  const double e = std::exp(1.0), p = e * e * e / (1 + 2 * e * e * e + e + std::exp(-2.0));
  EXPECT_NEAR(static_cast<double>(ones) / 4000, p, 0.03);
  s.temperature = -1;
  EXPECT_THROW(Sampler{s}, Error);
}

TEST(Session, LogitsAgreeWithTheWholeTextsLogProbs) {
  const auto model = random_model(32);
  const std::vector<int32_t> ids = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9};
  const std::vector<double> whole = token_log_probs(*model, ids);
  EXPECT_TRUE(std::isnan(whole[0]));
  Session session(*model);
  for (size_t i = 0; i + 1 < ids.size(); ++i) {
    session.feed({&ids[i], 1});
    double total = 0;
    for (float z : session.logits()) total += std::exp(static_cast<double>(z));
    EXPECT_NEAR(static_cast<double>(session.logits()[static_cast<size_t>(ids[i + 1])]) - std::log(total), whole[i + 1], 1e-4);
  }
  session.rewind(5);
  double total = 0;
  for (float z : session.logits()) total += std::exp(static_cast<double>(z));
  EXPECT_NEAR(static_cast<double>(session.logits()[9]) - std::log(total), whole[5], 1e-4);
}

TEST(Session, LongTextsGoOnPastTheContext) {
  const auto model = random_model(16);
  Session session(*model);
  const std::vector<int32_t> prompt = {1, 2, 3};
  SampleSettings s;
  std::vector<int32_t> out;
  EXPECT_EQ(generate(session, prompt, 60, s, {}, [&](int32_t id) {
              out.push_back(id);
              return true;
            }),
            60);
  EXPECT_EQ(out.size(), 60u);
  EXPECT_TRUE(session.forgot());
  EXPECT_THROW(session.feed(std::vector<int32_t>{31}), Error);
}

TEST(LogProbs, WindowsShareOneTokenAndStridesGiveMoreContext) {
  const auto model = random_model(8);
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 30; ++i) ids.push_back(i * 11 % 31);
  const auto plain = token_log_probs(*model, ids), stride = token_log_probs(*model, ids, 3);
  for (size_t i = 1; i < ids.size(); ++i) {
    EXPECT_TRUE(std::isfinite(plain[i]) && std::isfinite(stride[i]));
    if (i <= 8) {
      EXPECT_NEAR(plain[i], stride[i], 1e-5);
    }
  }
  // Token 9 opens the second window: it sees token 8 alone.
  const auto pair = token_log_probs(*model, std::span<const int32_t>(ids).subspan(8, 2));
  EXPECT_NEAR(plain[9], pair[1], 1e-5);
  EXPECT_EQ(token_log_probs(*model, {}).size(), 0u);
  EXPECT_THROW(token_log_probs(*model, ids, 9), Error);
}

}  // namespace
}  // namespace loam
