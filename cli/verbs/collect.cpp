// loam collect: sources to clean documents.
#include "loam/stages/collect/collect.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"

namespace loam {
namespace {

Report show(const Collected& made, double seconds) {
  Json json = made.total.json();
  json.erase("name");
  json["sources"] = Json::array();
  for (const CollectCounts& source : made.sources) json["sources"].push_back(source.json());
  json["out"] = made.corpus.folder.string();
  json["content"] = made.corpus.content;
  json["read_bytes"] = made.read_bytes;
  json["formats"] = made.formats;
  json["resumed"] = made.resumed;
  json["troubles"] = made.troubles;
  json["seconds"] = seconds;
  std::vector<std::string> lines = {fmt::format("{:<20} {:>8} {:>11} {:>10} {:>9}  {}", "source", "files", "documents", "text", "dropped", "why")};
  auto line = [&](const CollectCounts& c) {
    std::string why;
    for (const auto& [reason, count] : c.dropped) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", with_commas(count), reason);
    lines.push_back(fmt::format("{:<20} {:>8} {:>11} {:>10} {:>9}  {}", c.name, with_commas(c.files), with_commas(c.documents), human_bytes(static_cast<double>(c.bytes)), with_commas(c.all_dropped()), why));
  };
  for (const CollectCounts& source : made.sources) line(source);
  if (made.sources.size() > 1) line(made.total);
  std::string languages;
  std::vector<std::pair<int64_t, std::string>> by_count;
  for (const auto& [language, count] : made.total.languages) by_count.emplace_back(-count, language);
  std::sort(by_count.begin(), by_count.end());
  for (const auto& [count, language] : by_count) {
    if (languages.size() < 100) languages += fmt::format("{}{} {}", languages.empty() ? "" : ", ", with_commas(-count), language);
  }
  if (!languages.empty()) lines.push_back("languages: " + languages);
  std::string masked;
  for (const auto& [kind, count] : made.total.masked) masked += fmt::format("{}{} {}", masked.empty() ? "" : ", ", with_commas(count), kind);
  if (!masked.empty()) lines.push_back("replaced: " + masked);
  std::string formats;
  for (const auto& [format, files] : made.formats) formats += fmt::format("{}{} {}", formats.empty() ? "" : ", ", with_commas(files), format);
  lines.push_back("files read as: " + formats);
  lines.push_back(fmt::format("{}: {} documents in {:.1f} s ({} a second); what was left out is in dropped-*.jsonl.zst", made.corpus.folder.string(), with_commas(made.total.documents), seconds,
                              human_bytes(static_cast<double>(made.read_bytes) / std::max(seconds, 1e-3))));
  return report(std::move(json), std::move(lines), fmt::format("loam tokenizer train --corpus {} --vocab-size 4096 --out tokenizer", made.corpus.folder.string()));
}

}  // namespace

void add_collect(Cli& cli) {
  Verb& verb = cli.add("collect", "sources to clean documents: text, Markdown, HTML, JSON, tables, e-mail, catalogues, dictionaries, packed or not",
                       "loam collect books=texts/ mail='archive/*.mbox' --out corpus");
  auto config = verb.config<CollectConfig>("collect");
  auto sources = verb.positionals("sources", "NAME=PATH or PATH: files, folders, patterns; a NAME given twice is one source", /*required=*/false);
  verb.out("folder for the corpus");
  verb.run([=](Run& run) {
    const double began = seconds_now();
    const Collected made = collect(*sources, *config, run.out(), run.force(), run.progress());
    return show(made, seconds_now() - began);
  });
}

}  // namespace loam
