// loam tokenize: documents to token shards.
#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"
#include "loam/stages/tokenize/corpus_batches.h"
#include "loam/stages/tokenize/tokenize.h"

namespace loam {
namespace {

Report tokens_of(const std::vector<std::string>& folders, const std::string& tokenizer, const TokenizeConfig& config, Run& run) {
  const double began = seconds_now();
  const TokenizeResult made = tokenize(open_corpora(folders), tokenizer, config, run.seed(), run.out(), run.force(), run.progress());
  const double seconds = seconds_now() - began;
  const std::string out = run.out().string();
  const double read = static_cast<double>(made.artifact.counts.at("train_bytes").get<int64_t>() + made.val_bytes);
  Json json = {{"out", out}, {"content", made.artifact.content}, {"seconds", seconds}};
  for (const auto& [key, value] : made.artifact.counts.items()) json[key] = value;
  std::vector<std::string> lines = {
      fmt::format("{}: {} training and {} validation tokens from {} documents, in {}", out, with_commas(made.train_tokens), with_commas(made.val_tokens),
                  with_commas(made.documents), human_time(seconds)),
      fmt::format("{:.3f} bytes of text a token", read / static_cast<double>(made.train_tokens + made.val_tokens)),
      fmt::format("{:<24} {:>11} {:>15} {:>15} {:>8} {:>8} {:>7}", "source", "documents", "tokens", "written", "weight", "share", "epochs")};
  for (const TokenizedSource& s : made.sources) {
    lines.push_back(fmt::format("{:<24} {:>11} {:>15} {:>15} {:>7.2f}% {:>7.2f}% {:>7.2f}", s.name, with_commas(s.documents), with_commas(s.tokens),
                                with_commas(s.train_tokens), 100 * s.weight, 100 * s.share, s.epochs));
  }
  constexpr size_t kShown = 12;
  if (!made.languages.empty()) lines.push_back(fmt::format("{:<24} {:>11} {:>15}", "language", "documents", "tokens"));
  for (size_t i = 0; i < std::min(kShown, made.languages.size()); ++i) lines.push_back(fmt::format("{:<24} {:>11} {:>15}", made.languages[i].name, with_commas(made.languages[i].documents), with_commas(made.languages[i].tokens)));
  if (made.languages.size() > kShown) lines.push_back(fmt::format("... and {} other languages: loam inspect {}", made.languages.size() - kShown, out));
  if (!made.dropped.empty()) lines.push_back(fmt::format("{:<24} {:>11} {:>15}", "left out", "documents", "tokens"));
  for (size_t i = 0; i < std::min(kShown, made.dropped.size()); ++i) {
    const DroppedTokens& each = made.dropped[i];
    lines.push_back(fmt::format("{:<24} {:>11} {:>15}  {}{}{}", each.reason, with_commas(each.documents), (each.about ? "about " : "") + with_commas(each.tokens), each.source, each.language.empty() ? "" : ", ", each.language));
  }
  if (made.dropped.size() > kShown) lines.push_back(fmt::format("... and {} other rows: loam inspect {}", made.dropped.size() - kShown, out));
  return report(json, lines, fmt::format("loam pretrain --tokens {} --minutes 5 --out model", out));
}

}  // namespace

void add_tokenize(Cli& cli) {
  Verb& verb = cli.add("tokenize", "documents to token shards", "loam tokenize --corpus corpus --tokenizer tokenizer --mix books=0.3,web=0.7 --out tokens");
  auto config = verb.config<TokenizeConfig>("tokenize");
  auto corpora = verb.texts("corpus", "corpus folder; may be given again, or several in a row", true);
  auto more = verb.positionals("corpora", "further corpus folders", false);
  auto tokenizer = verb.text("tokenizer", "folder with a tokenizer.json", true);
  verb.out();
  verb.run([=](Run& run) {
    std::vector<std::string> folders = *corpora;
    folders.insert(folders.end(), more->begin(), more->end());
    return tokens_of(folders, *tokenizer, *config, run);
  });
}

}  // namespace loam
