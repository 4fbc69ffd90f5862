#include "loam/stages/collect/row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include "loam/base/error.h"
#include "loam/formats/utf8.h"
#include "loam/stages/collect/minhash.h"
#include "loam/stages/collect/replay.h"
#include "loam/text/python_text.h"

namespace loam {
namespace {

/// "SOURCE=FILE" or "FILE": the source's number, -1 for all.
std::pair<int64_t, std::string> split_links(const std::string& word, const SourceList& list) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || std::filesystem::exists(word)) return {-1, word};
  const std::string name = word.substr(0, equals);
  const auto it = std::find(list.names.begin(), list.names.end(), name);
  require(it != list.names.end(), "--links ", word, ": no source is called ", name, "; there are ", fmt::format("{}", fmt::join(list.names, ", ")));
  return {it - list.names.begin(), word.substr(equals + 1)};
}

}  // namespace

std::vector<std::string> list_files(const CollectConfig& config) {
  std::vector<std::string> out;
  for (const auto* files : {&config.url_rules, &config.decontaminate, &config.withdrawn}) out.insert(out.end(), files->begin(), files->end());
  for (const std::string& word : config.links) out.push_back(std::filesystem::exists(word) ? word : word.substr(word.find('=') + 1));
  if (config.language_model != "cld2" && config.language_model != "none") out.push_back(config.language_model);
  if (!config.quality.empty()) out.push_back(std::filesystem::is_directory(config.quality) ? (std::filesystem::path(config.quality) / "quality.bin").string() : config.quality);
  return out;
}

bool take_pieces(Row& row, const std::vector<uint8_t>& gone) {
  const Json old = parse_json(row.row, row.id);
  Document d;
  d.id = get_string(old, "id");
  d.text = without_pieces(get_string(old, "text"), row.pieces, gone);
  d.source = get_string(old, "source");
  d.url = get_string(old, "url");
  d.created = get_string(old, "created");
  d.metadata = old.at("metadata");
  if (d.text.empty()) return false;
  row.bytes = static_cast<int64_t>(d.text.size());
  row.characters = count_code_points(d.text);
  if (!row.signature.empty()) row.signature = minhash_signature(d.text);
  row.row = document_row(d);
  return true;
}

RowMaker::RowMaker(const SourceList& list, const CollectConfig& config)
    : list_(list), config_(config), preset_(preset_named(config.preset, config.limit)), text_mode_(text_mode_named(config.main_text)),
      exact_(config.dedup.empty() ? preset_.deduplicates : config.dedup != "none"), near_(config.dedup == "near"), languages_(config.language_model), addresses_(config.url_rules), withdrawn_(config.withdrawn),
      tests_(config.decontaminate, config.decontaminate_words) {
  for (const std::string& word : config.links) {
    const auto [source, file] = split_links(word, list);
    links_.push_back({source, LinkList(file)});
  }
  if (!config.quality.empty()) quality_ = QualityModel::load(config.quality);
  for (const std::string& codes : config.language) {
    for (const std::string_view code : split_at(codes, ',')) wanted_.emplace_back(stripped(code));
  }
}

Row RowMaker::make(int64_t file, const RawRecord& record) const {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  const std::string& source = list_.names[static_cast<size_t>(f.source)];
  std::string id = fmt::format("{}:{}#{}", source, f.below, record.number);
  Extracted made;
  made.document.url = record.url;
  // A web archive's page is not taken apart if its address alone says that it goes.
  const bool known = record.kind == FileKind::warc && record.reason.empty();
  if (!known || judge_address(made, id, f.source)) made = extract_record(record, {config_.text_column, config_.whole_page, text_mode_, config_.mail_subject});
  Document& d = made.document;
  d.source = source;
  d.id = std::move(id);
  Json metadata = {{"file", f.below}};
  if (!record.member.empty()) metadata["member"] = record.member;
  metadata["record"] = record.number;
  metadata["format"] = kind_label(record.kind);
  metadata.update(d.metadata);
  d.metadata = std::move(metadata);
  Row row;
  if (made.reason.empty() && judge_address(made, d.id, f.source)) judge_text(made, row);
  if (!made.reason.empty()) {
    // What the reader refused is about the file, or most of it; what was refused later, about one of its records.
    const bool of_page = made.reason == "http_status" || made.reason == "content_type" || made.reason == "revisit" || made.reason == "redirect" || made.reason == "namespace";
    const bool no_program = made.reason == "unsupported" && record.kind != FileKind::unsupported;  // we could read it, with what is missing here
    const bool whole_file = made.reason == "binary" || no_program || (!record.reason.empty() && record.reason != "unsupported" && !of_page);
    if (whole_file) {
      row.trouble = fmt::format("{}: {}: {}", f.path.string(), made.reason, made.value.is_string() ? made.value.get<std::string>() : fmt::format("{} (limit {})", to_line(made.value), to_line(made.threshold)));
    }
  }
  settle(made, row);
  return row;
}

