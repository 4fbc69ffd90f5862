// The corpus: documents as rows of `documents-00000.jsonl.zst`..., what was left out as rows of `dropped-00000.jsonl.zst`.
//
//   CorpusReader in(open_artifact(folder, "corpus"));
//   while (auto document = in.next()) use(document->text, in.file(), in.row());
//
//   CorpusWriter out(folder);
//   out.add({.id = "books/a.txt#1", .text = text, .source = "books"});
//   for (const auto& name : out.finish()) artifact.promise(name);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/json.h"

namespace loam {

/// One row of the corpus (the Dolma layout). All text is UTF-8; line ends inside it may be any that Unicode has.
struct Document {
  std::string id;       ///< unique in the corpus and the same in every run; no control characters
  std::string text;
  std::string source;   ///< the source's name
  std::string url;      ///< where it is on the web, if that is known
  std::string added;    ///< left empty by collect: a time of day in here would make equal runs differ
  std::string created;  ///< the document's own date, ISO 8601, if it has one
  Json metadata = Json::object();
  std::string language = {};  ///< as the metadata has it, "" if it does not: what readers find, no field of its own
};

/// One row of the ledger: a document that was left out.
struct Dropped {
  std::string id, source, url;
  std::string reason;      ///< the rule's name, or what was wrong with the file
  Json value, threshold;   ///< what was measured and what it was held against; null where there is nothing to measure
  std::string text;
  std::string created = {};   ///< these two as a document has them: written where there is metadata
  Json metadata = nullptr;
};

/// One line, its line end included. Text that is not UTF-8 is repaired with U+FFFD.
std::string document_row(const Document& document);
std::string dropped_row(const Dropped& dropped);

/// Rows to files. Part k is `documents-<k>.jsonl.zst` with `dropped-<k>.jsonl.zst`, the ledger of the same stretch of
/// input; a part ends with the row that brings both together to `part_bytes`. The bytes depend on the rows alone.
/// Holds 2 MiB of rows and, while a part is packed, zstd's buffers; the rest of the unfinished part is in files beside.
class CorpusWriter {
 public:
  static constexpr int64_t kPartBytes = int64_t{64} << 20;
  /// Rows of the unfinished part wait in `spill`, in the folder itself if it is empty.
  explicit CorpusWriter(std::filesystem::path folder, std::filesystem::path spill = {}, int64_t part_bytes = kPartBytes);

  void add(const Document& document) { add_row(document_row(document)); }
  void drop(const Dropped& dropped) { drop_row(dropped_row(dropped)); }
  void add_row(std::string_view row);   ///< as document_row() gives them
  void drop_row(std::string_view row);
  int64_t documents() const { return documents_; }  ///< rows added so far
  int64_t part() const { return part_; }            ///< parts that are finished files

  /// Writes the last part; the names of all files, in order. At least one part is written, be it empty.
  std::vector<std::string> finish();

  /// Makes the rows of the unfinished part durable in the spill folder; the result goes to resume(). What an earlier
  /// save kept stays good until the caller has stored the new result.
  Json save();
  /// Goes on from what save() returned. Throws Error{input} if what it kept is not there.
  void resume(const Json& saved);

 private:
  struct Pile {  // of the unfinished part: rows in memory, behind those in a file
    const char* kind;
    std::string rows;
    int64_t spilled = 0;
  };
  std::filesystem::path spill_file(const Pile& pile, int64_t part) const;
  void take(Pile& pile, std::string_view row);
  void pack(Pile& pile);
  void end_part();

  std::filesystem::path folder_, spill_;
  int64_t part_bytes_, part_ = 0, documents_ = 0, held_bytes_ = 0;
  Pile kept_{"documents", {}, 0}, dropped_{"dropped", {}, 0};
  int64_t saved_part_ = -1;                     // the part that the last save knows of
  int64_t last_saved_ = 0;                      // spilled files of parts before this one are gone
};

/// Documents in order. Holds one row and a buffer of 1 MiB, whatever the corpus's size.
class CorpusReader {
 public:
  /// All documents of a corpus. `with_metadata` off leaves Document::metadata empty, which is quicker.
  explicit CorpusReader(const Artifact& corpus, bool with_metadata = true);
  /// Those of one documents-*.jsonl.zst alone, so that several can be read at once.
  explicit CorpusReader(const std::filesystem::path& file, bool with_metadata = true);
  ~CorpusReader();
  CorpusReader(CorpusReader&&) noexcept;
  CorpusReader& operator=(CorpusReader&&) noexcept;

  /// None at the end. Throws Error{input} naming file and row if a row is no document or the file is damaged.
  std::optional<Document> next();
  const std::string& file() const;  ///< name of the file that holds the last document: "documents-00000.jsonl.zst"
  int64_t row() const;              ///< its row there, from 0

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Ledger rows of one dropped-*.jsonl.zst, in order. Holds one row and a buffer of 1 MiB.
class LedgerReader {
 public:
  explicit LedgerReader(const std::filesystem::path& file);  ///< throws Error{input} if it cannot be opened
  ~LedgerReader();
  LedgerReader(LedgerReader&&) noexcept;
  std::optional<Dropped> next();   ///< none at the end; throws Error{input} for a row that is none

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// All of them.
std::vector<Dropped> read_dropped(const std::filesystem::path& file);

/// Names of the documents-*.jsonl.zst (or of the ledger's files) of a corpus, in order.
std::vector<std::string> document_files(const Artifact& corpus);
std::vector<std::string> dropped_files(const Artifact& corpus);

/// A finished corpus of documents at hand, with counts; for texts made in memory.
Artifact write_corpus(const std::filesystem::path& folder, const std::vector<Document>& documents, bool force = false);

}  // namespace loam
