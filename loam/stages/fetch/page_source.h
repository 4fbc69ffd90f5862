// One page: asked for with all that politeness wants, or cut out of a crawl's archive; a record, or the reason there is none.
#pragma once

#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "loam/stages/fetch/catalogues.h"
#include "loam/stages/fetch/download.h"
#include "loam/stages/fetch/robots.h"

namespace loam {

struct PageResult {
  std::string member;           ///< a gzip member with the record; "" if there is none
  std::string reason, detail;   ///< then: robots, robots_unreachable, crawl_delay, status, unreachable, redirects, media, too_long, private_address, not_captured, damaged
};

/// robots.txt of each host, asked for once by whichever thread comes first.
class RobotsCache {
 public:
  struct Entry {
    Robots robots;
    bool reached = true;
  };
  std::shared_ptr<const Entry> of(const std::string& origin, const FetchConfig& config, Downloader& downloader, const std::string& agent);

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_future<std::shared_ptr<const Entry>>> known_;
};

PageResult page_from_web(const std::string& url, const FetchConfig& config, Downloader& downloader, RobotsCache& robots, const std::string& agent, const std::string& date);
PageResult page_from_crawl(const std::string& crawl, const std::string& url, const FetchConfig& config, Downloader& downloader);
PageResult page_of_capture(const Capture& capture, const FetchConfig& config, Downloader& downloader);

}  // namespace loam
