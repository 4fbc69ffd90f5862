// loam render: a dialogue as the text that a model's chat template makes of it.
#include <iostream>
#include <optional>

#include "cli/input.h"
#include "cli/verbs.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/json.h"
#include "loam/infer/foreign.h"
#include "loam/jinja/template.h"
#include "loam/text/chat_jinja.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

struct ChatSource {
  std::string text;  ///< Jinja
  Json variables;    ///< bos_token and such
};

ChatSource source_of(const std::string& path) {
  require_input(fs::exists(path), "there is no file or folder ", path);
  const std::string ending = fs::path(path).extension().string();
  if (!fs::is_directory(path) && ending != ".gguf" && ending != ".json") return {read_file(path, int64_t{1} << 21), template_variables(Json::object())};
  std::optional<Tokenizer> tokenizer;
  if (ending == ".gguf") {
    const auto model = open_foreign({path});
    require_input(model->tokenizer().has_value(), path, " holds no tokenizer that loam reads");
    tokenizer.emplace(*model->tokenizer());
  } else {
    tokenizer.emplace(Tokenizer::load(path));
  }
  return {ChatTemplate(*tokenizer).jinja(), template_variables(tokenizer->config())};
}

std::string rendered(const jinja::Template& chat, Json variables, std::string_view text) {
  Json given = parse_json(text, "a dialogue");
  if (given.is_array()) given = Json{{"messages", std::move(given)}};
  require_input(given.is_object() && given.contains("messages") && given["messages"].is_array(),
                "a dialogue is an object with a list \"messages\" and what else the template reads, or that list; found ", text.substr(0, 80));
  const Json& messages = given["messages"];
  const bool answered = !messages.empty() && messages.back().is_object() && messages.back().value("role", Json()) == "assistant";
  variables["add_generation_prompt"] = !answered;
  for (auto& [key, value] : given.items()) variables[key] = std::move(value);
  return chat.render(variables).text;
}

Report render(const std::string& path, const std::string& file, bool lines, const Run& run) {
  const ChatSource source = source_of(path);
  const jinja::Template chat(source.text);
  const InputText input(file);
  int64_t texts = 0, bytes = 0;
  const auto one = [&](std::string_view text) {
    std::string out = rendered(chat, source.variables, text);
    bytes += static_cast<int64_t>(out.size());
    ++texts;
    if (lines) out = to_line(Json(out)) + "\n";
    std::cout << out;
    if (run.flags().json && !out.empty() && out.back() != '\n') std::cout << "\n";
  };
  try {
    if (lines) {
      input.for_each_line(one);
    } else {
      one(input.text());
    }
  } catch (Error& e) {
    e.during("rendering dialogue ", texts + 1, " of ", input.name(), " with the chat template of ", path);
    throw;
  }
  return report({{"texts", texts}, {"bytes", bytes}});
}

}  // namespace

void add_render(Cli& cli) {
  Verb& verb = cli.add("render", "a dialogue as a chat template writes it",
                       "echo '{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}]}' | loam render tokenizer");
  auto source = verb.positional("source", "folder or GGUF file whose chat template is meant, or a file with the template alone");
  auto file = verb.positional("file",
                              "JSON {\"messages\": [...]} with what else the template reads (tools, add_generation_prompt...), or that list; - or nothing: standard input",
                              false);
  auto lines = verb.flag("lines", "each line is a dialogue: a JSON string a line");
  verb.run([=](Run& run) { return render(*source, *file, *lines, run); });
}

}  // namespace loam
