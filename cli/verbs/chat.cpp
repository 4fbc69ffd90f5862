// loam chat: talk with a tuned model.
#include <unistd.h>

#include <iostream>

#include "cli/verbs.h"
#include "loam/stages/chat/chat.h"

namespace loam {

void add_chat(Cli& cli) {
  Verb& verb = cli.add("chat", "talk with a tuned model, or ask it one thing", "loam chat run/translator\n  loam chat run/translator --message \"Translate to French: Open the file.\"");
  auto model = verb.positional("model", "a model folder or a .gguf file");
  auto message = verb.text("message", "answer this and end; - reads it from standard input");
  auto config = verb.config<ChatConfig>("chat");
  verb.run([=](Run& run) {
    Chat chat(*model, *config, run.seed());
    for (const auto& warning : chat.warnings()) run.progress().warn(warning);
    if (!message->empty()) {
      const std::string text = *message == "-" ? std::string(std::istreambuf_iterator<char>(std::cin), {}) : *message;
      const bool json = run.flags().json;
      const std::string answer = chat.say(text, [&](std::string_view piece) {
        if (!json) std::cout << piece << std::flush;
      });
      if (!json) std::cout << "\n";
      return report({{"message", text}, {"answer", answer}, {"tokens", chat.tokens()}, {"finish_reason", chat.ended() ? "stop" : "length"}});
    }
    const bool terminal = ::isatty(STDIN_FILENO) != 0 && !run.flags().quiet;
    const int64_t answers = run_chat(chat, std::cin, std::cout, terminal ? &std::cerr : nullptr);
    return report({{"answers", answers}});
  });
}

}  // namespace loam
