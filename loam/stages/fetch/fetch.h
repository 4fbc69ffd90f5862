// fetch: public corpora by name, files and pages by address, into a folder that `collect` reads.
//
//   fetch({"wikipedia:de", "books=gutenberg:11,84", "web=pages:links.jsonl"}, config, "sources", /*force=*/false, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"

namespace loam {

struct FetchConfig {
  int64_t budget = 0, connections = 4, per_host = 2, retries = 8, page_retries = 2;
  std::optional<int64_t> files;
  double delay = 1, first_wait = 1, longest_wait = 300, stall_seconds = 30, page_seconds = 60, save_minutes = 5;
  int64_t link_score = 3, page_bytes = int64_t{16} << 20;
  bool skip_missing = false, private_addresses = false;
  std::string user_agent;
  std::string commoncrawl = "https://data.commoncrawl.org", commoncrawl_index = "https://index.commoncrawl.org", wikimedia = "https://dumps.wikimedia.org", gutenberg = "https://gutenberg.pglaf.org",
              hub = "https://huggingface.co";

  static void fields(auto&& f) {
    f("budget", &FetchConfig::budget, "bytes to keep at most: what would go over it, and all behind it, is left (0: no limit; with one, files come one at a time)");
    f("files", &FetchConfig::files, "files to take at most of each corpus that has many");
    f("connections", &FetchConfig::connections, "transfers at a time");
    f("per_host", &FetchConfig::per_host, "of these, to one host");
    f("delay", &FetchConfig::delay, "seconds between two page requests to one host; robots.txt may ask for more");
    f("retries", &FetchConfig::retries, "retries in a row without progress before a file is given up");
    f("page_retries", &FetchConfig::page_retries, "the same for a page");
    f("first_wait", &FetchConfig::first_wait, "seconds before the first retry; doubled each time, up to 60");
    f("longest_wait", &FetchConfig::longest_wait, "seconds that a server may ask for (Retry-After) before it is given up");
    f("stall_seconds", &FetchConfig::stall_seconds, "a transfer under 1 KiB/s for so long is cut, and gone on with");
    f("page_bytes", &FetchConfig::page_bytes, "longest page, unpacked");
    f("page_seconds", &FetchConfig::page_seconds, "longest time for a page");
    f("link_score", &FetchConfig::link_score, "of a list with scores: the least that counts");
    f("skip_missing", &FetchConfig::skip_missing, "finish without the files that cannot be had; they are in missing.jsonl");
    f("private_addresses", &FetchConfig::private_addresses, "fetch pages from private networks and this machine too");
    f("user_agent", &FetchConfig::user_agent, "what we say we are; an address to write to is good manners (loam/VERSION if not given)");
    f("commoncrawl", &FetchConfig::commoncrawl, "address of Common Crawl's files, or of a mirror");
    f("commoncrawl_index", &FetchConfig::commoncrawl_index, "address of its URL index");
    f("wikimedia", &FetchConfig::wikimedia, "address of Wikimedia's dumps, or of a mirror");
    f("gutenberg", &FetchConfig::gutenberg, "address of a Project Gutenberg mirror that programs may use");
    f("hub", &FetchConfig::hub, "address of the model hub ($HF_TOKEN goes along, to it alone)");
    f("save_minutes", &FetchConfig::save_minutes, "minutes between saves of unfinished work");
  }
  void validate() const;  ///< throws Error{usage}
};

struct Fetched {
  Artifact made;
  int64_t files = 0, pages = 0, bytes = 0, missing = 0, left = 0;   ///< left: over the budget
  bool resumed = false;
};

/// An artifact of kind "sources": a folder for each source with its files; pages as web archives (pages-*.warc.gz);
/// sources.jsonl: what came from where; missing.jsonl: what did not, and why. Words, [NAME=]WHAT:
///   commoncrawl:CRAWL[/warc|/wet][/SEGMENT|/FROM-TO]   files of a crawl ("latest": the newest)
///   commoncrawl:CRAWL?url=PATTERN                      what its index has under an address
///   commoncrawl:CRAWL@LINKS                            the pages of a link list, by its index
///   wikipedia:LANGUAGE[@DATE]                          a dump of articles (and wikibooks, wikisource...)
///   gutenberg:NUMBERS                                  books: 11,84,100-120
///   hf://[datasets/]OWNER/NAME[@REVISION][/PATH]       files of a repository; PATH may be a folder or a pattern
///   http(s)://...[#sha256:HEX]                         a file; list:FILE names many, one a line
///   pages:LINKS                                        pages by address: JSON lines with url and score, or one a line
/// Killed and run again it goes on where it was. Nothing is written outside `out`, nothing half under its final name.
/// Throws Error{device} if a file cannot be had over the network (all others are fetched first), Error{input} if it is not
/// there or not what its checksum says, Error{io}, Error{interrupted} with all work saved.
Fetched fetch(const std::vector<std::string>& words, const FetchConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
