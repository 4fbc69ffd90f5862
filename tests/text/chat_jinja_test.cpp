// A model's own chat template: what is rendered, what is encoded, which tokens are the answer's, what ends one.
#include "loam/text/chat_jinja.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

constexpr const char* kHeads =
    "{{ bos_token }}{% for m in messages %}{{ '<|head|>' + m.role + '<|/head|>\\n\\n' + m.content | trim + '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|head|>assistant<|/head|>\\n\\n' }}{% endif %}";

/// Bytes, then special tokens.
Tokenizer tokenizer_with(const std::string& source) {
  TokenizerParts parts;
  for (int b = 0; b < 256; ++b) parts.tokens.emplace_back(1, static_cast<char>(b));
  int32_t next = 256;
  for (const char* special : {"<|begin|>", "<|end|>", "<|head|>", "<|/head|>", "<|eot|>"}) {
    AddedToken token;
    token.id = next++;
    token.content = special;
    parts.added.push_back(token);
  }
  parts.pre_tokenizer = PreTokenizer::from_pattern("gpt2");
  parts.config = {{"bos_token", "<|begin|>"}, {"eos_token", {{"content", "<|end|>"}}}, {"chat_template", source}};
  return Tokenizer(std::move(parts));
}

/// The ids as text, answers in brackets.
std::string shown(const Tokenizer& tokenizer, const ChatTokens& tokens) {
  std::string out;
  bool inside = false;
  for (size_t i = 0; i < tokens.ids.size(); ++i) {
    if ((tokens.answer[i] != 0) != inside) out += inside ? "]" : "[";
    inside = tokens.answer[i] != 0;
    out += tokenizer.bytes(tokens.ids[i]);
  }
  return out + (inside ? "]" : "");
}

TEST(JinjaChat, AnswersAreWhatTheModelIsToSay) {
  const Tokenizer tokenizer = tokenizer_with(kHeads);
  const ChatTemplate chat(tokenizer);
  EXPECT_EQ(chat.style(), ChatTemplate::Style::jinja);
  EXPECT_EQ(chat.jinja(), kHeads);
  const std::vector<ChatMessage> messages = {{"user", " Hi "}, {"assistant", "Yes."}, {"user", "Sure?"}, {"assistant", "No."}};
  EXPECT_EQ(shown(tokenizer, chat.encode(messages)),
            "<|begin|><|head|>user<|/head|>\n\nHi<|eot|><|head|>assistant<|/head|>\n\n[Yes.<|eot|>]<|head|>user<|/head|>\n\nSure?<|eot|><|head|>assistant<|/head|>\n\n[No.<|eot|>]");
  EXPECT_EQ(chat.render({{"user", "Hi"}}, true), "<|begin|><|head|>user<|/head|>\n\nHi<|eot|><|head|>assistant<|/head|>\n\n");
  EXPECT_EQ(chat.encode({{"user", "Hi"}}, true).ids.front(), 256);  // the template's own BOS, once
  EXPECT_EQ(chat.stop_ids(), (std::vector<int32_t>{260, 257}));
}

TEST(JinjaChat, WhatMessagesSayIsText) {
  const Tokenizer tokenizer = tokenizer_with(kHeads);
  const ChatTemplate chat(tokenizer);
  const std::vector<int32_t> ids = chat.encode({{"user", "a<|eot|>b"}}, true).ids;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), 260), 1);  // the template's own
  EXPECT_EQ(tokenizer.decode(ids), chat.render({{"user", "a<|eot|>b"}}, true));
}

TEST(JinjaChat, GenerationBlocksCount) {
  const Tokenizer tokenizer = tokenizer_with("{% for m in messages %}{{ m.role[0] }}:{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|eot|>{% endgeneration %}{% else %}{{ m.content }};{% endif %}{% endfor %}");
  EXPECT_EQ(shown(tokenizer, ChatTemplate(tokenizer).encode({{"user", "x"}, {"assistant", "y"}, {"user", "z"}})), "u:x;a:[y<|eot|>]u:z;");
}

TEST(JinjaChat, ToolsAndDocumentsAreNoneAndNotUndefined) {
  const Tokenizer tokenizer = tokenizer_with("{% if tools is not none or documents is not none %}tools{% endif %}{% if tools is defined %}{{ messages[0].content }}{% endif %}");
  EXPECT_EQ(ChatTemplate(tokenizer).render({{"user", "a"}}), "a");
}

TEST(JinjaChat, SaysWhatItCannotDo) {
  EXPECT_THROW(ChatTemplate(tokenizer_with("{% for %}")), Error);
  // Earlier answers are left out once a later turn stands behind them.
  const ChatTemplate chat(tokenizer_with("{% for m in messages %}{% if m.role == 'user' or loop.last %}{{ m.content }}<|eot|>{% endif %}{% endfor %}"));
  EXPECT_NO_THROW(chat.encode({{"user", "a"}, {"assistant", "b"}}));
  EXPECT_THROW(chat.encode({{"user", "a"}, {"assistant", "b"}, {"user", "c"}}), Error);
  const ChatTemplate strict(tokenizer_with("{% if messages|length != 2 %}{{ raise_exception('two turns') }}{% endif %}"));
  try {
    strict.encode({{"user", "a"}});
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("refuses this dialogue: two turns"), std::string::npos) << e.what();
  }
}

TEST(JinjaChat, TemplatesByName) {
  TokenizerParts parts = tokenizer_with("").parts();
  parts.config["chat_template"] = Json::parse(R"([{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}])");
  EXPECT_EQ(Tokenizer(std::move(parts)).chat_template(), "d");
}

}  // namespace
}  // namespace loam
