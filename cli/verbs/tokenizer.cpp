// loam tokenizer train, import, export.
#include <fmt/format.h>

#include "cli/verbs.h"
#include "loam/stages/tokenize/corpus_batches.h"
#include "loam/stages/exchange/exchange_tokenizer.h"
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

Report import(const std::vector<std::string>& files, const std::string& pattern, Run& run) {
  const ImportedTokenizer made = import_tokenizer(files, pattern, run.out(), run.force());
  const std::string out = run.out().string();
  Json json = {{"out", out}, {"content", made.artifact.content}, {"format", made.format}};
  for (const auto& [key, value] : made.artifact.counts.items()) json[key] = value;
  return report(json, {fmt::format("{}: {} tokens ({} merges, {} added tokens), read as {}", out, with_commas(made.tokenizer.vocab_size()),
                                   with_commas(static_cast<int64_t>(made.tokenizer.parts().merges.size())), made.tokenizer.added().size(), made.format)});
}

Report give_away(const std::string& folder, const std::string& format, Run& run) {
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const std::vector<std::string> files = export_tokenizer(tokenizer, format, run.out(), run.force());
  std::vector<std::string> lines;
  for (const auto& file : files) lines.push_back(fmt::format("{}: written", file));
  Json special = Json::object();
  for (const auto& token : tokenizer.added()) special[token.content] = token.id;
  if (format == "tiktoken") {
    lines.push_back("the form holds neither of these; its reader is to be told them:");
    lines.push_back(fmt::format("  pattern {}", tokenizer.parts().pre_tokenizer.regex()));
    for (const auto& token : tokenizer.added()) lines.push_back(fmt::format("  special {} {}", token.content, token.id));
  }
  return report({{"files", files}, {"format", format}, {"pattern", tokenizer.parts().pre_tokenizer.regex()}, {"special_tokens", special}}, lines);
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

  Verb& in = cli.add("tokenizer import", "other programs' tokenizer files to a tokenizer",
                     "loam tokenizer import encoder.json vocab.bpe --out gpt2");
  auto files = in.positionals("files", "tokenizer.json; vocab.json or encoder.json with merges.txt or vocab.bpe; .tiktoken; .gguf; SentencePiece's .model; llama2.c's .bin");
  auto pattern = in.text("pattern", "for .tiktoken: gpt2, cl100k, o200k, llama3 or a regular expression");
  in.out();
  in.run([=](Run& run) { return import(*files, *pattern, run); });

  Verb& away = cli.add("tokenizer export", "a tokenizer in another program's form",
                       "loam tokenizer export tokenizer --format tiktoken --out mine.tiktoken");
  auto folder = away.positional("tokenizer", "folder with a tokenizer.json");
  auto format = away.text("format", "hf (tokenizer.json), tiktoken (ranks) or gpt2 (vocab.json and merges.txt)", true);
  away.out("the folder to write, for tiktoken the file");
  away.run([=](Run& run) { return give_away(*folder, *format, run); });
}

}  // namespace loam
