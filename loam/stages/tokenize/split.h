// Which documents are held out for validation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "loam/base/files.h"
#include "loam/base/stored_files.h"
#include "loam/stages/tokenize/encoded.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// A document in two parts: the first `tokens` tokens are for training, the rest for validation.
struct DocumentCut {
  int64_t document = 0, tokens = 0;
  int64_t train_bytes = 0, val_bytes = 0;
};

struct ValidationSplit {
  /// Documents of each source (EncodedCorpora::sources()) by part, in reading order, in files: memory does not follow their
  /// number.
  std::vector<StoredArray<int64_t>> train, val;
  std::unique_ptr<StoredFiles> files = std::make_unique<StoredFiles>();
  std::optional<DocumentCut> cut;
};

/// A document is held out if its id's hash falls below `fraction` of all hashes: so the choice stays when documents are
/// added, and seeds do not change it. One that alone is longer than that fraction of all text is not. If chance holds
/// out none, the one with the lowest hash is of those that make up half the fraction at least; if there is none either,
/// as with a lone document, the longest is cut near its end, at a blank line or line end where there is one. Sources that are not `kept` are left out
/// of both parts. fraction is in [0, 1); 0: nothing is held out.
ValidationSplit split_documents(const EncodedCorpora& encoded, const Tokenizer& tokenizer, const std::vector<bool>& kept, double fraction,
                                const fs::path& state);

/// Where a document may be cut at or after token `at`: at a blank line within a few thousand tokens, else at a line end,
/// else at any character. Within [1, size - 1]; tokens: at least 2.
int64_t place_to_cut(const std::vector<int32_t>& tokens, const Tokenizer& tokenizer, int64_t at);

}  // namespace loam
