// How a conversation becomes tokens, and which of them are the assistant's answers.
//
//   const ChatTemplate chat(tokenizer);                       // ChatML where the tokenizer has its tokens, else plain text
//   ChatTokens row = chat.encode({{"user", "Hi"}, {"assistant", "Hello!"}});   // loss where row.answer is 1
//   ChatTokens open = chat.encode(messages, /*open_answer=*/true);             // generate from here until chat.stop_ids()
//
// A template of another kind that the tokenizer brings is run as it is (loam/jinja).
//
// ChatML:  <|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello!<|im_end|>\n
// Plain:   ### User:\nHi\n\n### Assistant:\nHello!<|endoftext|>\n            (for tokenizers without chat tokens)
//
// What the messages say is always text: "<|im_end|>" inside one is encoded as characters and ends no turn.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/text/tokenizer.h"

namespace loam {

struct ChatMessage {
  std::string role;  ///< system, user or assistant; other names are written as they are
  std::string content;
};

struct ChatTokens {
  std::vector<int32_t> ids;
  /// For each id: 1 if it is part of an assistant's answer, the token that ends the turn included. A model learns to
  /// predict exactly these.
  std::vector<uint8_t> answer;
};

class JinjaChat;

class ChatTemplate {
 public:
  enum class Style { chatml, plain, jinja };

  /// Throws Error{input} if the tokenizer has neither chat tokens nor an end-of-text token, or brings a chat template that
  /// cannot be read.
  explicit ChatTemplate(Tokenizer tokenizer);

  Style style() const { return style_; }
  const char* name() const { return style_ == Style::chatml ? "chatml" : style_ == Style::plain ? "plain" : "the model's own"; }

  /// `open_answer`: the assistant's turn is begun at the end, for a model to go on.
  ChatTokens encode(const std::vector<ChatMessage>& messages, bool open_answer = false) const;
  /// The same as text, as the Jinja template gives it.
  std::string render(const std::vector<ChatMessage>& messages, bool open_answer = false) const;

  /// The ids that end an answer.
  std::vector<int32_t> stop_ids() const;
  /// For "chat_template" in tokenizer_config.json, and for programs that run it.
  std::string jinja() const;

 private:
  struct Turn {
    std::string head, tail;  ///< text before the content and after the end token, or instead of it
    bool answer;
  };
  Turn turn(const ChatMessage& message) const;
  std::string role_head(const std::string& role) const;

  Tokenizer tokenizer_;
  Style style_;
  std::shared_ptr<const JinjaChat> own_;
  int32_t begin_ = -1, end_ = -1;  ///< end_ is end-of-text in the plain style
};

/// The Jinja text of chatml or plain.
std::string chat_jinja(ChatTemplate::Style style);

}  // namespace loam
