// Byte-pair merges learnt from counted pieces (Sennrich, Haddow & Birch 2016), exactly: at each step the pair that occurs
// most often in the pieces as merged so far, until the vocabulary is full or no pair is left that occurs often enough.
//
//   LearntMerges learnt = learn_merges(counts.sorted(), {.tokens = 30000 - 1});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loam/base/progress.h"
#include "loam/stages/tokenize/piece_counts.h"
#include "loam/text/bpe.h"

namespace loam {

/// Which of several pairs with one count goes first.
enum class Ties {
  hf,       ///< the lower pair of ids, as Hugging Face's trainer does
  greater,  ///< the greater pair of byte strings
  sentencepiece,  ///< the shorter joined text, of equally long ones the lesser, as SentencePiece's BPE trainer does
};

struct LearnOptions {
  int64_t tokens = 256;    ///< bytes and merges together, 256 or more
  int64_t min_count = 2;   ///< a pair that occurs less often is not merged
  Ties ties = Ties::hf;
};

struct LearntMerges {
  /// 256 bytes in GPT-2's order (those that print come first), then what each merge made.
  std::vector<std::string> tokens;
  std::vector<Merge> merges;
  std::vector<int64_t> counts;  ///< how often each merge's pair occurred when its turn came
};

/// The result depends on the counts alone, not on their order. Sums are 64-bit. Throws Error{interrupted} on request.
LearntMerges learn_merges(const std::vector<PieceCounts::Piece>& pieces, const LearnOptions& options, Progress& progress);

/// GPT-2's order of the bytes as token ids.
std::vector<std::string> byte_tokens();

}  // namespace loam
