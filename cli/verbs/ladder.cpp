// loam ladder: small models to a scaling law, and the next size foretold and checked.
#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/files.h"
#include "loam/stages/ladder/ladder.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {
namespace {

/// Passes everything on, and is no terminal: Ctrl-C stops a rung, it must not anneal it early.
class Unattended : public Progress {
 public:
  explicit Unattended(Progress& to) : to_(to) {}
  void note(std::string_view line) override { to_.note(line); }
  void warn(std::string_view line) override { to_.warn(line); }
  void update(int64_t done, int64_t total, std::string_view what) override { to_.update(done, total, what); }
  void status(std::string_view line) override { to_.status(line); }

 private:
  Progress& to_;
};

/// Rungs as `loam pretrain` trains them, with its own defaults: what a law of them says, it says about such runs.
class PretrainedRungs : public LadderTrainer {
 public:
  PretrainedRungs(const LadderConfig& config, const fs::path& tokens, uint64_t seed) : config_(config), folder_(tokens), set_(TokenSet::open(tokens)), seed_(seed) {}

  const Artifact& tokens() const { return set_.artifact(); }
  int64_t train_tokens() const override { return set_.train().token_count(); }
  int64_t validation_tokens() const override { return set_.val().token_count(); }

  SizeFacts facts(const ModelSize& size) override {
    const ModelConfig model = shape(size);
    return {matmul_parameters(model), training_flops_per_token(model, config_.context)};
  }

  double tokens_per_s(const ModelSize& size) override {
    PretrainPlan plan;
    plan.model = shape(size);
    plan.context = config_.context;
    plan.muon = config_.optimizer == "muon";
    plan.precision = parse_precision(PretrainConfig().precision);  // as the rungs' own runs
    plan.batch = plan.micro_batch = config_.batch.value_or(std::max<int64_t>(1, 2048 / config_.context));
    return measured_rate(plan);
  }

  RungResult train(const ModelSize& size, int64_t tokens, const fs::path& out, Progress& progress) override {
    if (is_artifact(out)) return finished(open_artifact(out, "model"), tokens);
    // The shape as a file, so that anyone can repeat the rung: loam pretrain --arch ...
    // By its full path: it is one of the run's settings, and the same rung begun from elsewhere must go on.
    const fs::path arch = fs::absolute(out.parent_path() / (size.name() + ".json")).lexically_normal();
    const std::string shape_text = to_pretty(config_to_json(shape(size)));
    if (!fs::exists(arch) || read_file(arch) != shape_text) {
      make_folder(arch.parent_path());
      write_file(arch, shape_text);
    }
    PretrainConfig run;
    run.arch = arch.string();
    run.token_budget = tokens;
    run.optimizer = config_.optimizer;
    run.batch = config_.batch;
    run.context = config_.context;
    run.eval_every = int64_t{1} << 40;  // at the end alone
    run.sample_every = 0;
    run.save_minutes = config_.save_minutes;
    run.measures_floor = false;
    run.validate();
    Unattended unattended(progress);
    return finished(pretrain(run, folder_, out, seed_, /*force=*/false, unattended).artifact, tokens);
  }

 private:
  ModelConfig shape(const ModelSize& size) const {
    ModelConfig model = family_shape(config_.family, size.layers, size.channels, config_.context);
    model.vocab = set_.vocab_size();
    model.bos = model.eos = set_.eot_id();
    return model;
  }

  RungResult finished(const Artifact& model, int64_t tokens) const {
    const Json& counts = model.counts;
    RungResult result;
    require_input(counts.contains("val_loss") && counts["val_loss"].is_number(), model.folder, " has no held-out loss; remove it, and the rung is trained anew");
    require_input(get_int(model.config, "token_budget", int64_t{0}) == tokens, model.folder, " is a run of ", get_int(model.config, "token_budget", int64_t{0}), " tokens, the ladder wants ", tokens,
                  "; remove it, and the rung is trained anew");
    result.loss = counts["val_loss"].get<double>();
    if (counts.contains("bits_per_byte") && counts["bits_per_byte"].is_number()) result.bits_per_byte = counts["bits_per_byte"].get<double>();
    result.tokens = get_int(counts, "tokens");
    result.steps = get_int(counts, "steps");
    result.batch = get_int(counts.value("plan", Json::object()), "batch", int64_t{0});
    result.seconds = get_number(counts, "seconds", 0.0);
    result.content = model.content;
    return result;
  }

  const LadderConfig& config_;
  fs::path folder_;
  TokenSet set_;
  uint64_t seed_;
};

}  // namespace

void add_ladder(Cli& cli) {
  Verb& verb = cli.add("ladder", "train small sizes, fit the scaling law, foretell the next size, train it, compare",
                       "loam ladder --tokens run/tokens --minutes 30 --out run/ladder\n"
                       "  loam ladder --tokens run/tokens --rungs 2x64,3x96,4x128 --target 5x160 --ratio 20 --out run/ladder");
  auto tokens = verb.text("tokens", "folder written by `loam tokenize`", true);
  auto config = verb.config<LadderConfig>("ladder");
  verb.out("folder for ladder.json, ladder.md and the rungs' models");
  verb.run([=](Run& run) {
    PretrainedRungs trainer(*config, *tokens, run.seed());
    const LadderReport r = ladder(*config, trainer.tokens(), trainer, run.out(), run.seed(), run.force(), run.progress());
    const auto band = [](const std::optional<Interval>& i, double Interval::*end) { return i ? Json((*i).*end) : Json(nullptr); };
    Json json = {{"out", run.out().string()}, {"content", r.artifact.content}, {"predicted", r.prediction.value}, {"low", band(r.prediction.interval, &Interval::low)},
                 {"high", band(r.prediction.interval, &Interval::high)}, {"truth", r.truth}, {"error_percent", 100 * r.error}, {"law", to_json(r.law, false)}, {"rows", Json::array()}};
    double seconds = 0;
    for (const LadderRow& row : r.rows) {
      json["rows"].push_back({{"name", row.rung.name()}, {"parameters", row.at.parameters}, {"tokens", row.at.tokens}, {"flops", row.at.flops}, {"loss", row.at.loss}, {"fitted", row.fitted},
                              {"seconds", row.result.seconds}});
      seconds += row.result.seconds;
    }
    json["seconds"] = seconds;
    std::vector<std::string> lines = r.table();
    lines.push_back(fmt::format("{} of training{}", human_time(seconds), r.plan.seconds > 0 ? ", planned " + human_time(r.plan.seconds) : ""));
    return report(json, lines, fmt::format("loam pretrain --tokens {} --ladder {} ... (is its loss normal?)", *tokens, run.out().string()));
  });
}

}  // namespace loam
