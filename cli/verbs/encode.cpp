// loam encode: text to token ids.
#include <fmt/format.h>

#include <iostream>
#include <optional>

#include "cli/input.h"
#include "cli/verbs.h"
#include "loam/base/error.h"
#include "loam/base/json.h"
#include "loam/text/chat_template.h"
#include "loam/text/offsets.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

void print_ids(const std::vector<int32_t>& ids, const char* between) {
  std::string out;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (i > 0) out += between;
    fmt::format_to(std::back_inserter(out), "{}", ids[i]);
    if (out.size() > size_t{1} << 20) {
      std::cout << out;
      out.clear();
    }
  }
  std::cout << out;
}

/// [[id, begin, end], ...]
int64_t print_offsets(const std::vector<TokenOffsets>& tokens) {
  std::string out = "[";
  for (const TokenOffsets& token : tokens) fmt::format_to(std::back_inserter(out), "{}[{},{},{}]", out.size() > 1 ? "," : "", token.id, token.begin, token.end);
  std::cout << out << "]\n";
  return static_cast<int64_t>(tokens.size());
}

std::vector<ChatMessage> messages_of(std::string_view line) {
  const Json row = parse_json(line, "a dialogue");
  const Json& list = row.is_object() && row.contains("messages") ? row["messages"] : row;
  require_input(list.is_array() && !list.empty(), "a dialogue is an object with a list \"messages\", or that list; found ", line.substr(0, 80));
  const auto read = [&](const Json& object, const char* key) {
    require_input(!object.is_object() || !object.contains(key) || object[key].is_null() || object[key].empty(), "--chat reads roles and contents alone, and this dialogue has ", key,
                  "; `loam render` gives the template all of it, and its text goes through `loam encode --special`");
  };
  for (const char* key : {"tools", "documents"}) read(row, key);
  std::vector<ChatMessage> messages;
  for (const Json& each : list) read(each, "tool_calls");
  for (const Json& each : list) messages.push_back({get_string(each, "role"), get_string(each, "content")});
  return messages;
}

Report encode(const std::string& folder, const std::string& file, bool special, bool lines, bool chat, bool count, bool offsets, const Run& run) {
  require(!offsets || (!chat && !count), "--offsets goes with neither --chat, whose text is the template's, nor --count");
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const InputText input(file);
  const Specials specials = special ? Specials::recognise : Specials::as_text;
  int64_t tokens = 0, texts = 0;
  std::optional<ChatTemplate> dialogues;
  if (chat) dialogues.emplace(tokenizer);
  const auto one = [&](std::string_view text) {
    if (offsets) {
      tokens += print_offsets(encode_with_offsets(tokenizer, text, specials));
      ++texts;
      return;
    }
    std::vector<int32_t> ids;
    if (dialogues) {
      const std::vector<ChatMessage> messages = messages_of(text);
      ids = dialogues->encode(messages, /*open_answer=*/messages.back().role != "assistant").ids;
    } else {
      ids = tokenizer.encode(text, specials);
    }
    tokens += static_cast<int64_t>(ids.size());
    ++texts;
    if (count && lines) std::cout << ids.size() << "\n";
    if (count) return;
    if (lines) std::cout << "[";
    print_ids(ids, lines ? "," : " ");
    std::cout << (lines ? "]\n" : "\n");
  };
  if (lines) {
    input.for_each_line(one);
  } else {
    one(input.text());
    if (count && !run.flags().json) std::cout << tokens << "\n";
  }
  return report({{"tokens", tokens}, {"bytes", input.text().size()}, {"texts", texts}});
}

}  // namespace

void add_encode(Cli& cli) {
  Verb& verb = cli.add("encode", "text to token ids", "echo -n 'Hello, world' | loam encode --tokenizer tokenizer");
  auto tokenizer = verb.text("tokenizer", "folder with a tokenizer.json", true);
  auto special = verb.flag("special", "read special tokens such as <|endoftext|> as themselves, not as text");
  auto lines = verb.flag("lines", "each line is a text: a JSON array a line");
  auto chat = verb.flag("chat", "the text, or each line, is {\"messages\": [{\"role\", \"content\"}, ...]}, written by the chat template; the answer's turn is begun");
  auto count = verb.flag("count", "print the number of tokens only");
  auto offsets = verb.flag("offsets", "JSON [[id, begin, end], ...]: the bytes of the text that each token stands for");
  auto file = verb.positional("file", "the text; - or nothing: standard input", false);
  verb.run([=](Run& run) { return encode(*tokenizer, *file, *special, *lines, *chat, *count, *offsets, run); });
}

}  // namespace loam
