// loam export: a model folder to another program's files.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/exchange/export.h"

namespace loam {

void add_export(Cli& cli) {
  Verb& verb = cli.add("export", "a model for other programs: Hugging Face folder or GGUF, reopened and compared",
                       "loam export run/base --format gguf --type q8_0 --out base.gguf\n  loam export run/base --format hf --type bf16 --out base-bf16");
  auto folder = verb.positional("model", "a model folder");
  auto config = verb.config<ExportConfig>("export");
  verb.out("folder (hf) or file (gguf) to write");
  verb.run([=](Run& run) {
    const ExportedModel made = export_model(*folder, *config, run.out(), run.force(), run.progress());
    Json json = {{"out", run.out().string()}, {"format", config->format}, {"type", made.type}, {"bytes", made.bytes}, {"files", made.files}, {"allowed_in_spreads", made.allowed},
                 {"in_spreads", made.agreement.in_spreads()}};
    json.update(to_json(made.agreement));
    return report(std::move(json),
                  {fmt::format("{}: {} bytes, {}", run.out().string(), with_commas(made.bytes), made.type), "read again: " + to_text(made.agreement)},
                  fmt::format("loam verify {} {}", *folder, run.out().string()));
  });
}

}  // namespace loam
