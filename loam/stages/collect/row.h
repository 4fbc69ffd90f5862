// A record on its way into the corpus: read, judged, and written as the row that it becomes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loam/stages/collect/addresses.h"
#include "loam/stages/collect/collect.h"
#include "loam/stages/collect/contamination.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/language.h"
#include "loam/stages/collect/personal.h"
#include "loam/stages/collect/pieces.h"
#include "loam/stages/collect/quality.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/rules.h"
#include "loam/stages/collect/sources.h"

namespace loam {

struct Row {
  std::string row;           // of the documents, or of the ledger
  std::string reason;        // "": it stays
  std::string id, url;       // of one that stays: it may turn out to be a duplicate
  int64_t source = -1;       // where it is not that of its file
  std::string language;
  std::array<int64_t, kPersonalKinds> masked = {};
  TextKey key;
  std::vector<uint64_t> signature;  // where near-duplicates go
  std::vector<TextPiece> pieces;    // where repeated lines or paragraphs go
  int64_t bytes = 0, characters = 0;
  std::string trouble;       // about its file, for people
};

/// What the settings make of each record. Safe on any thread; the same answer on each.
class RowMaker {
 public:
  RowMaker(const SourceList& list, const CollectConfig& config);
  Row make(int64_t file, const RawRecord& record) const;
  /// Of a record of replay.h. What came back from the ledger has no metadata but its file and record.
  Row make_again(const RawRecord& record) const;
  bool exact() const { return exact_; }   ///< texts that came before go
  bool near() const { return near_; }     ///< so do texts much like them
  bool pieces() const { return config_.takes_out("lines") || paragraphs(); }   ///< lines or paragraphs that came before go
  bool paragraphs() const { return config_.takes_out("paragraphs"); }
  bool tells_language() const { return languages_.finds(); }

 private:
  void settle(Extracted& made, Row& row) const;
  bool judge_address(Extracted& made, const std::string& id, int64_t source) const;
  bool judge_language(Extracted& made, std::string& language) const;
  bool judge_quality(Extracted& made) const;
  void judge_text(Extracted& made, Row& row) const;

  const SourceList& list_;
  const CollectConfig& config_;
  Preset preset_;
  TextMode text_mode_;
  bool exact_, near_;
  LanguageFinder languages_;
  std::vector<std::string> wanted_;  // languages; empty: all
  AddressRules addresses_;
  WithdrawnList withdrawn_;
  EvaluationTexts tests_;
  struct Links {
    int64_t source;  // -1: all
    LinkList list;
  };
  std::vector<Links> links_;
  std::optional<QualityModel> quality_;
};

/// Takes pieces out of a row that stays: its text, counts and signature follow. False if no text is left.
bool take_pieces(Row& row, const std::vector<uint8_t>& gone);

/// The files beside the sources that decide what stays: lists, models, evaluation texts.
std::vector<std::string> list_files(const CollectConfig& config);

}  // namespace loam
