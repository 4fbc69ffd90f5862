// A record understood: its text in UTF-8, and what it says of itself. Safe on any thread; the same answer on each.
#pragma once

#include <string>

#include "loam/artifacts/corpus.h"
#include "loam/stages/collect/main_text.h"
#include "loam/stages/collect/reader.h"

namespace loam {

struct ExtractConfig {
  std::string text_column;   ///< of JSON rows; "" takes the first name that is known for it
  bool whole_page = false;   ///< all of a page's visible text, not only the main part
  TextMode main_text = TextMode::balanced;
  bool mail_subject = false; ///< a mail's text begins with its subject
};

struct Extracted {
  Document document;             ///< text, url, created and metadata; id and source are the caller's to set
  std::string title, language;   ///< also in the metadata, where there are any
  std::string reason;            ///< not "": no document; the ledger's reason, with `value` and `threshold`
  Json value, threshold;
};

/// Text has "\n" line ends and no byte order mark; nothing else about plain text changes. Reasons: those of the reader,
/// "binary" (control characters where text was expected), "malformed" (no JSON object), "no_text" (a row without one).
/// "empty" (no text at all).
Extracted extract_record(const RawRecord& record, const ExtractConfig& config);

}  // namespace loam
