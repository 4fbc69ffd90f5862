// A finished corpus as a source: its documents and its ledger, in the order of the sources they came from.
//
//   const Replay replay(open_artifact("corpus", "corpus"));
//   ReplayReader reader = replay.open(part);
//   while (reader.next(record)) ...
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/sources.h"

namespace loam {

/// Rows of one documents-*.jsonl.zst and of its ledger, merged by file and record. Each is a RawRecord whose `replayed` is
/// set and whose bytes are the row. Holds two rows and two blocks.
class ReplayReader {
 public:
  ReplayReader(const std::filesystem::path& documents, const std::filesystem::path& dropped, const std::map<std::string, int64_t>& order);
  ~ReplayReader();
  ReplayReader(ReplayReader&&) noexcept;
  bool next(RawRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Replay {
 public:
  explicit Replay(const Artifact& corpus);
  /// Its parts as files, the sources' names as they were.
  const SourceList& list() const { return list_; }
  ReplayReader open(int64_t part) const;
  /// Source files by the source's place in list().names.
  const std::vector<int64_t>& files() const { return files_; }
  /// files.tsv of a corpus made of this one: the same files, with the documents and ledger rows that they have in it. Reads
  /// the corpus's files, documents-* and then as many dropped-*.
  std::string table(const std::filesystem::path& folder, const std::vector<std::string>& names) const;

 private:
  SourceList list_;
  std::vector<std::filesystem::path> ledgers_;
  std::vector<std::string> rows_;   // of files.tsv: source, file, bytes, SHA-256
  std::vector<int64_t> files_;
  std::map<std::string, int64_t> order_;  // "source:file" to its line in files.tsv
};

/// Whether a document that was left out for this reason has its text in the ledger, so that it can be judged again: what a
/// rule, a list or a comparison said, not what reading the file did.
bool judged_reason(const std::string& reason);

}  // namespace loam
