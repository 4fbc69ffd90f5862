// collect: sources to a corpus. Reads every file there is, takes its text out, cleans, filters and deduplicates it, and
// writes down what was left out and why.
//
//   const Collected made = collect({"books=texts/", "mail=*.mbox"}, config, "corpus", /*force=*/false, progress);
//   use(made.corpus.folder, made.documents);
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/json.h"
#include "loam/base/progress.h"

namespace loam {

struct CollectConfig {
  std::string preset = "clean";
  std::string text_column, format, main_text = "balanced";
  std::vector<std::string> limit, against;
  std::string dedup, language_model = "cld2";
  std::vector<std::string> language;
  double language_share = 0.65;
  bool mask_personal = false;
  bool whole_page = false, mail_subject = false;
  int64_t max_document_bytes = int64_t{32} << 20;
  double save_minutes = 5;

  static void fields(auto&& f) {
    f("preset", &CollectConfig::preset, "which documents stay: none (all, as read), dedup (each text once), clean (running text), gopher (long English prose); by their programs' rules gopher/datatrove, gopher-repetition, c4, fineweb, fineweb/code, fineweb/paper, refinedweb; several joined by +");
    f("limit", &CollectConfig::limit, "REASON=VALUE: what the rule with that reason in the ledger is held against instead; may be given again");
    f("dedup", &CollectConfig::dedup, "which documents are left out as repeated: none, exact (the same words), near (also those that share much of their text: MinHash, 14 buckets of 8, datatrove's signatures); what the preset does if not given");
    f("against", &CollectConfig::against, "a corpus whose documents are not to come again; may be given again");
    f("language", &CollectConfig::language, "codes of the languages that stay, such as en,fr; all if not given");
    f("language_share", &CollectConfig::language_share, "the share of a text that must be in one of these, by its first 64 KiB");
    f("language_model", &CollectConfig::language_model, "what tells languages: cld2 (part of the program), none, or a fastText model's file");
    f("mask_personal", &CollectConfig::mask_personal, "replace e-mail addresses, public IPv4 addresses, telephone, account and card numbers by examples, the same for the same");
    f("text_column", &CollectConfig::text_column, "where tables and JSON rows have their text; found by its name (text, content, body...) if not given");
    f("format", &CollectConfig::format, "read every file as: text, markdown, rst, pod, man, html, json, jsonl, csv, mail, mbox, mo, po, dict, warc; found out if not given");
    f("whole_page", &CollectConfig::whole_page, "all visible text of HTML pages, not only the main part");
    f("main_text", &CollectConfig::main_text, "how a page's main text is found: balanced, precision (only what is surely of it), recall (all but what is surely around it)");
    f("mail_subject", &CollectConfig::mail_subject, "begin a mail's text with its subject (headers are in the metadata)");
    f("max_document_bytes", &CollectConfig::max_document_bytes, "longer plain texts are cut at an empty line, line or word; other longer documents are left out");
    f("save_minutes", &CollectConfig::save_minutes, "minutes between saves of unfinished work");
  }
  void validate() const;  ///< throws Error{usage}
};

/// Counts of a source, or of all.
struct CollectCounts {
  std::string name;
  int64_t files = 0, documents = 0, bytes = 0, characters = 0;   ///< of the text that stayed
  std::map<std::string, int64_t> dropped;                        ///< documents left out, by reason
  std::map<std::string, int64_t> languages;                      ///< documents that stayed, by language
  std::map<std::string, int64_t> masked;                         ///< replacements in them, by kind

  int64_t all_dropped() const;
  Json json() const;
};

struct Collected {
  Artifact corpus;
  std::vector<CollectCounts> sources;
  CollectCounts total;
  int64_t read_bytes = 0;             ///< of the source files
  std::map<std::string, int64_t> formats;  ///< files by what they were read as
  std::vector<std::string> troubles;  ///< files that could not be read or only in part, with the reason; the first 100
  bool resumed = false;
};

/// The corpus in `out`: documents-*.jsonl.zst, dropped-*.jsonl.zst (contract section 3), and files.tsv: source, file, bytes,
/// SHA-256 ("-" if it was not read), documents, dropped; a line for each file in order.
///
/// The bytes depend on the files' names and contents and on the settings alone. Killed and run again it goes on from the
/// last save. Memory: about 64 MiB for output, 32 MiB a thread for input, 6 times the longest document a thread; where
/// near-duplicates go another 64 MiB.
/// Throws Error{input} if a source is not there or nothing at all could be read, Error{usage} if `out` is taken,
/// Error{io} if it cannot be written, Error{interrupted} with all work saved.
Collected collect(const std::vector<std::string>& sources, const CollectConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
