// loam import: another program's model to a model folder.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/exchange/import.h"

namespace loam {
namespace {

struct ImportConfig {
  int64_t context = 0;
  bool spare_rows = false;
  static void fields(auto&& f) {
    f("context", &ImportConfig::context, "longest sequence, where the files say another than is meant; 0: theirs");
    f("spare_rows", &ImportConfig::spare_rows, "take a token table of which over an eighth has no token in the tokenizer");
  }
  void validate() const { require(context >= 0, "--context ", context, " must be 0 or more"); }
};

}  // namespace

void add_import(Cli& cli) {
  Verb& verb = cli.add("import", "another program's model: Hugging Face folder, GGUF, llama2.c", "loam import SmolLM2-135M --out smollm2");
  auto paths = verb.positionals("paths", "a Hugging Face folder; a .gguf file; a llama2.c .bin and its tokenizer.bin");
  auto config = verb.config<ImportConfig>("import");
  verb.out();
  verb.run([=](Run& run) {
    const ImportedModel made = import_model(*paths, run.out(), run.force(), run.progress(), config->context, config->spare_rows);
    const std::string out = run.out().string(), shape = made.config.family == Family::gpt2 ? "gpt2" : made.config.model_type;
    return report({{"out", out}, {"content", made.artifact.content}, {"format", made.format}, {"model_type", shape}, {"parameters", made.parameters},
                   {"vocab_size", made.tokens}, {"context", made.config.context}, {"number_types", made.number_types}},
                  {fmt::format("{}: a {} of {} parameters, {} tokens, context {}, read as {} ({})", out, shape, with_commas(made.parameters), with_commas(made.tokens),
                               made.config.context, made.format, made.number_types)},
                  fmt::format("loam generate {} --prompt \"Once upon a time\"", out));
  });
}

}  // namespace loam
