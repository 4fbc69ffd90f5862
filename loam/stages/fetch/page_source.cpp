#include "loam/stages/fetch/page_source.h"

#include <algorithm>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/http.h"
#include "loam/formats/warc.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/pages.h"

namespace loam {
namespace {

constexpr int kRobotHops = 5;
constexpr double kLongestDelay = 30;
constexpr size_t kMostSites = 20000;
constexpr int64_t kLongestRobots = 8 << 20;

bool readable(const std::string& media) { return media == "text/html" || media == "application/xhtml+xml" || media == "text/plain" || media.empty(); }

}  // namespace

std::shared_ptr<const RobotsCache::Entry> RobotsCache::of(const std::string& origin, const FetchConfig& config, Downloader& downloader, const std::string& agent) {
  std::promise<std::shared_ptr<const Entry>> promise;
  std::shared_future<std::shared_ptr<const Entry>> future;
  {
    const std::lock_guard lock(mutex_);
    if (const auto it = known_.find(origin); it != known_.end()) {
      future = it->second;
    } else {
      if (known_.size() >= kMostSites) known_.clear();  // asked for again where it is still of use
      known_.emplace(origin, promise.get_future().share());
    }
  }
  if (future.valid()) return future.get();
  try {
    auto entry = std::make_shared<Entry>();
    const SmallAnswer answer = downloader.read(origin + "/robots.txt", kLongestRobots, {}, config.delay, !config.private_addresses);
    if (!answer.trouble.empty() || answer.status >= 500 || answer.status == 429) {
      *entry = {Robots::closed(), false};
    } else if (answer.status == 200) {
      entry->robots = parse_robots(answer.body, agent.substr(0, agent.find_first_of("/ ")));
    }  // other answers: the site asks for nothing (RFC 9309, 2.3.1.3)
    promise.set_value(entry);
    return entry;
  } catch (...) {
    promise.set_exception(std::current_exception());
    throw;
  }
}

PageResult page_from_web(const std::string& url, const FetchConfig& config, Downloader& downloader, RobotsCache& robots, const std::string& agent, const std::string& date) {
  std::string at = url;
  int64_t failures = 0;
  for (int hop = 0; hop <= kRobotHops;) {
    const std::string origin = origin_of(at);
    const auto rules = robots.of(origin, config, downloader, agent);
    if (!rules->reached) return {"", "robots_unreachable", origin + "/robots.txt"};
    if (!rules->robots.allows(path_of(at))) return {"", "robots", at};
    const double delay = std::max(config.delay, rules->robots.delay().value_or(0));
    if (delay > std::max(kLongestDelay, config.delay)) return {"", "crawl_delay", cat(delay, " s")};
    std::string body, media;
    bool long_one = false, other_media = false;
    Answer answer;
    {
      const auto pass = downloader.gate().enter(origin, delay);
      const Question question{.url = at, .headers = {"Accept: text/html,application/xhtml+xml,text/plain"}, .unpack = true, .public_only = !config.private_addresses, .most_seconds = config.page_seconds};
      answer = downloader.client().get(
          question,
          [&](const Answer& head) {
            media = media_type(head.header("content-type"));
            other_media = head.status == 200 && !readable(media);
            return !other_media;
          },
          [&](std::string_view bytes) {
            long_one = static_cast<int64_t>(body.size() + bytes.size()) > config.page_bytes;
            if (!long_one) body += bytes;
            return !long_one;
          });
    }
    if (answer.forbidden) return {"", "private_address", at};
    if (other_media) return {"", "media", media};
    if (long_one) return {"", "too_long", cat("more than ", config.page_bytes, " bytes")};
    if (may_go_well_later(answer)) {
      const double wait = retry_after(answer, back_off(downloader.patience(), failures, hash64(at)));
      if (++failures > config.page_retries || wait > config.longest_wait) return {"", answer.trouble.empty() ? "status" : "unreachable", answer.trouble.empty() ? std::to_string(answer.status) : answer.trouble};
      if (answer.status == 429 || answer.status == 503) downloader.gate().hold(origin, wait);
      wait_politely(wait);
      continue;
    }
    if (answer.status >= 300 && answer.status < 400 && !answer.moved_to.empty()) {
      at = tidy_address(answer.moved_to);
      if (at.empty()) return {"", "redirects", "to " + answer.moved_to.substr(0, 300)};
      ++hop;
      continue;
    }
    if (answer.status != 200) return {"", "status", std::to_string(answer.status)};
    std::string block = "HTTP/1.1 200 OK\r\n";
    for (const char* name : {"Content-Type", "Content-Language", "Last-Modified"}) {
      if (const std::string value = answer.header(ascii_lower(name)); !value.empty()) block += cat(name, ": ", value, "\r\n");
    }
    block += cat("Content-Length: ", body.size(), "\r\n\r\n", body);
    return {warc_member("response", at, date, "application/http; msgtype=response", block), "", ""};
  }
  return {"", "redirects", cat("more than ", kRobotHops)};
}

PageResult page_from_crawl(const std::string& crawl, const std::string& url, const FetchConfig& config, Downloader& downloader) {
  std::string trouble;
  const auto capture = find_capture(crawl, url, config, downloader, trouble);
  if (!capture) return {"", trouble.empty() ? "not_captured" : "unreachable", trouble.empty() ? crawl : trouble};
  return page_of_capture(*capture, config, downloader);
}

PageResult page_of_capture(const Capture& capture, const FetchConfig& config, Downloader& downloader) {
  std::string base = config.commoncrawl;
  while (base.ends_with('/')) base.pop_back();
  if (capture.bytes <= 0 || capture.bytes > config.page_bytes) return {"", "too_long", cat(capture.bytes, " bytes packed")};
  const std::string address = tidy_address(cat(base, "/", capture.file));
  SmallAnswer answer = downloader.read(address, capture.bytes, {cat("Range: bytes=", capture.offset, "-", capture.offset + capture.bytes - 1)});
  if (!answer.trouble.empty()) return {"", "unreachable", answer.trouble};
  if (answer.status != 206) return {"", "status", std::to_string(answer.status)};
  std::string record_bytes;
  if (static_cast<int64_t>(answer.body.size()) != capture.bytes || !unpack_bytes(answer.body, "gzip", config.page_bytes * 2, record_bytes)) return {"", "damaged", cat(capture.file, " at ", capture.offset)};
  WarcReader records(read_text(record_bytes), config.page_bytes * 2);
  WarcRecord record;
  if (!records.next(record) || record.damaged || record.type != "response") return {"", "damaged", cat(capture.file, " at ", capture.offset, " is no response")};
  if (const std::string wanted = hex_of_base32(capture.digest); capture.digest.size() == 32 && !wanted.empty()) {
    const HttpAnswer head = read_http(record.body);
    const std::string payload = record.body.substr(static_cast<size_t>(head.head_bytes));
    if (checksum_of_bytes(payload, "sha1") != wanted) return {"", "damaged", cat(capture.file, " at ", capture.offset, ": its payload is not what its digest says")};
  }
  return {std::move(answer.body), "", ""};
}

}  // namespace loam
