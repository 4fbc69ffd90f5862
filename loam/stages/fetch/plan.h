// What the user named, as files to download and lists of pages: names of corpora resolved to addresses and checksums.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/stages/fetch/download.h"
#include "loam/stages/fetch/fetch.h"

namespace loam {

/// Pages to fetch one by one.
struct PageList {
  std::string source;
  std::string file;    ///< JSON lines or addresses; of captures that an index gave, in the state folder
  std::string crawl;   ///< a crawl of Common Crawl, which has them; "": the web
  bool in_state = false;   ///< the file is in the state folder, and named without it
};

struct FetchPlan {
  std::vector<FetchItem> items;
  std::vector<PageList> lists;
  std::vector<std::string> sources;   ///< names, in the order given

  Json json() const;
  static FetchPlan from_json(const Json& json);
};

/// One word of the command, parted. Throws Error{usage} naming what is wrong, before anything is fetched.
struct FetchWord {
  std::string name;      ///< of the source
  std::string kind;      ///< "commoncrawl", "wiki", "gutenberg", "hub", "file", "list", "pages"
  std::string project;   ///< of wiki: "wikipedia"...
  std::string rest;
};
FetchWord parse_fetch_word(const std::string& word);

/// Files that the words themselves name: their hashes are inputs of the artifact.
std::vector<std::string> named_files(const std::vector<FetchWord>& words);

/// Asks the publishers what there is. Captures that an index lists go into `state`.
/// Throws Error{device} if one cannot be reached, Error{input} if it does not have what was named.
FetchPlan make_plan(const std::vector<FetchWord>& words, const FetchConfig& config, Downloader& downloader, const std::filesystem::path& state, Progress& progress);

/// Numbers as in "11,84,100-120", in order, each once. Throws Error{usage}.
std::vector<int64_t> number_list(const std::string& text, std::string_view what);
/// Gutenberg's folder of a book: 1342 -> "1/3/4/1342", 7 -> "0/7".
std::string gutenberg_folder(int64_t number);

}  // namespace loam
