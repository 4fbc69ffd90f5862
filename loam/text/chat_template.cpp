#include "loam/text/chat_template.h"

#include "loam/base/error.h"
#include "loam/text/chat_jinja.h"

namespace loam {
namespace {

constexpr const char* kChatMl =
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

constexpr const char* kPlain =
    "{% for message in messages %}{{ '### ' + message['role'] | capitalize + ':\\n' + message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token + '\\n' }}{% else %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ '### Assistant:\\n' }}{% endif %}";

/// As Jinja's filter: the first letter large, the others small (ASCII; role names are).
std::string capitalized(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    char& c = text[i];
    if (i == 0 && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    if (i > 0 && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return text;
}

}  // namespace

std::string chat_jinja(ChatTemplate::Style style) { return style == ChatTemplate::Style::chatml ? kChatMl : kPlain; }

ChatTemplate::ChatTemplate(Tokenizer tokenizer) : tokenizer_(std::move(tokenizer)), style_(Style::plain) {
  const auto begin = tokenizer_.special("<|im_start|>"), end = tokenizer_.special("<|im_end|>");
  const std::string given = tokenizer_.chat_template();
  if (begin && end && (given.empty() || given == kChatMl)) {
    style_ = Style::chatml;
    begin_ = *begin, end_ = *end;
    return;
  }
  if (!given.empty() && given != kPlain) {
    style_ = Style::jinja;
    own_ = std::make_shared<const JinjaChat>(tokenizer_, given);
    return;
  }
  end_ = tokenizer_.eot_id();
}

std::string ChatTemplate::role_head(const std::string& role) const {
  return style_ == Style::chatml ? role + "\n" : "### " + capitalized(role) + ":\n";
}

ChatTemplate::Turn ChatTemplate::turn(const ChatMessage& message) const {
  const bool answer = message.role == "assistant";
  return {role_head(message.role), style_ == Style::chatml || answer ? "\n" : "\n\n", answer};
}

ChatTokens ChatTemplate::encode(const std::vector<ChatMessage>& messages, bool open_answer) const {
  if (own_) return own_->encode(messages, open_answer);
  ChatTokens out;
  std::string text;  // not encoded yet: one piece up to a special token or an answer, as programs that render first have it
  const auto mark = [&](bool answer) { out.answer.resize(out.ids.size(), answer ? 1 : 0); };
  const auto flush = [&] {
    if (!text.empty()) tokenizer_.encode(text, out.ids);
    text.clear();
    mark(false);
  };
  const auto begin_turn = [&](const std::string& role) {
    if (style_ == Style::chatml) {
      flush();
      out.ids.push_back(begin_);
    }
    text += role_head(role);
  };
  for (const ChatMessage& message : messages) {
    const Turn t = turn(message);
    begin_turn(message.role);
    if (t.answer) {
      // The head apart from the answer, as it is when a model answers: no token may span the two.
      flush();
      tokenizer_.encode(message.content, out.ids);
    } else {
      text += message.content;
    }
    if (style_ == Style::chatml || t.answer) {
      mark(t.answer);
      flush();
      out.ids.push_back(end_);
      mark(t.answer);
    }
    text += t.tail;
  }
  if (open_answer) begin_turn("assistant");
  flush();
  return out;
}

std::string ChatTemplate::render(const std::vector<ChatMessage>& messages, bool open_answer) const {
  if (own_) return own_->render(messages, open_answer);
  const std::string begin = style_ == Style::chatml ? "<|im_start|>" : "", end(tokenizer_.bytes(end_));
  std::string out;
  for (const ChatMessage& message : messages) {
    const Turn t = turn(message);
    out += begin + t.head + message.content + (style_ == Style::chatml || t.answer ? end : "") + t.tail;
  }
  if (open_answer) out += begin + role_head("assistant");
  return out;
}

std::vector<int32_t> ChatTemplate::stop_ids() const {
  if (own_) return own_->stop_ids();
  std::vector<int32_t> out = {end_};
  if (const auto eot = tokenizer_.special("<|endoftext|>"); eot && *eot != end_) out.push_back(*eot);
  return out;
}

std::string ChatTemplate::jinja() const {
  const std::string given = tokenizer_.chat_template();
  return given.empty() ? chat_jinja(style_) : given;
}

}  // namespace loam
