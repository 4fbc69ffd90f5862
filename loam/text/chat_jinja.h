// Dialogues through a model's own chat template, as its makers' programs render it.
//
//   const JinjaChat chat(tokenizer, tokenizer.chat_template());
//   ChatTokens open = chat.encode(messages, /*open_answer=*/true);
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loam/base/json.h"
#include "loam/jinja/template.h"
#include "loam/text/chat_template.h"

namespace loam {

/// What a chat template reads beside the messages, by a tokenizer_config.json: bos_token and the other special tokens; tools
/// and documents, which are none unless somebody gives them (as transformers' apply_chat_template has it).
Json template_variables(const Json& tokenizer_config);

class JinjaChat {
 public:
  /// Throws Error{input} where the template does not parse.
  JinjaChat(const Tokenizer& tokenizer, const std::string& source);

  /// Throws Error{input}: what the template refuses; with answers in it, where their place cannot be told. BOS and such
  /// are the template's own. The name of a special token inside a message stays text; U+FDD0, which no text has, is lost.
  ChatTokens encode(const std::vector<ChatMessage>& messages, bool open_answer) const;
  std::string render(const std::vector<ChatMessage>& messages, bool open_answer) const;
  /// The tokenizer's end of text, and the special token that the template puts behind an answer.
  std::vector<int32_t> stop_ids() const;

 private:
  jinja::Rendered rendered(const std::vector<ChatMessage>& messages, bool open_answer) const;
  std::string guarded(const std::string& text) const;
  std::vector<std::pair<size_t, size_t>> answers(const std::vector<ChatMessage>& messages, const jinja::Rendered& whole) const;
  /// Behind the first special token in text[begin, end); end if there is none.
  size_t turn_end(const std::string& text, size_t begin, size_t end) const;

  Tokenizer tokenizer_;
  jinja::Template template_;
  Json variables_;  ///< what stands beside the messages
};

}  // namespace loam
