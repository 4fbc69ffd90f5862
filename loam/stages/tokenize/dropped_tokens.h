// Tokens of what corpora left out: by encoding their ledgers, or about, by the bytes that collect counted.
//
//   for (const DroppedTokens& row : count_dropped(corpora, tokenizer, state, progress)) use(row.reason, row.tokens);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/text/tokenizer.h"

namespace loam {

struct TokenizedSource;

/// How documents without a language are named.
inline constexpr const char* kNoLanguage = "-";

struct DroppedTokens {
  std::string source, reason, language;   ///< language: "" where all are counted together
  int64_t documents = 0, bytes = 0;       ///< of their text as the ledger has it
  int64_t tokens = 0;                     ///< an end-of-text token a document included
  bool about = false;                     ///< by their bytes and the source's tokens a byte, not counted

  Json json() const;
};

/// Exact, most tokens first. What is encoded is kept under `state`, a ledger file at a time: the same call goes on.
/// Memory: 4 MiB of texts and the longest one. Throws Error{input, io, interrupted}.
std::vector<DroppedTokens> count_dropped(const std::vector<Artifact>& corpora, const Tokenizer& tokenizer, const std::filesystem::path& state, Progress& progress);

/// By `reason_bytes` of the corpora's manifests and the tokens a byte of the source, or of all sources where it has no documents;
/// nothing for corpora that do not say.
std::vector<DroppedTokens> guess_dropped(const std::vector<Artifact>& corpora, const std::vector<TokenizedSource>& sources);

}  // namespace loam
