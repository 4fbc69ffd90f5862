#include "loam/stages/chat/chat.h"

#include <istream>
#include <ostream>

#include "loam/infer/open.h"

#include "loam/base/stop.h"

namespace loam {

Chat::Chat(const std::filesystem::path& path, ChatConfig config, uint64_t seed) : config_(std::move(config)), seed_(seed) {
  config_.validate();
  OpenedModel open = open_for_answers(path);
  model_ = std::move(open.model);
  warnings_ = std::move(open.warnings);
  answerer_ = std::make_unique<Answerer>(*model_, open.tokenizer, open.ends);
  reset();
}

void Chat::reset() {
  messages_.clear();
  if (!config_.system.empty()) messages_.push_back({"system", config_.system});
}

std::string Chat::say(const std::string& message, const std::function<void(std::string_view)>& each) {
  messages_.push_back({"user", message});
  AnswerSettings settings;
  settings.max_tokens = config_.max_tokens;
  settings.sampling.temperature = config_.temperature;
  settings.sampling.top_k = config_.top_k;
  settings.sampling.top_p = config_.top_p;
  settings.sampling.seed = seed_ + messages_.size();  // another draw for each answer, the same in each run
  try {
    std::string text = answerer_->answer(messages_, settings, each);
    messages_.push_back({"assistant", text});
    return text;
  } catch (...) {
    messages_.pop_back();
    throw;
  }
}

int64_t run_chat(Chat& chat, std::istream& in, std::ostream& out, std::ostream* prompts) {
  int64_t answers = 0;
  std::string line;
  if (prompts != nullptr) *prompts << "/reset forgets the dialogue, /quit (or Ctrl-D) ends it\n";
  for (;;) {
    if (prompts != nullptr) *prompts << "> " << std::flush;
    if (stop_requested() || !std::getline(in, line)) return answers;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    if (line == "/quit" || line == "/exit") return answers;
    if (line == "/reset") {
      chat.reset();
      if (prompts != nullptr) *prompts << "(forgotten)\n";
      continue;
    }
    if (line == "/help") {
      if (prompts != nullptr) *prompts << "/reset forgets the dialogue, /quit (or Ctrl-D) ends it\n";
      continue;
    }
    try {
      chat.say(line, [&](std::string_view piece) { out << piece << std::flush; });
    } catch (const Error& e) {
      // Ctrl-C ends the answer, and with it the dialogue.
      if (e.kind() != ErrorKind::interrupted) throw;
      out << "\n";
      return answers;
    }
    out << "\n" << std::flush;
    ++answers;
  }
}

}  // namespace loam
