// A tuned model in the terminal.
//
//   ChatConfig config;
//   Chat chat("runs/x/translator", config, seed);
//   std::string answer = chat.say("Translate to French: Open the file.", [](std::string_view piece) { ... });
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/error.h"
#include "loam/infer/answerer.h"

namespace loam {

struct ChatConfig {
  std::string system;
  int64_t max_tokens = 256, top_k = 50;
  double temperature = 0, top_p = 1.0;
  static void fields(auto&& f) {
    using C = ChatConfig;
    f("system", &C::system, "a system message before the dialogue");
    f("max_tokens", &C::max_tokens, "longest answer, in tokens");
    f("temperature", &C::temperature, "spread of the choice; 0: always the most likely token");
    f("top_k", &C::top_k, "choose among the k most likely tokens; 0: all");
    f("top_p", &C::top_p, "choose among the most likely tokens that make up this probability");
  }
  void validate() const { require(max_tokens > 0, "--max-tokens ", max_tokens, " must be at least 1"); }
};

/// One dialogue with a model.
class Chat {
 public:
  /// A model folder or a GGUF file. Throws Error{input}: no model, a classifier, one without a chat template it could use.
  Chat(const std::filesystem::path& path, ChatConfig config, uint64_t seed);
  /// The answer to one more message; `each` sees it as it comes. If it throws, the message is forgotten.
  std::string say(const std::string& message, const std::function<void(std::string_view)>& each = {});
  void reset();
  int64_t tokens() const { return answerer_->tokens(); }
  bool ended() const { return answerer_->ended(); }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const char* template_name() const { return answerer_->chat().name(); }

 private:
  ChatConfig config_;
  uint64_t seed_;
  std::unique_ptr<Transformer> model_;
  std::unique_ptr<Answerer> answerer_;
  std::vector<ChatMessage> messages_;
  std::vector<std::string> warnings_;
};

/// Reads messages from `in`, a line each, and writes answers to `out` as they come, until the end, /quit or a stop
/// request. /reset forgets the dialogue, /help lists the commands. Prompts go to `prompts` (a terminal's stderr; null: none).
/// Returns the number of answers.
int64_t run_chat(Chat& chat, std::istream& in, std::ostream& out, std::ostream* prompts);

}  // namespace loam