/// The row of what was judged.
void RowMaker::settle(Extracted& made, Row& row) const {
  Document& d = made.document;
  if (!made.reason.empty()) {
    row.bytes = static_cast<int64_t>(d.text.size());
    row.row = dropped_row({d.id, d.source, d.url, made.reason, std::move(made.value), std::move(made.threshold), std::move(d.text), d.created, judged_reason(made.reason) ? d.metadata : Json()});
    row.reason = std::move(made.reason);
    return;
  }
  row.bytes = static_cast<int64_t>(d.text.size());
  row.characters = count_code_points(d.text);
  if (exact_) row.key = key_of(d.text);
  if (near_) row.signature = minhash_signature(d.text);
  if (pieces()) row.pieces = pieces_of(d.text, paragraphs());
  row.row = document_row(d);
  row.id = std::move(d.id);
  row.url = std::move(d.url);
}

Row RowMaker::make_again(const RawRecord& record) const {
  const Json old = parse_json(record.bytes, "a row of the corpus");
  Extracted made;
  Document& d = made.document;
  d.id = get_string(old, "id");
  d.source = get_string(old, "source");
  d.url = get_string(old, "url", "");
  d.text = get_string(old, "text", "");
  Row row;
  const auto source = std::find(list_.names.begin(), list_.names.end(), d.source);
  require_input(source != list_.names.end(), "the document ", d.id, " is of no source in files.tsv");
  row.source = source - list_.names.begin();
  if (old.contains("reason")) {
    const std::string reason = get_string(old, "reason");
    if (!judged_reason(reason)) {
      row.row = record.bytes;
      row.reason = reason;
      row.bytes = static_cast<int64_t>(d.text.size());
      return row;
    }
    const size_t mark = d.id.rfind('#');
    if (!old.contains("metadata")) d.metadata = {{"file", d.id.substr(d.source.size() + 1, mark - d.source.size() - 1)}, {"record", std::stoll("0" + d.id.substr(mark + 1))}};
  }
  if (old.contains("metadata")) {
    d.created = get_string(old, "created", "");
    d.metadata = old.at("metadata");
    for (const char* judged : {"language", "link_score", "quality"}) d.metadata.erase(judged);
    if (const auto own = d.metadata.find("row_language"); own != d.metadata.end()) {  // the source's, under its name again
      d.metadata["language"] = *own;
      d.metadata.erase("row_language");
    }
  }
  if (judge_address(made, d.id, row.source)) judge_text(made, row);
  settle(made, row);
  return row;
}

/// The text through tidying, language, rules and masking; a reason if it goes.
void RowMaker::judge_text(Extracted& made, Row& row) const {
  Document& d = made.document;
  // What goes is in the ledger as it was read, with the lines that rules took out: there it can be judged again.
  const std::string as_read = d.text;
  struct Restore {
    Extracted& made;
    const std::string& as_read;
    ~Restore() {
      if (!made.reason.empty()) made.document.text = as_read;
    }
  } restore{made, as_read};
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
  if (quality_ && !judge_quality(made)) return;
  if (const auto overlap = tests_.find(d.text)) return refuse("contaminated", overlap->json(), config_.decontaminate_words);
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

/// The score into the metadata; false, with a reason, for a document that goes.
bool RowMaker::judge_quality(Extracted& made) const {
  const double score = std::round(quality_->score(made.document.text) * 1e4) / 1e4;
  made.document.metadata["quality"] = score;
  const double least = config_.quality_least ? *config_.quality_least : config_.quality_pareto ? std::round((1 - pareto_draw(made.document.id, *config_.quality_pareto)) * 1e4) / 1e4 : -1;
  if (config_.quality_pareto ? score > least : score >= least) return true;
  made.reason = "quality";
  made.value = score;
  made.threshold = least;
  return false;
}

/// What the id and the address say; false, with a reason, for a document that goes.
bool RowMaker::judge_address(Extracted& made, const std::string& id, int64_t source) const {
  Document& d = made.document;
  if (withdrawn_.has(id, d.url)) {
    made.reason = "withdrawn";
    made.value = nullptr;
    return false;
  }
  if (const auto verdict = addresses_.judge(d.url)) {
    made.reason = verdict->reason;
    made.value = verdict->value;
    return false;
  }
  for (const Links& links : links_) {
    if (links.source >= 0 && links.source != source) continue;
    const auto score = d.url.empty() ? std::nullopt : links.list.score(d.url);
    if (!score || *score < config_.link_score) {
      made.reason = score ? "link_score" : "not_linked";
      made.value = score ? Json(*score) : Json();
      made.threshold = score ? Json(config_.link_score) : Json();
      return false;
    }
    if (*score != std::numeric_limits<int64_t>::max()) d.metadata["link_score"] = *score;
  }
  return true;
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
