#include "loam/stages/pretrain/verify_resume.h"

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/model/config.h"
#include "loam/stages/pretrain/pretrain.h"

namespace loam {
namespace {

/// Removes a folder when it goes out of scope, whatever happened.
struct Removed {
  fs::path folder;
  ~Removed() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

/// What a run's folder says of it, finished or not.
struct RunFacts {
  Json plan;
  Json settings;
  fs::path tokens;
};

RunFacts facts_of(const fs::path& run) {
  RunFacts facts;
  const fs::path begun = run / "state" / "begun.json", plan = run / "state" / "plan.json";
  require_input(fs::exists(begun) && fs::exists(plan), run.string(), " is no folder that pretrain wrote, or its state/ was removed: it has no state/plan.json");
  facts.plan = read_json(plan);
  facts.settings = read_json(begun).value("config", Json::object());
  facts.tokens = facts.plan.value("tokens", "");
  require_input(!facts.tokens.empty() && is_artifact(facts.tokens), "the tokens of this run, ", facts.tokens.string(), ", are not there any more");
  return facts;
}

double last_loss(const fs::path& folder) {
  const std::string text = read_file(folder / "metrics.jsonl");
  double loss = 0;
  for (size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
    const Json row = parse_json(text.substr(at, text.find('\n', at) - at), "metrics.jsonl");
    if (row.contains("loss") && row["loss"].is_number()) loss = row["loss"].get<double>();
  }
  return loss;
}

}  // namespace

ResumeProof verify_resume(const fs::path& run, int64_t steps, const fs::path& work, Progress& progress) {
  require(steps >= 1, "--steps must be at least 1");
  const RunFacts facts = facts_of(run);
  require(!fs::exists(work), work.string(), " is there already: it would be removed afterwards; name another folder with --work");
  make_folder(work);
  const Removed removed{work};
  write_file(work / "config.json", to_pretty(facts.plan.at("model")));
  PretrainConfig config;
  config.arch = (work / "config.json").string();
  config.steps = 2 * steps;
  config.batch = get_int(facts.plan, "batch");
  config.micro_batch = get_int(facts.plan, "micro_batch");
  config.context = get_int(facts.plan, "context");
  config.lr = get_number(facts.plan, "lr");
  config.schedule = get_string(facts.plan, "schedule");
  config.warmup_steps = std::min(steps, get_int(facts.plan, "warmup_steps"));
  config.eval_every = 0;
  config.sample_every = 0;
  config.dropout = facts.settings.value("dropout", 0.0);
  config.optimizer = get_string(facts.plan, "optimizer");
  config.no_guard = facts.settings.value("no_guard", false);
  config.weight_decay = facts.settings.value("weight_decay", config.weight_decay);
  config.beta1 = facts.settings.value("beta1", config.beta1);
  config.beta2 = facts.settings.value("beta2", config.beta2);
  config.epsilon = facts.settings.value("epsilon", config.epsilon);
  config.clip = facts.settings.value("clip", config.clip);
  const uint64_t seed = facts.settings.value("seed", uint64_t{1234});

  ResumeProof proof;
  proof.steps = steps;
  const fs::path one = work / "straight", two = work / "resumed";
  progress.note(cat(2 * steps, " steps in one go"));
  pretrain(config, facts.tokens, one, seed, false, progress);
  progress.note(cat(steps, " steps, a stop, and ", steps, " more"));
  config.stop_at = steps;
  try {
    pretrain(config, facts.tokens, two, seed, false, progress);
    fail(ErrorKind::internal, "the run did not stop at step ", steps);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::interrupted || fs::exists(two / "manifest.json")) throw;
  }
  config.stop_at = 0;
  pretrain(config, facts.tokens, two, seed, false, progress);
  proof.straight = sha256_file(one / "model.safetensors");
  proof.resumed = sha256_file(two / "model.safetensors");
  proof.straight_loss = last_loss(one);
  proof.resumed_loss = last_loss(two);
  return proof;
}

}  // namespace loam
