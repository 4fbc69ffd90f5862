// loam pairs: parallel pages and catalogues to rows that teach translation.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/pairs/pairs.h"

namespace loam {

void add_pairs(Cli& cli) {
  Verb& verb = cli.add("pairs", "the same pages in two languages, and catalogues, to rows that teach translation",
                       "loam pairs --left help/en-US --right help/fr --catalogue fr.mo --out runs/mine/pairs");
  auto config = verb.config<PairsConfig>("pairs");
  verb.out();
  verb.run([=](Run& run) {
    const Artifact made = make_pairs(*config, run.out(), run.force(), run.progress());
    const int64_t train = get_int(made.counts, "train"), held_out = get_int(made.counts, "held_out");
    Json json = {{"out", run.out().string()}, {"content", made.content}, {"counts", made.counts}};
    return report(std::move(json), {fmt::format("{}: {} pairs to learn from, {} held out", run.out().string(), with_commas(train), with_commas(held_out))},
                  fmt::format("loam finetune instruct --base MODEL --data {} --out MODEL", (run.out() / "train.jsonl").string()));
  });
}

}  // namespace loam
