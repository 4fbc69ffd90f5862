// loam compare: which of two models is better, by how much, with what certainty.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/evaluate/evaluate.h"

namespace loam {

void add_compare(Cli& cli) {
  Verb& verb = cli.add("compare", "two models on the same rows: which is better, by how much, how certainly",
                       "loam compare run/base run/translator --data run/pairs/held-out.jsonl\n"
                       "  loam compare run/base run/translator --data run/pairs/held-out.jsonl --shots 4 --out run/comparison");
  auto base = verb.positional("base", "a model folder");
  auto tuned = verb.positional("tuned", "another");
  auto config = verb.config<CompareConfig>("compare");
  verb.out("folder for results_<time>.json and samples_compare_<time>.jsonl", /*required=*/false);
  verb.run([=](Run& run) {
    const CompareReport r = compare(*base, *tuned, *config, run.out(), run.seed(), run.force(), run.progress());
    Json json = {{"base", *base}, {"tuned", *tuned}, {"rows", r.rows}, {"comparisons", Json::array()}};
    if (r.artifact) json["out"] = run.out().string(), json["content"] = r.artifact->content;
    std::vector<std::string> lines = {fmt::format("{} rows: {} against {}", with_commas(r.rows), *base, *tuned)};
    for (const auto& c : r.comparisons) {
      json["comparisons"].push_back({{"metric", c.metric}, {"base", c.base}, {"tuned", c.tuned}, {"difference", c.difference}, {"low", c.interval.low}, {"high", c.interval.high}, {"p", c.p}, {"test", c.test}, {"detail", c.detail}});
      const char* verdict = c.p >= 0.05 ? "no significant difference" : c.difference > 0 ? "the second is better" : "the first is better";
      lines.push_back(fmt::format("    {:<18}{:>9.4f} -> {:<9.4f}  difference {:+.4f} (95 %: {:+.4f} to {:+.4f}), p {:.2g} ({}): {}", c.metric, c.base, c.tuned, c.difference, c.interval.low,
                                  c.interval.high, c.p, c.test, verdict));
    }
    return report(json, lines);
  });
}

}  // namespace loam
