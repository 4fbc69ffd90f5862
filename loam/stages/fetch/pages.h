// Pages fetched one by one, from the web or from a crawl that has them, into web archives.
//
//   PageFetcher pages(list, 0, config, out, gate, date);
//   const PageCounts counts = pages.run(budget_left, missing, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/progress.h"
#include "loam/stages/fetch/download.h"
#include "loam/stages/fetch/fetch.h"
#include "loam/stages/fetch/plan.h"

namespace loam {

struct PageCounts {
  int64_t pages = 0, missing = 0, bytes = 0;   ///< bytes: of the archives
  bool over = false;                           ///< the budget ended it
  std::vector<std::string> files;              ///< the archives, below the artifact's folder
};

/// A gzip member that holds one WARC record.
std::string warc_member(std::string_view type, std::string_view url, std::string_view date, std::string_view media, std::string_view block);

/// What `list` names, in its order, each address once (of the first 4 million), into `out`/SOURCE/pages-NNNNN.warc.gz of
/// about 1 GiB; what could not be had into `missing` as JSON lines. The state is below `out`/state under `number`; called
/// again after a stop or a kill it goes on there. From the web: robots.txt decides, a host is asked once in config.delay
/// seconds, redirects are followed, only HTML and plain text is kept, and its header is reduced to what says what it is. A
/// record's date is `date`, an instant of the whole fetch.
/// Throws Error{input} if the list cannot be read, Error{io}, Error{interrupted} with all work saved.
PageCounts fetch_pages(const PageList& list, int64_t number, const FetchConfig& config, const ClientSettings& client, const std::filesystem::path& out, HostGate& gate, const std::string& date, int64_t budget,
                       Progress& progress);

/// Where fetch_pages() keeps the rows of what could not be had.
std::filesystem::path missing_rows(const std::filesystem::path& out, int64_t number);

}  // namespace loam
