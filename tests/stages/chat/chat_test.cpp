// The terminal dialogue: commands, streaming, the same answers whatever was said before a reset.
#include "loam/stages/chat/chat.h"

#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/tiny_model.h"

namespace loam {
namespace {

TEST(Chat, StreamsWhatItReturnsAndForgetsOnReset) {
  const fs::path at = fresh_folder("chat");
  ChatConfig config;
  config.max_tokens = 12;
  Chat chat(tiny_base(at / "base"), config, 1);
  std::string streamed;
  const std::string first = chat.say("Hello", [&](std::string_view piece) { streamed += piece; });
  EXPECT_EQ(streamed, first);
  chat.say("More");
  chat.reset();
  EXPECT_EQ(chat.say("Hello"), first);
}

TEST(Chat, ALongDialogueGoesOn) {
  const fs::path at = fresh_folder("long_chat");
  ChatConfig config;
  config.max_tokens = 30;
  config.temperature = 1;
  Chat chat(tiny_base(at / "base", 48), config, 1);
  for (int i = 0; i < 6; ++i) EXPECT_NO_THROW(chat.say("A message that is not short, number " + std::to_string(i)));
  EXPECT_NO_THROW(chat.say(std::string(500, 'x')));
}

TEST(Chat, CommandsEndAndForget) {
  const fs::path at = fresh_folder("commands");
  ChatConfig config;
  config.max_tokens = 4;
  Chat chat(tiny_base(at / "base"), config, 1);
  std::istringstream in("Hello\n\n/help\n/reset\nHello\r\n/quit\nnever read\n");
  std::ostringstream out, prompts;
  EXPECT_EQ(run_chat(chat, in, out, &prompts), 2);
  const std::string text = out.str();
  EXPECT_EQ(text.substr(0, text.size() / 2), text.substr(text.size() / 2));  // the same answer twice
  EXPECT_NE(prompts.str().find("forgotten"), std::string::npos);
}

TEST(Chat, RefusesWhatIsNoModel) {
  const fs::path at = fresh_folder("no_model");
  EXPECT_THROW(Chat(at / "nowhere", {}, 1), Error);
  EXPECT_THROW(Chat(at, {}, 1), Error);
}

}  // namespace
}  // namespace loam
