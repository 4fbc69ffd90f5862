// collect: sources to a corpus. Reads every file there is, takes its text out, cleans, filters and deduplicates it, and
// writes down what was left out and why.
//
//   const Collected made = collect({"books=texts/", "mail=*.mbox"}, config, "corpus", /*force=*/false, progress);
//   use(made.corpus.folder, made.documents);
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/json.h"
#include "loam/base/progress.h"

namespace loam {

struct CollectConfig {
  std::string preset = "clean";
  std::string text_column, format, main_text = "balanced";
  std::vector<std::string> limit, against;
  std::string replay, dedup, repeated = "none", language_model = "cld2";
  std::vector<std::string> language;
  double language_share = 0.65;
  std::string quality;
  std::optional<double> quality_least, quality_pareto;
  bool mask_personal = false;
  std::vector<std::string> url_rules, links, decontaminate, withdrawn;
  int64_t link_score = 3, decontaminate_words = 13, repeated_tokens = 50;
  bool whole_page = false, mail_subject = false;
  int64_t max_document_bytes = int64_t{32} << 20;
  double save_minutes = 5;

  static void fields(auto&& f) {
    f("preset", &CollectConfig::preset, "which documents stay: none (all, as read), dedup (each text once), clean (running text), gopher (long English prose); by their programs' rules gopher/datatrove, gopher-repetition, c4, fineweb, fineweb/code, fineweb/paper, refinedweb; several joined by +");
    f("replay", &CollectConfig::replay, "a corpus to judge again in place of sources, what was left out of it too: other rules and limits without reading the sources (lines that were taken out of documents that stayed do not come back)");
    f("limit", &CollectConfig::limit, "REASON=VALUE: what the rule with that reason in the ledger is held against instead; may be given again");
    f("dedup", &CollectConfig::dedup, "which documents are left out as repeated: none, exact (the same words), near (also those that share much of their text: MinHash, 14 buckets of 8, datatrove's signatures); what the preset does if not given");
    f("repeated", &CollectConfig::repeated, "take lines or paragraphs of three words or more out of a document that stood in an earlier one or before in the same: none, lines, paragraphs, or substrings (passages of --repeated-tokens or more, wherever they begin); lines+substrings and paragraphs+substrings do both");
    f("repeated_tokens", &CollectConfig::repeated_tokens, "shortest passage that goes, in words and signs");
    f("against", &CollectConfig::against, "a corpus whose documents are not to come again; may be given again");
    f("language", &CollectConfig::language, "codes of the languages that stay, such as en,fr; all if not given");
    f("language_share", &CollectConfig::language_share, "the share of a text that must be in one of these, by its first 64 KiB");
    f("language_model", &CollectConfig::language_model, "what tells languages: cld2 (part of the program), none, or a fastText model's file");
    f("quality", &CollectConfig::quality, "a classifier made by `loam quality train`: each document's score goes into its metadata");
    f("quality_least", &CollectConfig::quality_least, "documents with a lower score go");
    f("quality_pareto", &CollectConfig::quality_pareto, "in place of a least score, GPT-3's sampling with this alpha (9 there): a document stays if a Pareto draw by its id is above 1 - score");
    f("mask_personal", &CollectConfig::mask_personal, "replace e-mail addresses, public IPv4 addresses, telephone, account and card numbers by examples, the same for the same");
    f("url_rules", &CollectConfig::url_rules, "a file of addresses whose documents go: a domain or address a line, or \"word W\", \"soft W\", \"part W\"; may be given again");
    f("links", &CollectConfig::links, "[SOURCE=]FILE of links (JSON lines with url and score, or an address a line): of that source, or of all, only linked pages stay; may be given again");
    f("link_score", &CollectConfig::link_score, "the least score of a link that counts");
    f("decontaminate", &CollectConfig::decontaminate, "an evaluation file; documents that share a run of words with its texts go, the run in the ledger; may be given again");
    f("decontaminate_words", &CollectConfig::decontaminate_words, "words of such a run");
    f("withdrawn", &CollectConfig::withdrawn, "a file of document ids or addresses that are to be left out, one a line; may be given again");
    f("text_column", &CollectConfig::text_column, "where tables and JSON rows have their text; found by its name (text, content, body...) if not given");
    f("format", &CollectConfig::format, "read every file as: text, markdown, rst, pod, man, info, html, json, jsonl, csv, mail, mbox, mo, po, dict, warc, gutenberg, epub, wiki, pdf; found out if not given");
    f("whole_page", &CollectConfig::whole_page, "all visible text of HTML pages, not only the main part");
    f("main_text", &CollectConfig::main_text, "how a page's main text is found: balanced, precision (only what is surely of it), recall (all but what is surely around it)");
    f("mail_subject", &CollectConfig::mail_subject, "begin a mail's text with its subject (headers are in the metadata)");
    f("max_document_bytes", &CollectConfig::max_document_bytes, "longer plain texts are cut at an empty line, line or word; other longer documents are left out");
    f("save_minutes", &CollectConfig::save_minutes, "minutes between saves of unfinished work");
  }
  void validate() const;  ///< throws Error{usage}
  /// Is "lines", "paragraphs" or "substrings" among what --repeated takes out?
  bool takes_out(std::string_view what) const { return ("+" + repeated + "+").find("+" + std::string(what) + "+") != std::string::npos; }
};

/// Counts of a source, or of all.
struct CollectCounts {
  std::string name;
  int64_t files = 0, documents = 0, bytes = 0, characters = 0;   ///< of the text that stayed
  std::map<std::string, int64_t> dropped;                        ///< documents left out, by reason
  std::map<std::string, int64_t> dropped_bytes;                  ///< of their text as the ledger has it
  std::map<std::string, int64_t> languages;                      ///< documents that stayed, by language
  std::map<std::string, int64_t> language_bytes;                 ///< of their text
  std::map<std::string, int64_t> masked;                         ///< replacements in them, by kind
  int64_t repeated = 0;                                          ///< lines or paragraphs taken out

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
/// last save. Memory: 2 MiB for output and 24 MiB while a part of it is packed, 8 MiB a thread for input, 7 times the longest document a thread; the
/// passes over near-duplicates and passages come after that and take less (near.h, passages.h).
/// Throws Error{input} if a source is not there or nothing at all could be read, Error{usage} if `out` is taken,
/// Error{io} if it cannot be written, Error{interrupted} with all work saved.
Collected collect(const std::vector<std::string>& sources, const CollectConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
