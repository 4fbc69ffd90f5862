// Where everything came from, and what it took.
#include <fmt/format.h>

#include "loam/report/flow.h"
#include "loam/report/report.h"

namespace loam {
namespace {

/// Dollars an hour where none is given: about what two cores of a rented machine cost. An assumption, and shown as one.
constexpr double kPricePerHour = 0.10;

/// Models whose training said beforehand what memory it would take.
Table memory_table(const PathData& path) {
  Table table;
  table.caption = "Memory of training: what was predicted before it began, part by part, and the most that the program held while it ran.";
  table.columns = {"model", "weights", "gradients", "optimizer", "activations", "working space", "predicted", "held", "off by"};
  table.numeric = {false, true, true, true, true, true, true, true, true};
  for (const MadeArtifact& made : path.made) {
    const Json predicted = made.artifact.counts.value("predicted_memory", Json::object());
    const double total = get_number(predicted, "total", 0.0), peak = get_number(made.artifact.counts, "peak_memory", 0.0);
    if (total <= 0 || peak <= 0) continue;
    auto part = [&](const char* name) { return human_bytes(get_number(predicted, name, 0.0)); };
    table.rows.push_back({{made.name}, {part("weights")}, {part("gradients")}, {part("optimizer")}, {part("activations")}, {part("working")}, {human_bytes(total)}, {human_bytes(peak)},
                          {fmt::format("{:+.1f}%", 100 * (peak / total - 1))}});
  }
  return table;
}

}  // namespace

DocSection lineage_section(const PathData& path) {
  DocSection section{"lineage", "Hashes and lineage", {}};
  if (path.made.empty()) return section;
  Table table;
  table.caption = "Every artifact by its content: the SHA-256 over the hashes of its files. Two runs that made the same have the same.";
  table.columns = {"artifact", "kind", "content", "made from", "made"};
  for (const MadeArtifact& made : path.made) {
    std::string from;
    for (const size_t parent : made.parents) from += (from.empty() ? "" : ", ") + path.made[parent].name;
    if (made.outside_inputs > 0) {
      from += fmt::format("{}{} outside {}", from.empty() ? "" : ", ", with_commas(made.outside_inputs), made.outside_inputs == 1 ? "input" : "inputs");
    }
    table.rows.push_back({{.text = made.name, .anchor = "artifact-" + made.name}, {made.artifact.kind}, {.text = made.artifact.content, .code = true}, {from}, {made.artifact.created}});
  }
  section.blocks.push_back(std::move(table));
  Table outside;
  outside.caption = "Inputs from outside the path.";
  outside.columns = {"read by", "input", "SHA-256"};
  constexpr size_t kMost = 40;
  size_t left_out = 0;
  for (const MadeArtifact& made : path.made) {
    for (const ArtifactInput& input : made.artifact.inputs) {
      if (path.source_of(input.sha256)) continue;
      if (outside.rows.size() >= kMost) {
        ++left_out;
      } else {
        outside.rows.push_back({{made.name}, {input.path}, {.text = input.sha256, .code = true}});
      }
    }
  }
  if (!outside.rows.empty()) section.blocks.push_back(std::move(outside));
  if (left_out > 0) section.blocks.push_back(Paragraph{fmt::format("{} more are in the artifacts' manifest.json.", with_commas(static_cast<int64_t>(left_out))), true});
  Commands commands;
  for (const MadeArtifact& made : path.made) {
    if (!made.command.empty()) commands.lines.push_back(made.command);
  }
  if (!commands.lines.empty()) {
    section.blocks.push_back(Paragraph{"The commands that made it, in order:"});
    section.blocks.push_back(std::move(commands));
  }
  return section;
}

DocSection cost_section(const PathData& path, const ReportOptions& options) {
  DocSection section{"cost", "Time and cost", {}};
  if (path.seconds() <= 0) return section;
  const double price = options.price_per_hour.value_or(kPricePerHour);
  Table table;
  bool any_planned = false;  // of a run; artifacts made one by one have no plan
  for (const MadeArtifact& made : path.made) any_planned |= made.planned_seconds > 0;
  table.columns = {"stage", "command", "time", "cost"};
  table.numeric = {false, false, true, true, true};
  if (any_planned) table.columns.insert(table.columns.begin() + 2, "planned");
  auto dollars = [&](double seconds) { return fmt::format("${:.4f}", seconds / 3600 * price); };
  auto add = [&](const std::string& name, const std::string& verb, double planned, double seconds, bool strong) {
    std::vector<Cell> row = {{.text = name, .strong = strong}, {verb}, {.text = human_time(seconds), .strong = strong}, {.text = dollars(seconds), .strong = strong}};
    if (any_planned) row.insert(row.begin() + 2, {.text = planned > 0 ? human_time(planned) : "", .strong = strong});
    table.rows.push_back(std::move(row));
  };
  for (const MadeArtifact& made : path.made) {
    if (made.seconds > 0) add(made.name, made.verb, made.planned_seconds, made.seconds, false);
  }
  add("all", "", path.planned_seconds(), path.seconds(), true);
  table.caption = fmt::format("Work alone, summed over interruptions{}.", path.threads > 0 ? fmt::format(", on {} threads{}", path.threads, path.machine.empty() ? "" : " of " + path.machine) : "");
  section.blocks.push_back(std::move(table));
  section.blocks.push_back(Paragraph{options.price_per_hour ? fmt::format("Cost at the price given: ${:g} an hour.", price)
                                                            : fmt::format("Cost at ${:.2f} an hour, about what a machine of this size is rented for: an assumption; loam report --price P takes another.", price),
                                     true});
  if (Table memory = memory_table(path); !memory.rows.empty()) section.blocks.push_back(std::move(memory));
  return section;
}

}  // namespace loam
