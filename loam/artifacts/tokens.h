// Token shards as llm.c reads them, with the document each token came from (docs: contract section 3).
//
//   TokenSet set = TokenSet::open("run/tokens");         // checks sizes, headers and that every token is in the vocabulary
//   set.train().copy(begin, 1024, buffer);               // tokens [begin, begin + 1024) of the split, across files
//   double bits = nats / std::log(2.0) / static_cast<double>(set.val().text_bytes());
//
//   TokenShardWriter out(folder / "train-00000.bin", set.token_bytes());
//   out.add(document_number, tokens);                    // the first one is the end-of-text token
//   out.commit();                                        // .idx, then .bin, by rename
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"

namespace loam {

/// Tokens a file may hold: one less than 2^31, for the count is an int32.
inline constexpr int64_t kMaxShardTokens = (int64_t{1} << 31) - 1;

/// 2 while every id fits in a uint16, 4 above.
inline int token_bytes_for(int64_t vocab_size) { return vocab_size <= 65536 ? 2 : 4; }

/// One shard and its index, mapped and checked. Token values are checked by check_tokens(), which reads them all.
class TokenShard {
 public:
  /// Throws Error{input} naming the file: wrong magic or version, a size that is not what the header says, an index
  /// that does not belong.
  explicit TokenShard(const fs::path& bin);

  int64_t token_count() const { return count_; }
  int64_t document_count() const { return static_cast<int64_t>(starts_.size()); }
  int token_bytes() const { return width_; }
  std::span<const int64_t> starts() const { return starts_; }    ///< of each end-of-text token, ascending, first 0
  std::span<const int64_t> numbers() const { return numbers_; }  ///< rows of documents.tsv
  const fs::path& path() const { return bin_.path(); }

  /// Tokens [begin, begin + count), in range, widened.
  void copy(int64_t begin, int64_t count, int32_t* out) const;
  /// Throws Error{input} naming the file, the place and the token if one is not below `vocab_size`, or a document does
  /// not begin with `eot_id`. One pass over the file, on all threads.
  void check_tokens(int64_t vocab_size, int32_t eot_id) const;

 private:
  MappedFile bin_, idx_;
  int64_t count_ = 0;
  int width_ = 2;
  std::span<const int64_t> starts_, numbers_;
};

/// One part, "train" or "val": its shards as one row of tokens.
class TokenSplit {
 public:
  int64_t token_count() const { return begins_.empty() ? 0 : begins_.back() + shards_.back().token_count(); }
  int64_t document_count() const;
  /// Bytes of the text its documents were made from, repeats counted again; the end-of-text tokens stand for none.
  int64_t text_bytes() const { return text_bytes_; }

  /// Tokens [begin, begin + count) into `out`. The range is in [0, token_count()]. Any thread.
  void copy(int64_t begin, int64_t count, int32_t* out) const;
  int32_t token(int64_t at) const;

  /// Offsets of the documents' end-of-text tokens, in order; rows of documents.tsv alike. Computed at each call.
  std::vector<int64_t> document_starts() const;
  std::vector<int64_t> document_numbers() const;
  const std::vector<TokenShard>& shards() const { return shards_; }

 private:
  friend class TokenSet;
  std::vector<TokenShard> shards_;
  std::vector<int64_t> begins_;  ///< offset of each shard's first token in the split
  int64_t text_bytes_ = 0;
};

/// A finished tokens folder. It also holds the tokenizer it was made with (tokenizer.json, tokenizer_config.json).
class TokenSet {
 public:
  /// Opens and checks. Throws Error{input} naming the file at fault. Hashes are not read (`loam inspect --check` does).
  static TokenSet open(const fs::path& folder);

  const Artifact& artifact() const { return artifact_; }
  const fs::path& folder() const { return artifact_.folder; }
  int64_t vocab_size() const { return vocab_size_; }
  int32_t eot_id() const { return eot_id_; }
  int token_bytes() const { return token_bytes_for(vocab_size_); }
  const TokenSplit& train() const { return train_; }
  /// No tokens where the set was made with --val-fraction 0.
  const TokenSplit& val() const { return val_; }

 private:
  Artifact artifact_;
  int64_t vocab_size_ = 0;
  int32_t eot_id_ = 0;
  TokenSplit train_, val_;
};

/// Writes one shard and its index. Documents are never cut: the caller opens the next shard in time.
class TokenShardWriter {
 public:
  /// `bin` ends in .bin; its index lies beside it. token_bytes: 2 or 4. Throws Error{io}.
  TokenShardWriter(const fs::path& bin, int token_bytes);

  /// A document's tokens, its end-of-text token first. Throws Error{input} past kMaxShardTokens.
  void add(int64_t number, std::span<const int32_t> tokens);
  /// The same as they lie on disk: little-endian, token_bytes each, without the end-of-text token, which goes before.
  void add_raw(int64_t number, int32_t eot_id, std::span<const std::byte> tokens);

  int64_t token_count() const { return count_; }
  void commit();  ///< header, flush, rename: the index first, so that a .bin never lacks its own

 private:
  void begin(int64_t number, int64_t tokens);
  AtomicFile bin_, idx_;
  int width_;
  int64_t count_ = 0;
  std::vector<int64_t> starts_, numbers_;
};

/// "train-00042.bin".
std::string shard_name(const std::string& split, int64_t number);

}  // namespace loam
