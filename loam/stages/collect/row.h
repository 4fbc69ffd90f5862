// A record on its way into the corpus: read, judged, and written as the row that it becomes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "loam/stages/collect/collect.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/language.h"
#include "loam/stages/collect/personal.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/rules.h"
#include "loam/stages/collect/sources.h"

namespace loam {

struct Row {
  std::string row;           // of the documents, or of the ledger
  std::string reason;        // "": it stays
  std::string id, url;       // of one that stays: it may turn out to be a duplicate
  std::string language;
  std::array<int64_t, kPersonalKinds> masked = {};
  TextKey key;
  std::vector<uint64_t> signature;  // where near-duplicates go
  int64_t bytes = 0, characters = 0;
  std::string trouble;       // about its file, for people
};

/// What the settings make of each record. Safe on any thread; the same answer on each.
class RowMaker {
 public:
  RowMaker(const SourceList& list, const CollectConfig& config);
  Row make(int64_t file, const RawRecord& record) const;
  bool exact() const { return exact_; }   ///< texts that came before go
  bool near() const { return near_; }     ///< so do texts much like them
  bool tells_language() const { return languages_.finds(); }

 private:
  bool judge_language(Extracted& made, std::string& language) const;
  void judge_text(Extracted& made, Row& row) const;

  const SourceList& list_;
  const CollectConfig& config_;
  Preset preset_;
  TextMode text_mode_;
  bool exact_, near_;
  LanguageFinder languages_;
  std::vector<std::string> wanted_;  // languages; empty: all
};

}  // namespace loam
