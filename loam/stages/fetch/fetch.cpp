#include "loam/stages/fetch/fetch.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <thread>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/version.h"
#include "loam/stages/fetch/download.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/in_order.h"
#include "loam/stages/fetch/pages.h"
#include "loam/stages/fetch/plan.h"

namespace loam {
namespace {

constexpr size_t kTroublesTold = 5;

/// What decides the files; how patiently they are asked for does not.
Json settings_of(const std::vector<std::string>& words, const FetchConfig& config) {
  Json all = fields_to_json(config);
  Json out = {{"what", words}};
  for (const char* key : {"budget", "files", "link_score", "page_bytes", "skip_missing", "private_addresses"}) out[key] = all[key];
  return out;
}

/// The instant that stands for the whole fetch: $SOURCE_DATE_EPOCH, or when it was planned.
std::string date_of_fetch() {
  if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr && *epoch != '\0') {
    const auto seconds = static_cast<std::time_t>(parse_count(epoch, "SOURCE_DATE_EPOCH"));
    std::tm parts = {};
    gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  return iso_time_now();
}

/// Links in the folder could lead out of it.
void refuse_links(const fs::path& out, const fs::path& below) {
  fs::path at = out;
  for (const fs::path& part : below) {
    at /= part;
    if (fs::is_symlink(fs::symlink_status(at))) fail(ErrorKind::io, at, " is a link: what is fetched stays in ", out);
  }
}

struct ItemResult {
  std::optional<FetchTrouble> trouble;
  bool over = false;
};

class Fetching {
 public:
  Fetching(const FetchConfig& config, ArtifactWriter& out, Progress& progress)
      : config_(config), out_(out), progress_(progress), gate_(config.per_host), client_{config.user_agent.empty() ? cat("loam/", version()) : config.user_agent, config.stall_seconds} {}

  void plan(const std::vector<FetchWord>& words) {
    const fs::path file = out_.state() / "plan.json";
    if (out_.resumed() && fs::exists(file)) {
      const Json known = read_json(file);
      date_ = get_string(known, "date");
      plan_ = FetchPlan::from_json(known);
      return;
    }
    Downloader downloader(client_, patience(), gate_);
    plan_ = make_plan(words, config_, downloader, out_.state(), progress_);
    date_ = date_of_fetch();
    Json json = plan_.json();
    json["date"] = date_;
    write_file(file, to_line(json));
  }

  void get_files(Fetched& fetched);
  void get_pages(Fetched& fetched);
  Artifact finish(Fetched& fetched);

 private:
  Patience patience() const { return {config_.retries, config_.first_wait, config_.longest_wait}; }
  fs::path place(const FetchItem& item) const { return out_.folder() / item.source / item.file; }
  ItemResult get(int64_t number, Downloader& downloader);

