// corpus -> tokenizer: a byte-level BPE learnt from the documents.
//
//   TrainedTokenizer made = train_tokenizer(corpora, config, out_folder, force, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/text/tokenizer.h"

namespace loam {

struct TokenizerTrainConfig {
  int64_t vocab_size = 0;
  std::string pattern = "cl100k";
  std::vector<std::string> special;
  bool chat = false;
  std::string ties = "hf";
  int64_t min_count = 2;
  int64_t max_pieces = 5'000'000;
  double save_minutes = 5;

  static void fields(auto&& f) {
    f("vocab_size", &TokenizerTrainConfig::vocab_size, "tokens in all: 256 bytes, merges and special tokens; 257 or more");
    f("pattern", &TokenizerTrainConfig::pattern, "what merges never cross: gpt2, cl100k, o200k, llama3 or a regular expression");
    f("special", &TokenizerTrainConfig::special, "a further special token, such as <|tool|>; may be given again");
    f("chat", &TokenizerTrainConfig::chat, "add <|im_start|> and <|im_end|> for chat (ChatML)");
    f("ties", &TokenizerTrainConfig::ties, "of pairs that occur equally often, which goes first: hf (lower ids), sentencepiece (shorter, then lesser text) or greater (greater bytes)");
    f("min_count", &TokenizerTrainConfig::min_count, "a pair that occurs less often is not merged");
    f("max_pieces", &TokenizerTrainConfig::max_pieces, "different words kept in memory, about 100 bytes each; beyond, the rarest are forgotten");
    f("save_minutes", &TokenizerTrainConfig::save_minutes, "keep the counts this often, to go on from after a stop");
  }
  /// Throws Error{usage}.
  void validate() const;
  /// All special tokens in the order of their ids: those asked for, chat's, <|endoftext|> last.
  std::vector<std::string> special_tokens() const;
};

struct TrainedTokenizer {
  Artifact artifact;
  int64_t vocab_size = 0;      ///< what came of it; less than asked for where the corpus is too small
  int64_t merges = 0, documents = 0, text_bytes = 0, pieces = 0, distinct_pieces = 0;
  double count_seconds = 0, learn_seconds = 0;
};

/// Counts the pieces of all documents in parallel, learns the merges, writes tokenizer.json and tokenizer_config.json.
/// The same bytes for any number of threads. What was counted is kept every save_minutes and on request to stop; the
/// merges, which take seconds, are learnt again.
TrainedTokenizer train_tokenizer(const std::vector<Artifact>& corpora, const TokenizerTrainConfig& config,
                                 const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
