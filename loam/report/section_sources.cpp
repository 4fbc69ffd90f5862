// What was read: the path's picture, the sources, what was left out and why, and the mixture.
#include <fmt/format.h>

#include <algorithm>

#include "loam/report/flow.h"
#include "loam/report/report.h"

namespace loam {
namespace {

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

/// The rows of counts["sources"], an array of objects with a name or an object by name; empty if there is none.
std::vector<Json> source_rows(const Artifact& artifact) {
  std::vector<Json> out;
  const auto it = artifact.counts.find("sources");
  if (it == artifact.counts.end()) return out;
  for (const auto& [key, value] : it->items()) {
    if (!value.is_object()) continue;
    out.push_back(value);
    if (!value.contains("name")) out.back()["name"] = key;
  }
  return out;
}

std::string count_text(const Json& row, const char* key) { return with_commas(get_int(row, key, int64_t{0})); }

/// "12 exact_duplicate, 3 too_short": the commonest reasons first.
std::string reasons_text(const Json& row) {
  std::vector<std::pair<int64_t, std::string>> reasons;
  const Json counted = row.value("reasons", Json::object());
  for (const auto& [reason, count] : counted.items()) {
    if (count.is_number_integer()) reasons.emplace_back(-count.get<int64_t>(), reason);
  }
  std::sort(reasons.begin(), reasons.end());
  std::string out;
  for (const auto& [negative, reason] : reasons) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", with_commas(-negative), reason);
  return out;
}

Table corpus_table(const MadeArtifact& made) {
  Table table;
  table.caption = fmt::format("{}: {}{}", made.name, headline(made.artifact), made.about.empty() ? "" : ". " + made.about);
  table.columns = {"source", "files", "documents", "text", "left out", "why"};
  table.numeric = {false, true, true, true, true, false};
  for (const Json& row : source_rows(made.artifact)) {
    table.rows.push_back({{get_string(row, "name", "")}, {count_text(row, "files")}, {count_text(row, "documents")},
                          {human_bytes(get_number(row, "bytes", 0.0))}, {count_text(row, "dropped")}, {reasons_text(row)}});
  }
  return table;
}

Table mixture_table(const MadeArtifact& made) {
  Table table;
  const double bytes = get_number(made.artifact.counts, "train_bytes", 0.0), tokens = get_number(made.artifact.counts, "train_tokens", 0.0);
  table.caption = fmt::format("{}: {} training tokens{}, {} held out. Weight: the share asked for; share: what was written; epochs: how often a source's training tokens are in it.",
                              made.name, human_count(tokens), tokens > 0 && bytes > 0 ? fmt::format(" of {:.2f} bytes each", bytes / tokens) : std::string(),
                              human_count(get_number(made.artifact.counts, "val_tokens", 0.0)));
  table.columns = {"source", "documents", "tokens", "weight", "share", "epochs"};
  table.numeric = {false, true, true, true, true, true};
  for (const Json& row : source_rows(made.artifact)) {
    table.rows.push_back({{get_string(row, "name", "")}, {count_text(row, "documents")}, {count_text(row, "tokens")}, {percent(get_number(row, "weight", 0.0))},
                          {percent(get_number(row, "share", 0.0))}, {fmt::format("{:.2f}", get_number(row, "epochs", 0.0))}});
  }
  return table;
}

Table pairs_table(const MadeArtifact& made) {
  Table table;
  table.caption = fmt::format("{}: {} pairs to learn from, {} held out; texts that share a side are on one side of the split.", made.name,
                              count_text(made.artifact.counts, "train"), count_text(made.artifact.counts, "held_out"));
  table.columns = {"source", "pairs"};
  table.numeric = {false, true};
  const Json sources = made.artifact.counts.value("sources", Json::object());
  for (const auto& [source, count] : sources.items()) {
    table.rows.push_back({{source}, {count.is_number_integer() ? with_commas(count.get<int64_t>()) : ""}});
  }
  return table;
}

}  // namespace

DocSection overview_section(const PathData& path) {
  DocSection section{"path", "The path", {}};
  if (path.made.empty()) return section;
  section.blocks.push_back(Figure{flow_picture(path), "Each box is a folder with a manifest; each arrow says what was made from what.", false});
  return section;
}

DocSection sources_section(const PathData& path) {
  DocSection section{"sources", "Sources and mixture", {}};
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind == "corpus" && !source_rows(made.artifact).empty()) section.blocks.push_back(corpus_table(made));
    if (made.artifact.kind == "tokens" && !source_rows(made.artifact).empty()) section.blocks.push_back(mixture_table(made));
    if (made.artifact.kind == "pairs") section.blocks.push_back(pairs_table(made));
  }
  return section;
}

}  // namespace loam
