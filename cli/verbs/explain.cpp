// loam explain and loam verify-resume: what happened in a training run, and whether it can be trusted to go on.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/pretrain/explain.h"
#include "loam/stages/pretrain/verify_resume.h"

namespace loam {
namespace {

struct ProofConfig {
  int64_t steps = 20;
  static void fields(auto&& f) { f("steps", &ProofConfig::steps, "N: 2 N steps in one go are held against N, a stop, and N more"); }
  void validate() const { require(steps >= 1 && steps <= 1'000'000, "--steps must be 1 to 1,000,000"); }
};

}  // namespace

void add_explain(Cli& cli) {
  Verb& verb = cli.add("explain", "what happened in a training run: steps left out, their likely cause, what to try", "loam explain runs/quickstart/base");
  auto folder = verb.positional("run", "a model folder, finished or not");
  verb.run([=](Run&) {
    const std::vector<Finding> findings = explain_run(*folder);
    Json rows = Json::array();
    std::vector<std::string> lines;
    int64_t trouble = 0;
    for (const Finding& f : findings) {
      rows.push_back(to_json(f));
      trouble += f.trouble;
      lines.push_back((f.trouble ? "! " : "  ") + f.what);
      if (!f.cause.empty()) lines.push_back("    likely cause: " + f.cause);
      if (!f.advice.empty()) lines.push_back("    try: " + f.advice);
    }
    if (trouble == 0) lines.push_back("  nothing out of the ordinary");
    return report({{"run", *folder}, {"trouble", trouble}, {"findings", std::move(rows)}}, lines);
  });

  Verb& proof = cli.add("verify-resume", "prove on a run's own shape and text that stopping and going on changes nothing", "loam verify-resume runs/quickstart/base --steps 20");
  auto run_folder = proof.positional("run", "a folder written by `loam pretrain`");
  auto config = proof.config<ProofConfig>("verify_resume");
  auto work = proof.text("work", "folder for the two runs, removed afterwards; by default RUN.verify");
  proof.run([=](Run& run) {
    const std::string place = work->empty() ? (std::filesystem::path(*run_folder) / "").parent_path().string() + ".verify" : *work;
    const ResumeProof p = verify_resume(*run_folder, config->steps, place, run.progress());
    Report r = report({{"steps", p.steps}, {"same", p.same()}, {"straight", p.straight}, {"resumed", p.resumed}, {"straight_loss", p.straight_loss}, {"resumed_loss", p.resumed_loss}},
                      {fmt::format("{} steps in one go:           weights {}, last loss {:.6f}", 2 * p.steps, p.straight.substr(0, 16), p.straight_loss),
                       fmt::format("{} steps, a stop, {} more: weights {}, last loss {:.6f}", p.steps, p.steps, p.resumed.substr(0, 16), p.resumed_loss),
                       p.same() ? "the same bytes: a run like this one can be stopped anywhere" : "NOT the same bytes"});
    if (!p.same()) r.exit = exit_code(ErrorKind::internal);
    return r;
  });
}

}  // namespace loam
