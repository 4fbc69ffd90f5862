// corpus -> tokens: documents encoded, held-out ones set apart, sources mixed by weight, written as shards.
//
//   TokenizeResult made = tokenize(corpora, "run/tokenizer", config, seed, "run/tokens", force, progress);
//
// Training documents come in an order that the seed decides; at every point the tokens written of each source are as
// near to its weight as whole documents allow, so that any stretch of the shards has the mixture.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/stages/tokenize/dropped_tokens.h"
#include "loam/stages/tokenize/mixture.h"

namespace loam {

struct TokenizeConfig {
  std::vector<std::string> mix;
  std::optional<int64_t> budget;
  double max_epochs = 4;
  double val_fraction = 0.02;
  int64_t shard_tokens = 100'000'000;
  bool count_dropped = false;
  double save_minutes = 5;

  static void fields(auto&& f) {
    f("mix", &TokenizeConfig::mix, "weights of the sources: NAME=WEIGHT,... or a preset (gpt3); without it each source comes once");
    f("budget", &TokenizeConfig::budget, "training tokens to write; a source that has fewer than its weight asks for is written again, in another order");
    f("max_epochs", &TokenizeConfig::max_epochs, "with --mix and no --budget: the most times a source is written");
    f("val_fraction", &TokenizeConfig::val_fraction, "share of the documents held out for validation, chosen by a hash of their ids; 0: none");
    f("shard_tokens", &TokenizeConfig::shard_tokens, "tokens a file holds at most; one document longer than that has a file alone");
    f("count_dropped", &TokenizeConfig::count_dropped, "count the tokens of what the corpora left out too, by source, rule and language, by encoding their ledgers; without it they are about what their bytes say");
    f("save_minutes", &TokenizeConfig::save_minutes, "the most work a kill may lose: files are complete every few seconds anyway");
  }
  /// Throws Error{usage}.
  void validate() const;
};

/// Documents of one language.
struct TokenizedLanguage {
  std::string name;
  int64_t documents = 0, tokens = 0, bytes = 0;
};

/// A source as it was written.
struct TokenizedSource {
  std::string name;
  int64_t documents = 0, tokens = 0, bytes = 0;    ///< all it has; tokens include an end-of-text token a document
  int64_t train_documents = 0, train_tokens = 0;   ///< written for training, repeats counted
  int64_t val_documents = 0, val_tokens = 0;
  double weight = 0;  ///< asked for, of 1
  double share = 0;   ///< of the training tokens written
  double epochs = 0;  ///< training tokens written over those there are
  std::map<std::string, int64_t> languages;  ///< tokens by language, of all it has; empty where no document has one
};

struct TokenizeResult {
  Artifact artifact;
  int64_t documents = 0, vocab_size = 0, train_tokens = 0, val_tokens = 0, train_documents = 0, val_documents = 0, train_bytes = 0, val_bytes = 0;
  std::vector<TokenizedSource> sources;
  std::vector<TokenizedLanguage> languages;   ///< most tokens first; empty where no document has one
  std::vector<DroppedTokens> dropped;         ///< what the corpora left out
};

/// Throws Error{usage, input, io, interrupted}. Killed and run again it goes on, to the same bytes.
TokenizeResult tokenize(const std::vector<Artifact>& corpora, const std::filesystem::path& tokenizer, const TokenizeConfig& config, uint64_t seed,
                        const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
