#include "loam/stages/pretrain/expected.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

constexpr double kFarBeyond = 4;      // times the largest run of the ladder
constexpr double kRunningMean = 50;   // steps that the trainer's running mean of the loss looks back
constexpr double kEarly = 0.1;        // share of a run before which losses say little

std::vector<double> numbers_of(const Json& from, const char* key) {
  std::vector<double> out;
  for (const Json& value : from.value(key, Json::array())) {
    require_input(value.is_number() && std::isfinite(value.get<double>()), "course.", key, " holds what is no finite number");
    out.push_back(value.get<double>());
  }
  return out;
}

const char* place_in(const LossBand& band, double loss) {
  if (!band.interval) return "";
  return loss < band.interval->low ? "below the band" : loss > band.interval->high ? "above the band" : "inside the band";
}

}  // namespace

ExpectedLoss ExpectedLoss::of(const fs::path& folder, const TokenSet& tokens, const PretrainPlan& plan, bool from_weights, std::vector<std::string>& notes) {
  require(!from_weights, "--ladder and --init: a ladder of fresh models cannot say what a run from trained weights comes to");
  const Artifact ladder = open_artifact(folder, "scores");
  require_input(fs::exists(ladder.path("ladder.json")), folder, " holds scores, but no ladder.json; loam ladder makes one");
  ExpectedLoss out;
  try {
    const Json json = read_json(ladder.path("ladder.json"), int64_t{1} << 26);
    require_input(get_string(json, "tokens") == tokens.artifact().content, "it is of other tokens (", get_string(json, "tokens").substr(0, 12), ", these are ",
                  tokens.artifact().content.substr(0, 12), "): losses on other text or another tokenizer do not compare; make a ladder of these");
    out.law_ = scaling_law_from_json(json.value("law", Json::object()));
    const Json course = json.value("course", Json::object());
    out.share_ = numbers_of(course, "share");
    out.mean_ = numbers_of(course, "mean");
    out.deviation_ = numbers_of(course, "deviation");
    require_input(out.mean_.size() == out.share_.size() && out.deviation_.size() == out.share_.size(), "its course has columns of different lengths");
    const double run_tokens = static_cast<double>(plan.schedule.steps) * static_cast<double>(plan.batch) * static_cast<double>(plan.context);
    out.run_ = {static_cast<double>(matmul_parameters(plan.model)), run_tokens, training_flops_per_token(plan.model, plan.context) * run_tokens, 0};
    double most_parameters = 0, most_tokens = 0;
    for (const Json& row : json.value("rows", Json::array())) {
      most_parameters = std::max(most_parameters, get_number(row, "parameters"));
      most_tokens = std::max(most_tokens, get_number(row, "tokens"));
    }
    require_input(most_parameters > 0 && most_tokens > 0, "it has no rows");
    if (out.run_.parameters > kFarBeyond * most_parameters) notes.push_back(fmt::format("{:.1f} times the parameters of the ladder's largest run: the law reaches far", out.run_.parameters / most_parameters));
    if (out.run_.tokens > kFarBeyond * most_tokens) notes.push_back(fmt::format("{:.1f} times the tokens of the ladder's longest run: the law reaches far", out.run_.tokens / most_tokens));
    if (get_int(json, "context") != plan.context) notes.push_back(fmt::format("the ladder's context is {} tokens, this run's {}: a longer one has a lower loss", get_int(json, "context"), plan.context));
    const char* optimizer = plan.muon ? "muon" : "adamw";
    if (get_string(json, "optimizer", optimizer) != optimizer) notes.push_back(fmt::format("the ladder was trained with {}, this run is with {}", get_string(json, "optimizer"), optimizer));
    const char* family = plan.model.family == Family::gpt2 ? "gpt2" : "llama";
    if (get_string(json, "family") != family) notes.push_back(fmt::format("the ladder is of {} shapes, this run of {}", get_string(json, "family"), family));
  } catch (Error& e) {
    e.during("the ladder ", folder.string());
    throw;
  }
  out.end_ = out.law_.expect(out.run_);
  return out;
}

LossBand ExpectedLoss::band(double tokens) const {
  ScalingRow at = run_;
  at.tokens = std::max(1.0, tokens);
  at.flops = run_.flops / run_.tokens * at.tokens;
  return law_.expect(at);
}

std::optional<LossBand> ExpectedLoss::on_the_way(double share) const {
  if (share_.empty() || share < std::max(kEarly, share_.front())) return std::nullopt;
  size_t i = 0;
  while (i + 2 < share_.size() && share_[i + 1] < share) ++i;
  const size_t j = std::min(i + 1, share_.size() - 1);
  const double part = j == i ? 0 : std::clamp((share - share_[i]) / (share_[j] - share_[i]), 0.0, 1.0);
  const double mean = mean_[i] + part * (mean_[j] - mean_[i]), deviation = deviation_[i] + part * (deviation_[j] - deviation_[i]);
  LossBand band{end_.value * std::exp(mean)};
  if (end_.interval) band.interval = Interval{end_.interval->low * std::exp(mean - 2 * deviation), end_.interval->high * std::exp(mean + 2 * deviation)};
  return band;
}

std::string ExpectedLoss::remark(int64_t step, int64_t steps, double loss) const {
  std::string text = fmt::format(" | expect {:.3f}", end_.value);
  if (end_.interval) text += fmt::format(" ({:.3f} to {:.3f})", end_.interval->low, end_.interval->high);
  // The course's points are means over the twentieth of the run before them; the running mean stands further back in short
  // runs. Compare what is centred on the same step.
  const double share = (static_cast<double>(step) - kRunningMean) / static_cast<double>(steps) + 0.025;
  const auto now = on_the_way(share);
  if (!now || !now->interval) return text;
  if (loss > now->interval->high) return text + fmt::format(", now above {:.3f}", now->interval->high);
  if (loss < now->interval->low) return text + fmt::format(", now below {:.3f}", now->interval->low);
  return text + ", normal";
}

std::string ExpectedLoss::verdict(double tokens, double loss) const {
  const LossBand at = band(tokens);
  if (!at.interval) return fmt::format("expected loss {:.4f}, came to {:.4f} ({:+.2f} %); the ladder has too few runs for a band", at.value, loss, 100 * (loss / at.value - 1));
  return fmt::format("expected loss {:.4f} (95 %: {:.4f} to {:.4f}), came to {:.4f}: {}", at.value, at.interval->low, at.interval->high, loss, place_in(at, loss));
}

Json ExpectedLoss::json(double tokens, double loss) const {
  const LossBand at = band(tokens);
  return {{"loss", at.value},
          {"low", at.interval ? Json(at.interval->low) : Json(nullptr)},
          {"high", at.interval ? Json(at.interval->high) : Json(nullptr)},
          {"inside", at.interval ? Json(loss >= at.interval->low && loss <= at.interval->high) : Json(nullptr)}};
}

}  // namespace loam
