#include "loam/text/chat_jinja.h"

#include <algorithm>

#include "loam/base/error.h"

namespace loam {
namespace {

/// Put inside what only looks like a special token: U+FDD0, a code point that is no character.
constexpr std::string_view kGuard = "\xef\xb7\x90";

std::string without_guards(std::string_view text) {
  std::string out;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(kGuard, at), text.size());
    out += text.substr(at, end - at);
    at = end + kGuard.size();
  }
  return out;
}

/// What each id stands for in `text`, by its first byte; empty where the ids do not spell the text.
std::vector<size_t> places_of(const Tokenizer& tokenizer, const std::vector<int32_t>& ids, std::string_view text) {
  std::vector<size_t> out;
  size_t at = 0;
  for (const int32_t id : ids) {
    std::string_view bytes = tokenizer.bytes(id);
    out.push_back(at);
    if (text.substr(at, bytes.size()) != bytes && tokenizer.puts_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);  // a space that encoding put there
    if (text.substr(at, bytes.size()) != bytes) return {};
    at += bytes.size();
  }
  return at == text.size() ? out : std::vector<size_t>();
}

}  // namespace

Json template_variables(const Json& tokenizer_config) {
  Json out = {{"tools", nullptr}, {"documents", nullptr}};
  for (const auto& [key, value] : tokenizer_config.items()) {
    if (!key.ends_with("_token")) continue;
    if (value.is_string()) out[key] = value;
    if (value.is_object() && value.contains("content") && value["content"].is_string()) out[key] = value["content"];
  }
  for (const char* key : {"bos_token", "eos_token"}) {
    if (!out.contains(key)) out[key] = "";
  }
  return out;
}

JinjaChat::JinjaChat(const Tokenizer& tokenizer, const std::string& source) : tokenizer_(tokenizer), template_(source), variables_(template_variables(tokenizer.config())) {}

std::string JinjaChat::guarded(const std::string& text) const {
  std::string out;
  for (size_t at = 0; at < text.size(); ++at) {
    const bool looks_special = std::any_of(tokenizer_.added().begin(), tokenizer_.added().end(), [&](const AddedToken& token) {
      return token.special && token.content.size() > 1 && text.compare(at, token.content.size(), token.content) == 0;
    });
    out += text[at];
    if (!looks_special) continue;
    while (at + 1 < text.size() && (static_cast<unsigned char>(text[at + 1]) & 0xc0) == 0x80) out += text[++at];
    out += kGuard;
  }
  return out;
}

jinja::Rendered JinjaChat::rendered(const std::vector<ChatMessage>& messages, bool open_answer) const {
  Json variables = variables_;
  variables["messages"] = Json::array();
  for (const ChatMessage& m : messages) variables["messages"].push_back({{"role", m.role}, {"content", guarded(without_guards(m.content))}});
  variables["add_generation_prompt"] = open_answer;
  return template_.render(variables);
}

std::string JinjaChat::render(const std::vector<ChatMessage>& messages, bool open_answer) const { return without_guards(rendered(messages, open_answer).text); }

size_t JinjaChat::turn_end(const std::string& text, size_t begin, size_t end) const {
  for (size_t at = begin; at < end; ++at) {
    for (const AddedToken& token : tokenizer_.added()) {
      if (token.special && text.compare(at, token.content.size(), token.content) == 0) return std::min(end, at + token.content.size());
    }
  }
  return end;
}

std::vector<std::pair<size_t, size_t>> JinjaChat::answers(const std::vector<ChatMessage>& messages, const jinja::Rendered& whole) const {
  if (!whole.answers.empty()) return whole.answers;
  std::vector<std::pair<size_t, size_t>> out;
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role != "assistant") continue;
    const std::vector<ChatMessage> before(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(i)), until(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    std::string head = before.empty() ? "" : rendered(before, true).text;
    if (!whole.text.starts_with(head)) head = rendered(before, false).text;
    const std::string tail = rendered(until, false).text;
    require_input(whole.text.starts_with(head) && whole.text.starts_with(tail) && head.size() <= tail.size(),
                  "the chat template writes earlier turns otherwise once later ones stand behind them: which part answer ", i + 1, " is cannot be told ({% generation %} would tell)");
    out.emplace_back(head.size(), turn_end(whole.text, head.size(), tail.size()));
  }
  return out;
}

ChatTokens JinjaChat::encode(const std::vector<ChatMessage>& messages, bool open_answer) const {
  const jinja::Rendered whole = rendered(messages, open_answer);
  const bool answered = std::any_of(messages.begin(), messages.end(), [](const ChatMessage& m) { return m.role == "assistant"; });
  const std::vector<std::pair<size_t, size_t>> parts = answered ? answers(messages, whole) : std::vector<std::pair<size_t, size_t>>();
  ChatTokens out;
  for (size_t at = 0; at <= whole.text.size();) {
    const size_t end = std::min(whole.text.find(kGuard, at), whole.text.size());
    const std::string_view piece = std::string_view(whole.text).substr(at, end - at);
    std::vector<int32_t> ids = tokenizer_.encode(piece, Specials::recognise);
    const std::vector<size_t> places = places_of(tokenizer_, ids, piece);
    require_input(!answered || !places.empty() || piece.empty(), "the tokenizer changes the dialogue's text, so which of its tokens are the answer's cannot be told");
    for (size_t i = 0; i < ids.size(); ++i) {
      const bool answer = answered && std::any_of(parts.begin(), parts.end(), [&](const auto& part) { return at + places[i] >= part.first && at + places[i] < part.second; });
      out.ids.push_back(ids[i]);
      out.answer.push_back(answer ? 1 : 0);
    }
    at = end + kGuard.size();
  }
  return out;
}

std::vector<int32_t> JinjaChat::stop_ids() const {
  std::vector<int32_t> out;
  const auto add = [&](int32_t id) {
    if (std::find(out.begin(), out.end(), id) == out.end()) out.push_back(id);
  };
  try {
    const std::string text = rendered({{"user", "question"}, {"assistant", "answer"}}, false).text;
    const size_t answer = text.rfind("answer");
    for (const int32_t id : answer == std::string::npos ? std::vector<int32_t>() : tokenizer_.encode(std::string_view(text).substr(answer + 6), Specials::recognise)) {
      if (!tokenizer_.is_special(id)) continue;
      add(id);
      break;
    }
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::input) throw;  // a template that wants more than that; the end of text still ends an answer
  }
  if (const auto eos = tokenizer_.special(get_string(variables_, "eos_token"))) add(*eos);
  if (const auto eot = tokenizer_.special("<|endoftext|>")) add(*eot);
  return out;
}

}  // namespace loam
