// loam generate: continue a text.
#include <cstdio>
#include <utility>

#include "cli/verbs.h"
#include "loam/infer/open.h"
#include "loam/infer/prompt.h"
#include "loam/infer/session.h"

namespace loam {
namespace {

struct GenerateConfig {
  int64_t max_tokens = 200, top_k = 50;
  double temperature = 0.8, top_p = 1.0;
  static void fields(auto&& f) {
    f("max_tokens", &GenerateConfig::max_tokens, "longest continuation, in tokens");
    f("temperature", &GenerateConfig::temperature, "spread of the choice; 0: always the most likely token");
    f("top_k", &GenerateConfig::top_k, "choose among the k most likely tokens; 0: all");
    f("top_p", &GenerateConfig::top_p, "choose among the most likely tokens that make up this probability");
  }
  void validate() const { require(max_tokens >= 0, "--max-tokens ", max_tokens, " must be 0 or more"); }
};

Report run_generate(Run& run, const GenerateConfig& config, const std::string& path, const std::string& text_before,
                    bool exact, const std::vector<std::string>& stops) {
  const double opened = seconds_now();
  const OpenedModel open = open_for_answers(path);
  const Tokenizer& tokenizer = open.tokenizer;
  for (const auto& warning : open.warnings) run.progress().warn(warning);
  const Prompt prompt = encode_prompt(tokenizer, text_before, !exact);
  SampleSettings settings;
  settings.temperature = config.temperature;
  settings.top_k = config.top_k;
  settings.top_p = config.top_p;
  settings.seed = run.seed();
  Session session(*open.model);
  StreamDecoder decoder(tokenizer, /*show_special=*/false, /*begins_text=*/text_before.empty());
  std::string text;  // all so far; what may yet become a stop text is held back
  size_t written = 0, longest_stop = 0;
  for (const auto& stop : stops) longest_stop = std::max(longest_stop, stop.size());
  std::string reason = "length";
  bool first = true;
  std::vector<int32_t> ids;
  auto write_until = [&](size_t end) {
    if (end > written && !run.flags().json) {
      std::fwrite(text.data() + written, 1, end - written, stdout);
      std::fflush(stdout);
    }
    written = std::max(written, end);
  };
  const double began = seconds_now();
  session.feed(prompt.ids);
  const double read = seconds_now();
  const int64_t drawn = generate(
      session, {}, config.max_tokens, settings, open.ends,
      [&](int32_t id) {
        ids.push_back(id);
        if (tokenizer.has(id)) text += decoder.add(id);
        if (std::exchange(first, false)) text.erase(0, prompt.healed.size());  // the prompt has these bytes already
        for (const auto& stop : stops) {
          const size_t from = text.size() > stop.size() + 64 ? text.size() - stop.size() - 64 : 0;
          if (const size_t at = stop.empty() ? std::string::npos : text.find(stop, from); at != std::string::npos) {
            text.resize(at);
            reason = "stop";
            return false;
          }
        }
        write_until(text.size() > longest_stop ? text.size() - longest_stop : 0);
        return true;
      },
      prompt.first);
  if (reason == "length" && drawn < config.max_tokens) reason = "end of text";
  if (reason != "stop") text += decoder.rest();
  write_until(text.size());
  if (!run.flags().json) std::fputc('\n', stdout);
  const double ended = seconds_now();
  if (session.forgot())
    run.progress().warn("the text is longer than the model's context; its beginning was forgotten on the way");
  return report({{"text", text}, {"ids", ids}, {"tokens", drawn}, {"finish_reason", reason}, {"seconds", ended - began}, {"prompt_tokens", prompt.ids.size()},
                 {"load_seconds", began - opened}, {"prompt_seconds", read - began}, {"generate_seconds", ended - read}});
}

}  // namespace

void add_generate(Cli& cli) {
  Verb& verb = cli.add("generate", "continue a text",
                       "loam generate run/base --prompt \"Once upon a time\" --max-tokens 60 --temperature 0.8");
  auto model = verb.positional("model", "a model folder or a .gguf file");
  auto prompt = verb.text("prompt", "the text to continue");
  auto config = verb.config<GenerateConfig>("generate");
  auto stops = verb.texts("stop", "end before this text; may be given several times");
  auto exact = verb.flag(
      "exact-prompt", "a space at the prompt's end stays a token of its own (it is part of the next word otherwise)");
  verb.run([=](Run& run) { return run_generate(run, *config, *model, *prompt, *exact, *stops); });
}

}  // namespace loam
