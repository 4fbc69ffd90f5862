// What was read: the path's picture, the sources, what was left out and why, and the mixture.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "loam/report/chart.h"
#include "loam/report/flow.h"
#include "loam/report/html.h"
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
  table.caption = fmt::format("{}: {}{}", made.name, headline(made.artifact), made.about.empty() ? "" : ". " + sentence(made.about));
  table.columns = {"source", "files", "documents", "text", "left out", "why"};
  table.numeric = {false, true, true, true, true, false};
  for (const Json& row : source_rows(made.artifact)) {
    table.rows.push_back({{get_string(row, "name", "")}, {count_text(row, "files")}, {count_text(row, "documents")},
                          {human_bytes(get_number(row, "bytes", 0.0))}, {count_text(row, "dropped")}, {reasons_text(row)}});
  }
  return table;
}

/// What is left after each reason for leaving something out: what cannot be read first, repetition last, as they are
/// judged; nullopt if all stayed.
std::optional<Figure> drops_figure(const MadeArtifact& made) {
  constexpr size_t kMost = 10;
  const int64_t documents = get_int(made.artifact.counts, "documents", int64_t{0});
  std::vector<std::tuple<int, int64_t, std::string>> reasons;  // rank, -count, name
  int64_t dropped = 0;
  const Json counted = made.artifact.counts.value("reasons", Json::object());
  for (const auto& [reason, count] : counted.items()) {
    if (!count.is_number_integer() || count.get<int64_t>() <= 0) continue;
    reasons.emplace_back(reason == "unsupported" || reason == "binary" ? 0 : reason == "duplicate" ? 2 : 1, -count.get<int64_t>(), reason);
    dropped += count.get<int64_t>();
  }
  if (dropped == 0) return std::nullopt;
  std::sort(reasons.begin(), reasons.end());
  int64_t left = documents + dropped;
  std::vector<FunnelRow> rows = {{"found", left, 0}};
  int64_t others = 0, other_reasons = 0;
  auto flush = [&] {
    if (others == 0) return;
    left -= others;
    rows.push_back({fmt::format("{} other reasons", other_reasons), left, others});
    others = 0;
  };
  for (size_t i = 0; i < reasons.size(); ++i) {
    const auto& [rank, negative, name] = reasons[i];
    if (rank == 1 && reasons.size() > kMost && i + 1 >= kMost) {
      others -= negative;
      ++other_reasons;
      continue;
    }
    if (rank == 2) flush();
    std::string words = name;
    std::replace(words.begin(), words.end(), '_', ' ');
    left += negative;
    rows.push_back({words, left, -negative});
  }
  flush();
  return Figure{funnel_chart(rows, "What was left out of " + made.name),
                "How many were left after each reason for leaving one out; each of them, with its value and the limit, is in " + made.name + "/dropped-*.jsonl.zst.", false};
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

/// Tokens by language, the commonest first, and those of what was left out; nothing where they were not counted.
std::vector<Block> token_tables(const MadeArtifact& made) {
  constexpr size_t kMost = 20;
  std::vector<Block> out;
  const Json languages = made.artifact.counts.value("languages", Json::array()), left_out = made.artifact.counts.value("left_out", Json::array());
  auto rest = [](Table& table, const Json& rows, const std::string& what) {
    double tokens = 0;
    for (size_t i = kMost; i < rows.size(); ++i) tokens += get_number(rows[i], "tokens", 0.0);
    if (rows.size() > kMost) table.caption += fmt::format(" {} other {}: {} tokens.", rows.size() - kMost, what, human_count(tokens));
  };
  if (languages.is_array() && !languages.empty()) {
    Table table;
    table.caption = made.name + ": tokens by the language that collect found.";
    table.columns = {"language", "documents", "tokens", "text"};
    table.numeric = {false, true, true, true};
    for (size_t i = 0; i < std::min(kMost, languages.size()); ++i) {
      const Json& row = languages[i];
      const std::string name = get_string(row, "language", "");
      table.rows.push_back({{name == "un" || name == "-" ? "not told" : name}, {count_text(row, "documents")}, {count_text(row, "tokens")}, {human_bytes(get_number(row, "bytes", 0.0))}});
    }
    rest(table, languages, "languages");
    out.push_back(std::move(table));
  }
  if (left_out.is_array() && !left_out.empty()) {
    Table table;
    const bool about = left_out[0].value("about", false);
    table.caption = made.name + ": tokens of what was left out, " + (about ? "about, by its bytes and its source's tokens a byte (`loam tokenize --count-dropped` counts them)." : "counted in the ledger.");
    table.columns = {"rule", "source", "documents", "tokens", "text"};
    table.numeric = {false, false, true, true, true};
    if (!about) {
      table.columns.insert(table.columns.begin() + 2, "language");
      table.numeric.insert(table.numeric.begin() + 2, false);
    }
    for (size_t i = 0; i < std::min(kMost, left_out.size()); ++i) {
      const Json& row = left_out[i];
      table.rows.push_back({{get_string(row, "reason", "")}, {get_string(row, "source", "")}, {count_text(row, "documents")}, {(about ? "about " : "") + count_text(row, "tokens")}, {human_bytes(get_number(row, "bytes", 0.0))}});
      if (!about) table.rows.back().insert(table.rows.back().begin() + 2, Cell{get_string(row, "language", "")});
    }
    rest(table, left_out, "rows");
    out.push_back(std::move(table));
  }
  return out;
}

/// Text by rule and language, as collect counted its bytes; nothing where it did not.
std::optional<Table> bytes_table(const MadeArtifact& made) {
  Table table;
  table.caption = made.name + ": text that stayed, by language, and text that was left out, by rule.";
  table.columns = {"", "documents", "text"};
  table.numeric = {false, true, true};
  auto add = [&](const char* counts_key, const char* bytes_key, const std::string& before) {
    const Json counts = made.artifact.counts.value(counts_key, Json::object()), bytes = made.artifact.counts.value(bytes_key, Json::object());
    std::vector<std::pair<int64_t, std::string>> rows;
    for (const auto& [name, size] : bytes.items()) rows.emplace_back(-size.get<int64_t>(), name);
    std::sort(rows.begin(), rows.end());
    constexpr size_t kMost = 12;
    for (size_t i = 0; i < std::min(kMost, rows.size()); ++i) {
      const std::string& name = rows[i].second;
      table.rows.push_back({{before + (name == "un" ? "language not told" : name)}, {count_text(counts, name.c_str())}, {human_bytes(static_cast<double>(-rows[i].first))}});
    }
  };
  add("languages", "language_bytes", "");
  add("reasons", "reason_bytes", "left out: ");
  if (table.rows.empty()) return std::nullopt;
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

/// What one wants to know first: how good each model is, beside what it must beat, and what it took.
Facts first_facts(const PathData& path) {
  Facts out;
  auto subject = [&](const MadeArtifact& scores) {  // the last model it was made from
    std::string name = scores.name;
    for (const size_t parent : scores.parents) {
      if (path.made[parent].artifact.kind == "model") name = path.made[parent].name;
    }
    return name;
  };
  for (const MadeArtifact& made : path.made) {
    const Json& counts = made.artifact.counts;
    if (made.artifact.kind == "model" && counts.contains("bits_per_byte")) {
      const double floor = get_number(counts, "floor_bits_per_byte", 0.0);
      out.facts.push_back({fmt::format("{:.2f}", get_number(counts, "bits_per_byte", 0.0)), made.name + ": bits a byte, held out", floor > 0 ? fmt::format("an order-3 byte model: {:.2f}", floor) : ""});
    }
    if (made.artifact.kind != "scores") continue;
    const Json detail = counts.value("detail", Json::object());
    if (const Json labels = detail.value("classify", Json()); labels.is_object() && labels.contains("model")) {
      const Json accuracy = labels["model"].value("accuracy", Json::object());
      const Json floor = labels.value("logistic", Json());
      const bool beside = floor.is_object() && floor.contains("accuracy");
      out.facts.push_back({percent(get_number(accuracy, "value", 0.0)), subject(made) + ": right, held out", beside ? "a regression on words: " + percent(get_number(floor["accuracy"], "value", 0.0)) : ""});
    }
    if (const Json chrf = detail.value("compare", Json::object()).value("chrf", Json()); chrf.is_object()) {
      out.facts.push_back({fmt::format("{:.1f}", get_number(chrf, "tuned", 0.0)), subject(made) + ": chrF, held out",
                           fmt::format("before tuning: {:.1f}, p {:.2g}", get_number(chrf, "base", 0.0), get_number(chrf, "p", 1.0))});
    }
  }
  if (path.seconds() > 0) out.facts.push_back({human_time(path.seconds()), "of work", path.threads > 0 ? fmt::format("on {} threads", path.threads) : ""});
  return out;
}

}  // namespace

DocSection overview_section(const PathData& path) {
  DocSection section{"path", "The path", {}};
  if (path.made.empty()) return section;
  if (Facts facts = first_facts(path); !facts.facts.empty()) section.blocks.push_back(std::move(facts));
  section.blocks.push_back(Figure{flow_picture(path), "Each box is a folder with a manifest; each arrow says what was made from what.", false});
  return section;
}

DocSection sources_section(const PathData& path) {
  DocSection section{"sources", "Sources and mixture", {}};
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind == "corpus" && !source_rows(made.artifact).empty()) {
      section.blocks.push_back(corpus_table(made));
      if (auto drops = drops_figure(made)) section.blocks.push_back(std::move(*drops));
      if (auto bytes = bytes_table(made)) section.blocks.push_back(std::move(*bytes));
      for (Block& block : corpus_blocks(made)) section.blocks.push_back(std::move(block));
    }
    if (made.artifact.kind == "tokens" && !source_rows(made.artifact).empty()) {
      section.blocks.push_back(mixture_table(made));
      for (Block& block : token_tables(made)) section.blocks.push_back(std::move(block));
    }
    if (made.artifact.kind == "pairs") section.blocks.push_back(pairs_table(made));
  }
  return section;
}

}  // namespace loam
