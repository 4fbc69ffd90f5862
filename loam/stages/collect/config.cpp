// What collect can be told, and how its counts are told.
#include "loam/base/error.h"
#include "loam/stages/collect/collect.h"
#include "loam/stages/collect/kind.h"
#include "loam/stages/collect/main_text.h"
#include "loam/stages/collect/rules.h"

namespace loam {

void CollectConfig::validate() const {
  preset_named(preset, limit);
  if (!format.empty()) kind_named(format);
  text_mode_named(main_text);
  require(dedup.empty() || dedup == "none" || dedup == "exact" || dedup == "near", "--dedup ", dedup, " is not none, exact or near");
  const bool pieces = takes_out("lines") || takes_out("paragraphs");
  require(repeated == "none" || repeated == "lines" || repeated == "paragraphs" || repeated == "substrings" || repeated == "lines+substrings" || repeated == "paragraphs+substrings", "--repeated ", repeated,
          " is not none, lines, paragraphs or substrings", pieces ? "; two of them are lines+substrings or paragraphs+substrings" : "");
  require(repeated_tokens >= 5 && repeated_tokens <= 10000, "--repeated-tokens ", repeated_tokens, " is not in 5 to 10,000");
  require(against.empty() || (dedup.empty() ? preset_named(preset).deduplicates : dedup != "none"), "--against needs --dedup exact or near");
  require(decontaminate_words >= 2 && decontaminate_words <= 1000, "--decontaminate-words ", decontaminate_words, " is not in 2 to 1,000");
  require(language_share >= 0 && language_share <= 1, "--language-share ", language_share, " is not in 0 to 1");
  require(language.empty() || language_model != "none", "--language needs a --language-model other than none");
  require(quality.empty() ? !quality_least && !quality_pareto : !(quality_least && quality_pareto), quality.empty() ? "--quality-least and --quality-pareto need --quality MODEL" : "--quality-least and --quality-pareto exclude each other");
  require(!quality_least || (*quality_least >= 0 && *quality_least <= 1), "--quality-least ", quality_least.value_or(0), " is not in 0 to 1");
  require(!quality_pareto || (*quality_pareto > 0 && *quality_pareto <= 1000), "--quality-pareto ", quality_pareto.value_or(0), " is not above 0 and at most 1,000");
  require(max_document_bytes >= 1000 && max_document_bytes <= (int64_t{1} << 30), "--max-document-bytes ", max_document_bytes, " is not in 1,000 to 1,073,741,824");
  require(save_minutes > 0, "--save-minutes ", save_minutes, " must be above 0");
}

int64_t CollectCounts::all_dropped() const {
  int64_t all = 0;
  for (const auto& [reason, count] : dropped) all += count;
  return all;
}

Json CollectCounts::json() const {
  Json reasons = Json::object();
  for (const auto& [reason, count] : dropped) reasons[reason] = count;
  Json out = {{"name", name}, {"files", files}, {"documents", documents}, {"bytes", bytes}, {"characters", characters}, {"dropped", all_dropped()}, {"reasons", reasons}};
  if (!dropped_bytes.empty()) out["reason_bytes"] = dropped_bytes;
  if (!languages.empty()) out["languages"] = languages;
  if (!languages.empty()) out["language_bytes"] = language_bytes;
  if (!masked.empty()) out["masked"] = masked;
  if (repeated > 0) out["repeated"] = repeated;
  return out;
}

}  // namespace loam
