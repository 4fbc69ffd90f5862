// loam quality train, loam quality score: a classifier of texts by what they are like.
#include "loam/stages/collect/quality.h"

#include <fmt/format.h>

#include <iostream>

#include "cli/input.h"
#include "cli/verbs.h"
#include "loam/stages/collect/quality_train.h"

namespace loam {
namespace {

Report show(const QualityTrained& made, double seconds) {
  Json json = made.made.counts;
  json["out"] = made.made.folder.string();
  json["content"] = made.made.content;
  json["seconds"] = seconds;
  std::vector<std::string> lines = {fmt::format("{}: learned from {} good and {} bad texts in {:.1f} s", made.made.folder.string(), with_commas(made.good), with_commas(made.bad), seconds)};
  if (const auto& s = made.scores) {
    lines.push_back(fmt::format("of {} good and {} bad ones that were held out: accuracy {:.3f}, AUC {:.3f}, mean score {:.3f} and {:.3f}", with_commas(made.good_held_out), with_commas(made.bad_held_out), s->accuracy, s->auc,
                                s->good_mean, s->bad_mean));
    lines.push_back(fmt::format("GPT-3's sampling (--quality-pareto 9) would keep {:.1f} % of the good and {:.1f} % of the bad", 100 * s->good_kept, 100 * s->bad_kept));
  }
  return report(std::move(json), std::move(lines), fmt::format("loam collect SOURCES --quality {} --quality-pareto 9 --out corpus", made.made.folder.string()));
}

}  // namespace

void add_quality(Cli& cli) {
  Verb& train = cli.add("quality train", "good texts and bad ones to a classifier that `collect --quality` asks", "loam quality train --good wiki/ --good books/ --bad crawl.warc.gz --out quality");
  auto config = train.config<QualityConfig>("quality");
  train.out("folder for the classifier");
  train.run([=](Run& run) {
    const double began = seconds_now();
    const QualityTrained made = train_quality(*config, run.out(), run.force(), run.progress());
    return show(made, seconds_now() - began);
  });

  Verb& score = cli.add("quality score", "what the classifier makes of a text: the chance that it is of the good kind", "loam quality score quality page.txt");
  auto model = score.positional("model", "folder written by `loam quality train`");
  auto file = score.positional("file", "the text; - or nothing: standard input", false);
  score.run([=](Run& run) {
    const QualityModel quality = QualityModel::load(*model);
    const double value = quality.score(InputText(*file).text());
    if (!run.flags().json) std::cout << fmt::format("{:.4f}\n", value);
    return report({{"score", value}});
  });
}

}  // namespace loam