  const FetchConfig& config_;
  ArtifactWriter& out_;
  Progress& progress_;
  HostGate gate_;
  ClientSettings client_;
  FetchPlan plan_;
  std::string date_;
  std::atomic<int64_t> came_ = 0;
  int64_t known_bytes_ = 0, kept_ = 0;
  std::vector<std::string> rows_, missing_, files_;
  std::vector<FetchTrouble> troubles_;
};

ItemResult Fetching::get(int64_t number, Downloader& downloader) {
  const FetchItem& item = plan_.items[static_cast<size_t>(number)];
  const fs::path file = place(item);
  refuse_links(out_.folder(), fs::path(item.source) / item.file);
  ItemResult result;
  // Complete by its very name: it is put there by rename.
  if (out_.resumed() && fs::exists(file)) {
    came_ += static_cast<int64_t>(fs::file_size(file));
    return result;
  }
  auto admit = [&](int64_t bytes) {
    result.over = config_.budget > 0 && kept_ + std::max<int64_t>(bytes, 0) > config_.budget;
    return !result.over;
  };
  auto came = [&](int64_t bytes) { progress_.update(came_ += bytes, known_bytes_, "bytes"); };
  result.trouble = downloader.fetch(item, out_.state() / fmt::format("part-{}", number), file, admit, came);
  if (result.over) result.trouble.reset();
  return result;
}

void Fetching::get_files(Fetched& fetched) {
  const bool sized = std::all_of(plan_.items.begin(), plan_.items.end(), [](const FetchItem& item) { return item.bytes >= 0; });
  for (const FetchItem& item : plan_.items) known_bytes_ += sized ? item.bytes : 0;
  const int64_t workers = config_.budget > 0 ? 1 : config_.connections;
  std::vector<std::unique_ptr<Downloader>> downloaders;
  for (int64_t i = 0; i < workers; ++i) downloaders.push_back(std::make_unique<Downloader>(client_, patience(), gate_));
  int64_t number = 0;
  auto next = [&]() -> std::optional<int64_t> { return number < static_cast<int64_t>(plan_.items.size()) ? std::optional(number++) : std::nullopt; };
  auto take = [&](int64_t n, const ItemResult& result) {
    const FetchItem& item = plan_.items[static_cast<size_t>(n)];
    if (result.over) return false;
    if (result.trouble) {
      progress_.warn(result.trouble->text);
      troubles_.push_back(*result.trouble);
      missing_.push_back(to_line({{"source", item.source}, {"url", item.addresses.front()}, {"reason", result.trouble->network ? "unreachable" : "refused"}, {"detail", result.trouble->text}}));
      return true;
    }
    const auto bytes = static_cast<int64_t>(fs::file_size(place(item)));
    if (config_.budget > 0 && kept_ + bytes > config_.budget) {  // of a size that nobody told before
      fs::remove(place(item));
      return false;
    }
    kept_ += bytes;
    ++fetched.files;
    files_.push_back(item.source + "/" + item.file);
    rows_.push_back(to_line({{"source", item.source}, {"file", files_.back()}, {"url", item.addresses.front()}, {"bytes", bytes}, {"checksum", item.checksum.known() ? Json(item.checksum.text()) : Json()}}));
    return true;
  };
  run_in_order<int64_t, ItemResult>(workers, config_.budget > 0 ? 1 : 2 * workers, next, [&](int64_t worker, int64_t n) { return get(n, *downloaders[static_cast<size_t>(worker)]); }, take);
  fetched.left = static_cast<int64_t>(plan_.items.size()) - fetched.files - static_cast<int64_t>(troubles_.size());
}

void Fetching::get_pages(Fetched& fetched) {
  for (size_t i = 0; i < plan_.lists.size(); ++i) {
    PageList list = plan_.lists[i];
    if (list.in_state) list.file = (out_.state() / list.file).string();
    if (config_.budget > 0 && (fetched.left > 0 || kept_ >= config_.budget)) {
      ++fetched.left;
      continue;
    }
    refuse_links(out_.folder(), fs::path(list.source));
    const PageCounts counts = fetch_pages(list, static_cast<int64_t>(i), config_, client_, out_.folder(), gate_, date_, config_.budget > 0 ? config_.budget - kept_ : 0, progress_);
    kept_ += counts.bytes;
    fetched.pages += counts.pages;
    if (counts.over) ++fetched.left;
    for (const std::string& file : counts.files) {
      files_.push_back(file);
      rows_.push_back(to_line({{"source", list.source}, {"file", file}, {"url", list.crawl.empty() ? "pages" : "commoncrawl:" + list.crawl}, {"bytes", static_cast<int64_t>(fs::file_size(out_.path(file)))}, {"checksum", Json()}}));
    }
    const std::string rows = read_file(missing_rows(out_.folder(), static_cast<int64_t>(i)));
    for (size_t at = 0; at < rows.size();) {
      const size_t end = rows.find('\n', at);
      missing_.push_back(rows.substr(at, end - at));
      at = end + 1;
    }
  }
}

Artifact Fetching::finish(Fetched& fetched) {
  if (!troubles_.empty() && !config_.skip_missing) {
    std::string all;
    for (size_t i = 0; i < std::min(troubles_.size(), kTroublesTold); ++i) all += "; " + troubles_[i].text;
    const bool network = std::any_of(troubles_.begin(), troubles_.end(), [](const FetchTrouble& t) { return t.network; });
    fail(network ? ErrorKind::device : ErrorKind::input, troubles_.size(), " of ", plan_.items.size(), " files could not be had, ", fetched.files, " are here", all,
         "; the same command tries those again, --skip-missing finishes without them");
  }
  fetched.bytes = kept_;
  fetched.missing = static_cast<int64_t>(missing_.size());
  auto lines = [&](const char* name, const std::vector<std::string>& rows) {
    std::string text;
    for (const std::string& row : rows) text += row + "\n";
    write_file(out_.path(name), text);
    out_.promise(name);
  };
  lines("sources.jsonl", rows_);
  lines("missing.jsonl", missing_);
  for (const std::string& file : files_) out_.promise(file);
  require_input(!files_.empty(), "nothing could be had: ", missing_.empty() ? "the budget is too small for the first file" : missing_.front());
  return out_.finish({{"sources", plan_.sources}, {"files", fetched.files}, {"pages", fetched.pages}, {"bytes", fetched.bytes}, {"missing", fetched.missing}, {"left_over_budget", fetched.left}});
}

}  // namespace

void FetchConfig::validate() const {
  require(budget >= 0, "fetch.budget = ", budget, " must not be negative");
  require(connections >= 1 && connections <= 256, "fetch.connections = ", connections, " is not in 1 to 256");
  require(per_host >= 1, "fetch.per_host = ", per_host, " must be at least 1");
  require(!files || *files >= 1, "fetch.files must be at least 1");
  require(retries >= 0 && page_retries >= 0, "fetch.retries and fetch.page_retries must not be negative");
  require(delay >= 0 && first_wait >= 0 && longest_wait >= 0, "fetch.delay, fetch.first_wait and fetch.longest_wait must not be negative");
  require(stall_seconds >= 1 && page_seconds > 0, "fetch.stall_seconds must be at least 1, fetch.page_seconds more than 0");
  require(page_bytes >= 1 && page_bytes <= int64_t{1} << 30, "fetch.page_bytes = ", page_bytes, " is not in 1 to 2^30");
  require(save_minutes > 0, "fetch.save_minutes = ", save_minutes, " must be more than 0");
  for (const std::string* base : {&commoncrawl, &commoncrawl_index, &wikimedia, &gutenberg, &hub}) require(!tidy_address(*base).empty(), "\"", *base, "\" is no address; wanted http:// or https:// and a host");
  require(user_agent.find_first_of("\r\n") == std::string::npos, "fetch.user_agent has a line end in it");
}

Fetched fetch(const std::vector<std::string>& words, const FetchConfig& given, const fs::path& out, bool force, Progress& progress) {
  FetchConfig config = given;
  if (const char* endpoint = std::getenv("HF_ENDPOINT"); endpoint != nullptr && *endpoint != '\0' && config.hub == FetchConfig().hub) config.hub = endpoint;
  config.validate();
  require(!words.empty(), "nothing to fetch was named");
  std::vector<FetchWord> parsed;
  for (const std::string& word : words) parsed.push_back(parse_fetch_word(word));
  std::vector<ArtifactInput> inputs;
  for (const std::string& file : named_files(parsed)) inputs.push_back(file_input(file));
  ArtifactWriter writer(out, "sources", settings_of(words, config), inputs, force);
  Fetched fetched;
  fetched.resumed = writer.resumed();
  if (fetched.resumed) progress.note(cat(out, " was begun; going on"));
  Fetching work(config, writer, progress);
  work.plan(parsed);
  work.get_files(fetched);
  work.get_pages(fetched);
  fetched.made = work.finish(fetched);
  return fetched;
}

}  // namespace loam
