// What the publishers of public corpora have, and where: Common Crawl, Wikimedia, Project Gutenberg, the model hub.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/stages/fetch/download.h"
#include "loam/stages/fetch/fetch.h"

namespace loam {

/// "CC-MAIN-2024-10/wet/0-9", "...?url=example.com/*", "...@links.jsonl".
struct CrawlPath {
  std::string crawl, kind = "warc";          ///< kind: warc or wet
  std::string segment;                       ///< "1707947473347.0"; "": all
  std::optional<std::pair<int64_t, int64_t>> range;   ///< numbers of files, from 0
  std::string query;                         ///< of the URL index: "url=..."
  std::string links;                         ///< a file of links
};
CrawlPath parse_crawl(const std::string& text);   ///< throws Error{usage}

std::string newest_crawl(const FetchConfig& config, Downloader& downloader);
std::vector<FetchItem> crawl_items(const CrawlPath& path, const FetchConfig& config, Downloader& downloader);

/// One capture of a page, as the URL index tells it.
struct Capture {
  std::string url, timestamp, file, digest, media, status;
  int64_t offset = 0, bytes = 0;
  std::string line() const;   ///< JSON
};
std::optional<Capture> parse_capture(std::string_view line);
/// The last capture of a page with status 200 that the crawl has. `trouble` says why there is none to tell of.
std::optional<Capture> find_capture(const std::string& crawl, const std::string& url, const FetchConfig& config, Downloader& downloader, std::string& trouble);
/// All captures that the query finds, one a line, by rename; how many.
int64_t write_captures(const CrawlPath& path, const FetchConfig& config, Downloader& downloader, const std::filesystem::path& file);

/// The database's name, "dewiki", and the date, or "latest". Throws Error{usage}.
struct WikiPath {
  std::string database, date;
};
WikiPath parse_wiki(const std::string& project, const std::string& text);
std::vector<FetchItem> wiki_items(const std::string& project, const std::string& text, const FetchConfig& config, Downloader& downloader);

std::vector<FetchItem> gutenberg_items(const std::string& numbers, const FetchConfig& config);

/// "datasets/OWNER/NAME@REVISION/PATH", without "hf://".
struct HubPath {
  std::string kind;         ///< "datasets", "spaces" or "models"
  std::string repository;   ///< OWNER/NAME
  std::string revision, path;
};
HubPath parse_hub_path(const std::string& text);   ///< throws Error{usage}
std::vector<FetchItem> hub_items(const std::string& text, const FetchConfig& config, Downloader& downloader);

}  // namespace loam
