#include "loam/stages/collect/row.h"

#include <fmt/format.h>

#include <algorithm>

#include "loam/formats/utf8.h"
#include "loam/stages/collect/minhash.h"
#include "loam/text/python_text.h"

namespace loam {

RowMaker::RowMaker(const SourceList& list, const CollectConfig& config)
    : list_(list), config_(config), preset_(preset_named(config.preset, config.limit)), text_mode_(text_mode_named(config.main_text)),
      exact_(config.dedup.empty() ? preset_.deduplicates : config.dedup != "none"), near_(config.dedup == "near"), languages_(config.language_model) {
  for (const std::string& codes : config.language) {
    for (const std::string_view code : split_at(codes, ',')) wanted_.emplace_back(stripped(code));
  }
}

Row RowMaker::make(int64_t file, const RawRecord& record) const {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  Extracted made = extract_record(record, {config_.text_column, config_.whole_page, text_mode_, config_.mail_subject});
  Document& d = made.document;
  d.source = list_.names[static_cast<size_t>(f.source)];
  d.id = fmt::format("{}:{}#{}", d.source, f.below, record.number);
  Json metadata = {{"file", f.below}};
  if (!record.member.empty()) metadata["member"] = record.member;
  metadata["record"] = record.number;
  metadata["format"] = kind_label(record.kind);
  metadata.update(d.metadata);
  d.metadata = std::move(metadata);
  Row row;
  if (made.reason.empty()) judge_text(made, row);
  if (!made.reason.empty()) {
    // What the reader refused is about the file, or most of it; what was refused later, about one of its records.
    const bool of_page = made.reason == "http_status" || made.reason == "content_type" || made.reason == "revisit";
    const bool whole_file = made.reason == "binary" || (!record.reason.empty() && record.reason != "unsupported" && !of_page);
    if (whole_file) {
      row.trouble = fmt::format("{}: {}: {}", f.path.string(), made.reason, made.value.is_string() ? made.value.get<std::string>() : fmt::format("{} (limit {})", to_line(made.value), to_line(made.threshold)));
    }
    row.row = dropped_row({d.id, d.source, d.url, made.reason, std::move(made.value), std::move(made.threshold), std::move(d.text)});
    row.reason = std::move(made.reason);
    return row;
  }
  row.bytes = static_cast<int64_t>(d.text.size());
  row.characters = count_code_points(d.text);
  if (exact_) row.key = key_of(d.text);
  if (near_) row.signature = minhash_signature(d.text);
  row.row = document_row(d);
  row.id = std::move(d.id);
  row.url = std::move(d.url);
  return row;
}

/// The text through tidying, language, rules and masking; a reason if it goes.
void RowMaker::judge_text(Extracted& made, Row& row) const {
  Document& d = made.document;
  auto refuse = [&made](std::string reason, Json value, Json threshold) {
    made.reason = std::move(reason);
    made.value = std::move(value);
    made.threshold = std::move(threshold);
  };
  if (preset_.tidies) d.text = tidied(d.text);
  if (d.text.empty()) return refuse("empty", 0, 1);
  if (languages_.finds() && !judge_language(made, row.language)) return;
  if (const auto verdict = judge(d.text, preset_)) return refuse(verdict->reason, verdict->value, verdict->threshold);
  if (d.text.empty()) return refuse("empty", 0, 1);  // all lines were taken out
  if (!config_.mask_personal) return;
  Masked masked = mask_personal(d.text);
  row.masked = masked.counts;
  if (d.metadata.contains("masked")) d.metadata["row_masked"] = d.metadata["masked"];
  d.metadata.erase("masked");
  if (masked.all() == 0) return;
  d.text = std::move(masked.text);
  Json counts = Json::object();
  for (size_t kind = 0; kind < kPersonalKinds; ++kind) {
    if (row.masked[kind] > 0) counts[personal_name(static_cast<Personal>(kind))] = row.masked[kind];
  }
  d.metadata["masked"] = std::move(counts);
}

/// The language into the metadata; false, with a reason, for a document in none of those that stay.
bool RowMaker::judge_language(Extracted& made, std::string& language) const {
  const Guess guess = languages_.of(made.document.text);
  language = guess.code;
  Json& metadata = made.document.metadata;
  if (metadata.contains("language")) metadata["row_language"] = metadata["language"];
  metadata["language"] = guess.code;
  if (wanted_.empty()) return true;
  const bool wanted = std::find(wanted_.begin(), wanted_.end(), guess.code) != wanted_.end();
  if (wanted && guess.share >= config_.language_share) return true;
  made.reason = "language";
  made.value = wanted ? Json(guess.share) : Json(guess.code);
  made.threshold = wanted ? Json(config_.language_share) : Json(wanted_);
  return false;
}

}  // namespace loam
