// The corpora as tokens in the order they are read: what shards are then written from, in another order.
// Kept in files under state/, one set for each file of a corpus, so that a killed run goes on with the next one.
//
//   EncodedCorpora encoded = encode_corpora(corpora, tokenizer, state, progress);
//   for (int64_t i = 0; i < encoded.documents(); ++i) use(encoded.record(i), encoded.tokens(i));
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "loam/artifacts/corpus.h"
#include "loam/base/files.h"
#include "loam/base/progress.h"
#include "loam/base/stored_files.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// Read from the disk at each call, so that memory does not follow their number. One thread.
class EncodedCorpora {
 public:
  struct Record {
    int64_t begin = 0;       ///< of its tokens in its unit, in tokens
    int64_t tokens = 0;      ///< without an end-of-text token
    int64_t text_bytes = 0;
    uint64_t id_hash = 0;    ///< hash64 of its id
    int32_t source = 0;      ///< in sources()
    int32_t language = 0;    ///< in languages()
  };

  int64_t documents() const { return firsts_.empty() ? 0 : firsts_.back() + units_.back().records.size(); }
  /// In the order of their first document.
  const std::vector<std::string>& sources() const { return sources_; }
  /// As the documents' metadata has them, "" for those without.
  const std::vector<std::string>& languages() const { return languages_; }
  Record record(int64_t document) const;
  /// As they lie in a shard: little-endian, token_bytes() each. The view lives until the next call.
  std::span<const std::byte> tokens(int64_t document) const;
  std::vector<int32_t> wide_tokens(int64_t document) const;
  int token_bytes() const { return width_; }
  /// The lines of documents.tsv: number, corpus file, row, id, url; one file a unit, to be written one after the other.
  const std::vector<fs::path>& tables() const { return tables_; }

 private:
  friend EncodedCorpora encode_corpora(const std::vector<Artifact>&, const Tokenizer&, const fs::path&, Progress&);
  struct Unit {
    int64_t tokens;                ///< their file
    StoredArray<Record> records;
    std::vector<int32_t> sources, languages;  ///< the unit's own numbers to ours
  };
  void add(const fs::path& stem, const Json& made);
  size_t unit_of(int64_t document) const;

  int width_ = 2;
  std::unique_ptr<StoredFiles> files_ = std::make_unique<StoredFiles>();
  mutable std::vector<std::byte> held_;   // tokens() of the last call
  std::vector<Unit> units_;
  std::vector<int64_t> firsts_;  ///< number of each unit's first document
  std::vector<std::string> sources_, languages_;
  std::vector<fs::path> tables_;
};

/// Encodes what is not there yet; documents in parallel, the files in order. Text that looks like a special token is
/// text. Throws Error{interrupted} on request; units that are complete stay.
EncodedCorpora encode_corpora(const std::vector<Artifact>& corpora, const Tokenizer& tokenizer, const fs::path& state, Progress& progress);

}  // namespace loam
