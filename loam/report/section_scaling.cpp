// How the loss falls with size: ladders of small runs, their law, and what it foretold.
#include <fmt/format.h>

#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/report.h"

namespace loam {
namespace {

std::vector<double> numbers(const Json& from) {
  std::vector<double> out;
  for (const Json& value : from) {
    if (value.is_number()) out.push_back(value.get<double>());
  }
  return out;
}

std::string percent_off(double said, double truth) { return fmt::format("{:+.2f} %", 100 * (said / truth - 1)); }

void add_ladder(DocSection& section, const MadeArtifact& made, const Json& ladder) {
  const Json prediction = ladder.value("prediction", Json::object()), truth = ladder.value("truth", Json::object());
  const double said = get_number(prediction, "loss"), was = get_number(truth, "loss");
  const bool banded = prediction.contains("low") && prediction["low"].is_number();
  Facts facts;
  facts.facts.push_back({fmt::format("{:.3f}", said), "loss foretold for " + get_string(prediction, "name"),
                         banded ? fmt::format("95 %: {:.3f} to {:.3f}, before it was trained", get_number(prediction, "low"), get_number(prediction, "high")) : "before it was trained"});
  facts.facts.push_back({fmt::format("{:.3f}", was), "loss it came to", "held-out text, nats a token"});
  facts.facts.push_back({percent_off(said, was), "error of the prediction", banded ? (get_bool(truth, "inside", false) ? "the truth is inside the band" : "the truth is outside the band") : ""});
  section.blocks.push_back(Paragraph{(made.about.empty() ? made.name : made.about) + ": small sizes trained for several lengths, a law fitted to them, and the next size foretold, then trained."});
  section.blocks.push_back(facts);

  Series rungs{"rungs", {}, {}, 1, true, false}, target{"foretold size, trained", {}, {}, 2, true, false};
  Table table;
  table.caption = "Each run: what the law of the rungs alone says beside what it came to.";
  table.columns = {"run", "parameters", "tokens", "operations", "loss", "the law says", "off by"};
  table.numeric = {false, true, true, true, true, true, true};
  for (const Json& row : ladder.value("rows", Json::array())) {
    const bool is_target = get_string(row, "role", "") == "target";
    Series& to = is_target ? target : rungs;
    const double flops = get_number(row, "flops"), loss = get_number(row, "loss"), fitted = get_number(row, "fitted");
    to.x.push_back(flops);
    to.y.push_back(loss);
    table.rows.push_back({{get_string(row, "name") + (is_target ? " (foretold)" : "")}, {human_count(get_number(row, "parameters"))}, {human_count(get_number(row, "tokens"))},
                          {fmt::format("{:.2e}", flops)}, {fmt::format("{:.4f}", loss)}, {fmt::format("{:.4f}", fitted)}, {percent_off(fitted, loss)}});
  }
  const Json curve = ladder.value("curve", Json::object());
  const Series line{fmt::format("the law at {:.3g} tokens a parameter", get_number(curve, "ratio", 0.0)), numbers(curve.value("flops", Json::array())), numbers(curve.value("loss", Json::array())), 3, false, false};
  ChartFrame frame{"Loss against compute", "operations of the whole training", "nats a token, held out", Unit::plain, Unit::plain, 640, 320};
  frame.x_log = frame.y_log = true;
  section.blocks.push_back(Figure{line_chart({line, rungs, target}, frame), "Loss against compute, both axes logarithmic. The line has one number of tokens a parameter; a rung's shorter runs stand beside it."});
  section.blocks.push_back(table);
  const Json law = prediction.value("law", Json::object());
  section.blocks.push_back(Paragraph{fmt::format("Law of the rungs: {} ({}). L: nats a token; N: parameters of the matrix products; D: tokens; C: operations.", get_string(law, "formula", ""), get_string(law, "why", "")), true});
}

}  // namespace

DocSection scaling_section(const PathData& path) {
  DocSection section{"scaling", "Scaling", {}};
  for (const MadeArtifact& made : path.made) {
    const fs::path file = made.artifact.path("ladder.json");
    if (made.artifact.kind != "scores" || !made.artifact.promises("ladder.json") || !fs::exists(file)) continue;
    try {
      DocSection one;
      add_ladder(one, made, read_json(file, int64_t{1} << 26));
      for (Block& block : one.blocks) section.blocks.push_back(std::move(block));
    } catch (Error& e) {
      e.during("the ladder ", file.string());
      throw;
    }
  }
  return section;
}

}  // namespace loam
