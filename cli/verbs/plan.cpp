// loam plan: what a training will take, before it is spent.
#include <fmt/format.h>

#include "cli/recipe.h"
#include "cli/verbs.h"
#include "loam/stages/plan/bill.h"
#include "loam/stages/plan/mixtures.h"

namespace loam {

void add_plan(Cli& cli) {
  Verb& verb = cli.add("plan", "memory, time and money of a training, before they are spent",
                       "loam plan --params 175e9 --tokens 300e9 --gpu v100 --price 1.5\n  loam plan --mix gpt3 --tokens 300e9");
  auto config = verb.config<PlanConfig>("plan");
  auto mix = verb.text("mix", "print a published mixture of sources at --tokens: gpt3");
  verb.run([=](Run&) {
    if (!mix->empty()) {
      const MixturePreset& preset = find_mixture(*mix);
      const double tokens = config->tokens.value_or(preset.paper_tokens);
      return report(mixture_json(preset, tokens), mixture_lines(preset, tokens));
    }
    const Bill bill = make_bill(*config);
    return report(bill.json(), bill.lines());
  });
}

}  // namespace loam
