#include "loam/stages/ladder/ladder.h"

#include <fmt/format.h>

#include <cmath>

#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"

namespace loam {
namespace {

Json plan_to_json(const LadderPlan& plan) {
  Json json = {{"ratio", plan.ratio}, {"seconds", plan.seconds}, {"runs", Json::array()}};
  for (const PlannedRung& run : plan.runs) {
    json["runs"].push_back({{"layers", run.size.layers}, {"channels", run.size.channels}, {"share", run.share}, {"tokens", run.tokens}, {"target", run.is_target}});
  }
  return json;
}

LadderPlan plan_from_json(const Json& json) {
  LadderPlan plan;
  plan.ratio = get_number(json, "ratio");
  plan.seconds = get_number(json, "seconds");
  for (const Json& run : json.at("runs")) {
    plan.runs.push_back({{get_int(run, "layers"), get_int(run, "channels")}, get_number(run, "share"), get_int(run, "tokens"), get_bool(run, "target")});
  }
  return plan;
}

std::string band_text(const LossBand& band) {
  if (!band.interval) return fmt::format("{:.4f} (too few runs to say how sure)", band.value);
  return fmt::format("{:.4f} (95 %: {:.4f} to {:.4f})", band.value, band.interval->low, band.interval->high);
}

Json band_json(const LossBand& band) {
  return {{"loss", band.value}, {"low", band.interval ? Json(band.interval->low) : Json(nullptr)}, {"high", band.interval ? Json(band.interval->high) : Json(nullptr)}};
}

Json place_json(const PlannedRung& rung, const ScalingRow& at) {
  return {{"name", rung.name()}, {"layers", rung.size.layers}, {"channels", rung.size.channels}, {"parameters", at.parameters}, {"tokens", at.tokens}, {"flops", at.flops}};
}

bool inside(const LossBand& band, double loss) { return band.interval && loss >= band.interval->low && loss <= band.interval->high; }

Json row_json(const LadderRow& row) {
  Json json = place_json(row.rung, row.at);
  json["share"] = row.rung.share;
  json["role"] = row.rung.is_target ? "target" : "rung";
  json["steps"] = row.result.steps;
  json["batch"] = row.result.batch;
  json["loss"] = row.at.loss;
  json["bits_per_byte"] = row.result.bits_per_byte ? Json(*row.result.bits_per_byte) : Json(nullptr);
  json["fitted"] = row.fitted;
  json["model"] = row.result.content;
  return json;
}

/// The law along sizes that read `ratio` tokens a parameter, from the smallest run to three times the compute of the
/// largest: the line of a picture.
Json curve_json(const LadderReport& report) {
  const ScalingRow &first = report.rows.front().at, &last = report.rows.back().at;
  // Operations a token and parameter: 6 and attention's, between the two ends.
  const double first_work = first.flops / first.tokens / first.parameters, last_work = last.flops / last.tokens / last.parameters;
  constexpr int kDrawn = 40;
  const double from = std::log(first.parameters), to = std::log(last.parameters * std::sqrt(3.0)), span = std::log(last.parameters) - from;
  Json flops = Json::array(), loss = Json::array();
  for (int k = 0; k <= kDrawn; ++k) {
    const double n = from + (to - from) * k / kDrawn, share = span > 0 ? std::min(1.0, (n - from) / span) : 1;
    ScalingRow at;
    at.parameters = std::exp(n);
    at.tokens = report.plan.ratio * at.parameters;
    at.flops = at.parameters * at.tokens * (first_work + (last_work - first_work) * share);
    flops.push_back(at.flops);
    loss.push_back(report.law.loss(at));
  }
  return {{"ratio", report.plan.ratio}, {"flops", flops}, {"loss", loss}};
}

/// The table for people, as Markdown.
std::string readable(const LadderReport& report) {
  std::string text = "# Ladder\n\n";
  for (const std::string& line : report.table()) text += line + "\n";
  return text;
}

}  // namespace

std::vector<std::string> LadderReport::table() const {
  std::vector<std::string> lines = {"| run | parameters | tokens | operations | loss | the law says | off by |", "|---|---:|---:|---:|---:|---:|---:|"};
  for (const LadderRow& row : rows) {
    lines.push_back(fmt::format("| {}{} | {} | {} | {:.3g} | {:.4f} | {:.4f} | {:+.2f} % |", row.rung.name(), row.rung.is_target ? " (foretold)" : "", human_count(row.at.parameters),
                                human_count(row.at.tokens), row.at.flops, row.at.loss, row.fitted, 100 * (row.fitted / row.at.loss - 1)));
  }
  lines.push_back("");
  lines.push_back("law of the rungs: " + law.formula() + " (" + law.why + ")");
  lines.push_back(fmt::format("{}: foretold {}, true {:.4f}: {:+.2f} % off{}", rows.back().rung.name(), band_text(prediction), truth, 100 * error,
                              !prediction.interval ? "" : inside(prediction, truth) ? ", inside the band" : ", outside the band"));
  lines.push_back("law with it: " + whole.formula());
  return lines;
}

LadderReport ladder(const LadderConfig& config, const Artifact& tokens, LadderTrainer& trainer, const fs::path& out_folder, uint64_t seed, bool force, Progress& progress) {
  config.validate();
  Json settings = fields_to_json(config);
  settings["seed"] = seed;
  settings.erase("save_minutes");  // when a checkpoint is written changes nothing
  const fs::path plan_file = out_folder / "state" / "plan.json";
  LadderReport report;
  const bool planned = fs::exists(plan_file) && !force;
  if (!planned) {
    // A finished ladder is refused before anything is timed; its constructor says why.
    if (is_artifact(out_folder) && !force) ArtifactWriter(out_folder, "scores", settings, {tokens.as_input()}, false);
    report.plan = plan_ladder(config, trainer, progress);
  }
  ArtifactWriter out(out_folder, "scores", settings, {tokens.as_input()}, force);
  if (!out.resumed()) fs::remove_all(out.path("rungs"));  // of a ladder that --force replaces
  if (planned) {
    report.plan = plan_from_json(read_json(plan_file));
  } else {
    write_file(plan_file, to_pretty(plan_to_json(report.plan)));
  }
  const PlannedRung& target = report.plan.runs.back();
  progress.note(fmt::format("{} runs of {} sizes, then {} foretold and trained; {:.3g} tokens a parameter{}", report.plan.runs.size() - 1,
                            [&] {
                              size_t sizes = 0;
                              for (size_t i = 0; i + 1 < report.plan.runs.size(); ++i) sizes += i == 0 || !(report.plan.runs[i].size == report.plan.runs[i - 1].size);
                              return sizes;
                            }(),
                            target.name(), report.plan.ratio, report.plan.seconds > 0 ? ", about " + human_time(report.plan.seconds) + " in all" : ""));
  auto place = [&](const PlannedRung& rung, int64_t read) {
    const SizeFacts facts = trainer.facts(rung.size);
    ScalingRow at;
    at.parameters = static_cast<double>(facts.parameters);
    at.tokens = static_cast<double>(read);
    at.flops = facts.flops_per_token * at.tokens;
    return at;
  };
  auto train = [&](const PlannedRung& rung) {
    stop_if_requested("the rungs that are finished stay; the same command goes on");
    LadderRow row;
    row.rung = rung;
    try {
      row.result = trainer.train(rung.size, rung.tokens, out.path("rungs") / rung.name(), progress);
    } catch (Error& e) {
      e.during("rung ", rung.name());
      throw;
    }
    require_input(std::isfinite(row.result.loss) && row.result.loss > 0, "rung ", rung.name(), " ended with a loss of ", row.result.loss, ": no law can be fitted to it");
    row.at = place(rung, row.result.tokens);
    row.at.loss = row.result.loss;
    progress.note(fmt::format("{} of {}: {} with {} tokens: loss {:.4f}", report.rows.size() + 1, report.plan.runs.size(), rung.name(), human_count(row.at.tokens), row.at.loss));
    report.rows.push_back(std::move(row));
  };

  for (size_t i = 0; i + 1 < report.plan.runs.size(); ++i) train(report.plan.runs[i]);
  std::vector<ScalingRow> at;
  for (const LadderRow& row : report.rows) at.push_back(row.at);
  report.law = fit_scaling_law(at, seed);
  const ScalingRow next = place(target, target.tokens);
  report.prediction = report.law.expect(next);
  progress.note("law: " + report.law.formula() + " (" + report.law.why + ")");
  progress.note(fmt::format("foretold for {}, {} parameters and {} tokens, before it is trained: loss {}", target.name(), human_count(next.parameters), human_count(next.tokens), band_text(report.prediction)));
  Json foretold = place_json(target, next);
  foretold.update(band_json(report.prediction));
  foretold["law"] = to_json(report.law, false);
  // On disk before the target has read a token. A resumed ladder comes to the same bytes again.
  if (!fs::exists(out.path("prediction.json"))) write_file(out.path("prediction.json"), to_pretty(foretold));

  train(target);
  for (LadderRow& row : report.rows) row.fitted = report.law.loss(row.at);
  report.truth = report.rows.back().at.loss;
  report.error = report.prediction.value / report.truth - 1;
  at.push_back(report.rows.back().at);
  report.whole = fit_scaling_law(at, seed);

  std::vector<fs::path> folders;
  std::vector<double> losses;
  double seconds = 0;
  for (const LadderRow& row : report.rows) {
    folders.push_back(out.path("rungs") / row.rung.name());
    losses.push_back(row.at.loss);
    seconds += row.result.seconds;
  }
  const LossCourse course = loss_course(folders, losses);
  Json json = {{"format", 1}, {"tokens", tokens.content}, {"family", config.family}, {"optimizer", config.optimizer}, {"context", config.context}, {"seed", seed}, {"ratio", report.plan.ratio}};
  json["rows"] = Json::array();
  for (const LadderRow& row : report.rows) json["rows"].push_back(row_json(row));
  json["prediction"] = foretold;
  json["truth"] = {{"loss", report.truth}, {"error_percent", 100 * report.error}, {"inside", report.prediction.interval ? Json(inside(report.prediction, report.truth)) : Json(nullptr)}};
  json["law"] = to_json(report.whole, true);
  json["curve"] = curve_json(report);
  json["course"] = {{"share", course.share}, {"mean", course.mean}, {"deviation", course.deviation}};
  write_file(out.path("ladder.json"), to_pretty(json));
  write_file(out.path("ladder.md"), readable(report));
  for (const char* name : {"ladder.json", "ladder.md", "prediction.json"}) out.promise(name);
  out.log("rungs");
  report.artifact = out.finish({{"runs", report.rows.size()}, {"predicted", report.prediction.value}, {"truth", report.truth}, {"error_percent", 100 * report.error},
                                {"formula", report.whole.formula()}, {"seconds", seconds}, {"planned_seconds", report.plan.seconds}});
  return report;
}

}  // namespace loam
