// loam tokenizer train: learn a byte-level BPE from a corpus.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/tokenize/corpus_batches.h"
#include "loam/stages/tokenize/train_tokenizer.h"

namespace loam {
namespace {

Report train(const std::vector<std::string>& folders, const TokenizerTrainConfig& config, Run& run) {
  const TrainedTokenizer made = train_tokenizer(open_corpora(folders), config, run.out(), run.force(), run.progress());
  const std::string out = run.out().string();
  const double seconds = made.count_seconds + made.learn_seconds;
  Json json = {{"out", out}, {"content", made.artifact.content}, {"vocab_size", made.vocab_size}, {"merges", made.merges},
               {"documents", made.documents}, {"text_bytes", made.text_bytes}, {"pieces", made.pieces}, {"distinct_pieces", made.distinct_pieces},
               {"count_seconds", made.count_seconds}, {"learn_seconds", made.learn_seconds}};
  return report(json,
                {fmt::format("{}: {} tokens ({} merges) learnt from {} documents, {} of text, {} different words", out, with_commas(made.vocab_size),
                             with_commas(made.merges), with_commas(made.documents), human_bytes(static_cast<double>(made.text_bytes)),
                             with_commas(made.distinct_pieces)),
                 fmt::format("took {:.1f}s: {:.1f}s counting, {:.1f}s learning", seconds, made.count_seconds, made.learn_seconds)},
                fmt::format("loam tokenize --corpus {} --tokenizer {} --out tokens", folders.front(), out));
}

}  // namespace

void add_tokenizer(Cli& cli) {
  Verb& verb = cli.add("tokenizer train", "learn a vocabulary: byte-level BPE",
                       "loam tokenizer train --corpus corpus --vocab-size 16000 --chat --out tokenizer");
  auto config = verb.config<TokenizerTrainConfig>("tokenizer.train");
  auto corpora = verb.texts("corpus", "corpus folder; may be given again, or several in a row", true);
  auto more = verb.positionals("corpora", "further corpus folders", false);
  verb.out();
  verb.run([=](Run& run) {
    std::vector<std::string> folders = *corpora;
    folders.insert(folders.end(), more->begin(), more->end());
    return train(folders, *config, run);
  });
}

}  // namespace loam
