// A source file's records, cut apart but not yet understood: the part of reading that goes in order. What takes time
// (parsing, decoding, extraction) is left for extract.h, which takes records in any order on any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"
#include "loam/base/spare_work.h"
#include "loam/stages/collect/kind.h"

namespace loam {

struct RawRecord {
  FileKind kind = FileKind::text;
  int64_t number = 0;       ///< in its file, from 1; archives are counted through
  std::string member;       ///< path inside an archive, "" outside
  std::string bytes;        ///< as stored
  std::string charset;      ///< what the file is in, if a look at its beginning told; a hint
  std::shared_ptr<const std::vector<std::string>> columns;  ///< of a table
  std::vector<std::string> fields;                          ///< of a table's row, or source, target, ... of a catalogue's entry; of a book see reader.cpp
  int64_t text_field = -1;  ///< which of them is the text, where that was found out
  FileKind inside = FileKind::text;   ///< of a web archive's record: html or text
  std::string url, date, language;    ///< what an archive says of a record
  std::string transfer, coding;       ///< how an HTTP body is packed (loam/formats/http.h)
  int64_t nuls = 0;         ///< zero bytes before the member's text, left out of `bytes`
  bool torn = false;        ///< the record is damaged or cut off: `bytes` is what could be had
  std::string title;        ///< where the file's structure has one: a dictionary's headword
  bool replayed = false;    ///< a row of a corpus or of its ledger (replay.h)
  int64_t part = 0;         ///< of a text too long for one document: from 1
  std::string reason;       ///< not "": no record but what was wrong, with `value` and `threshold`
  Json value, threshold;
};

struct ReaderConfig {
  std::string format;                                  ///< a kind_named(), "" to find out
  std::string text_column;                             ///< of tables and JSON rows, "" to find out
  int64_t max_document_bytes = int64_t{32} << 20;
};

/// Reasons of records that are none: "unsupported", "binary", "damaged" (the file cannot be read or unpacked here; where
/// behind_damage.h knows how, reading goes on behind it), "malformed" (one row, or a file that is not what its name says), "too_large", "no_text" (no text column); of web archives: "http_status",
/// "content_type" and "revisit" (no page, another kind of file, one that was stored before); of wikis: "redirect" and
/// "namespace" (a page that points to another, and talk, templates and the like).
class RecordReader {
 public:
  /// `name` decides the kind and is what messages call the file. Never throws on account of the file: what is wrong
  /// with it comes as a record. What is packed is unpacked early where `spare`, which outlives the reader, has room.
  RecordReader(const std::filesystem::path& file, std::string name, bool named, const ReaderConfig& config, SpareWork* spare = nullptr);
  ~RecordReader();
  RecordReader(RecordReader&&) noexcept;

  /// False at the end. Holds one record and a block of the file.
  bool next(RawRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace loam
