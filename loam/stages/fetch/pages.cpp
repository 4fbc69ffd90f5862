#include "loam/stages/fetch/pages.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/json.h"
#include "loam/base/version.h"
#include "loam/formats/bytes.h"
#include "loam/formats/lines.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/in_order.h"
#include "loam/stages/fetch/page_source.h"

namespace loam {
namespace {

constexpr int64_t kShardBytes = int64_t{1} << 30;
constexpr size_t kRemembered = 4 << 20;      // addresses of which a second one is passed over
constexpr int64_t kWindow = 64;              // pages under way or waiting for one before them
constexpr int64_t kHeldBytes = int64_t{8} << 20;

/// 64-bit hashes, open addressing; forgets nothing and takes no more once it holds kRemembered.
class SeenAddresses {
 public:
  bool insert(uint64_t hash) {
    hash |= hash == 0;
    const bool room = size_ * 2 < slots_.size() || grow();
    uint64_t* slot = probe(hash);
    if (*slot == hash) return false;
    if (room) {
      *slot = hash;
      ++size_;
    }
    return true;
  }

 private:
  uint64_t* probe(uint64_t hash) {
    size_t at = mix64(hash) & (slots_.size() - 1);
    while (slots_[at] != 0 && slots_[at] != hash) at = (at + 1) & (slots_.size() - 1);
    return &slots_[at];
  }
  bool grow() {
    if (size_ >= kRemembered) return false;
    std::vector<uint64_t> old(std::max<size_t>(1024, slots_.size() * 2));
    old.swap(slots_);
    for (const uint64_t hash : old) {
      if (hash != 0) *probe(hash) = hash;
    }
    return true;
  }
  std::vector<uint64_t> slots_;
  size_t size_ = 0;
};

struct PageJob {
  int64_t line = 0;   // of the list, from 1
  std::string url;    // "" if the line's is no address
  std::string shown;  // as the list has it
  std::optional<Capture> capture;
};

/// The list's pages one after the other.
class JobReader {
 public:
  JobReader(const PageList& list, int64_t link_score) : list_(list), link_score_(link_score), lines_(open_bytes(list.file), int64_t{1} << 20) {}

  std::optional<PageJob> next() {
    std::string_view line;
    while (lines_.next(line)) {
      line = trimmed(line);
      if (line.empty() || line.starts_with('#') || lines_.cut()) continue;
      PageJob job;
      job.line = lines_.number();
      std::string_view url = line;
      if (line.front() == '{') {
        if (!list_.crawl.empty()) job.capture = parse_capture(line);
        padded_.assign(line);
        padded_.reserve(padded_.size() + simdjson::SIMDJSON_PADDING);
        simdjson::dom::element row;
        if (parser_.parse(padded_.data(), padded_.size(), false).get(row) != simdjson::SUCCESS || row["url"].get(url) != simdjson::SUCCESS) continue;
        double score = 0;
        if (row["score"].get(score) == simdjson::SUCCESS && score < static_cast<double>(link_score_)) continue;
      }
      job.shown = std::string(url.substr(0, 4096));
      job.url = tidy_address(url);
      const uint64_t key = job.capture ? hash64(cat(job.capture->file, " ", job.capture->offset)) : hash64(job.url.empty() ? job.shown : job.url);
      if (seen_.insert(key)) return job;
    }
    return std::nullopt;
  }

 private:
  const PageList& list_;
  int64_t link_score_;
  LineReader lines_;
  simdjson::dom::parser parser_;
  std::string padded_;
  SeenAddresses seen_;
};

/// The archives, the rows of what is missing, and the state that says how far both are.
class PageStore {
 public:
  PageStore(const PageList& list, int64_t number, const fs::path& out, const std::string& date) : list_(list), out_(out), date_(date), state_(out / "state" / fmt::format("pages-{}.json", number)), rows_(missing_rows(out, number)) {
    part_ = out / "state" / fmt::format("pages-{}.part", number);
    if (fs::exists(state_)) {
      const Json s = read_json(state_);
      line_ = get_int(s, "line");
      shard_ = get_int(s, "shard");
      shard_bytes_ = get_int(s, "shard_bytes");
      rows_bytes_ = get_int(s, "rows_bytes");
      counts_.pages = get_int(s, "pages");
      counts_.missing = get_int(s, "missing");
      counts_.bytes = get_int(s, "bytes");
      counts_.over = get_bool(s, "over");
      whole_ = get_bool(s, "whole");
      // The state was saved with a shard as done; the rename behind it may not have come.
      if (shard_bytes_ == 0 && shard_ > 0 && !fs::exists(shard_file(shard_ - 1)) && fs::exists(part_)) rename_durably(part_, shard_file(shard_ - 1));
    }
    append_durably(part_, shard_bytes_, "");
    append_durably(rows_, rows_bytes_, "");
  }

  int64_t line() const { return line_; }
  bool whole() const { return whole_ || counts_.over; }
  const PageCounts& counts() const { return counts_; }

  /// False: it would go over the budget, and nothing comes any more.
  bool take(const PageJob& job, const PageResult& result, int64_t budget) {
    if (result.member.empty()) {
      row_buffer_ += to_line({{"source", list_.source}, {"url", job.shown}, {"reason", result.reason}, {"detail", result.detail}}) + "\n";
      ++counts_.missing;
    } else {
      std::string member;
      if (shard_bytes_ + static_cast<int64_t>(buffer_.size()) == 0 && list_.crawl.empty()) member = warc_member("warcinfo", "", date_, "application/warc-fields", cat("software: loam/", version(), "\r\nformat: WARC File Format 1.0\r\nrobots: obey\r\n"));
      member += result.member;
      if (budget > 0 && counts_.bytes + static_cast<int64_t>(member.size()) > budget) {
        counts_.over = true;
        return false;
      }
      buffer_ += member;
      counts_.bytes += static_cast<int64_t>(member.size());
      ++counts_.pages;
    }
    line_ = job.line;
    if (static_cast<int64_t>(buffer_.size()) >= kHeldBytes) save();
    if (shard_bytes_ >= kShardBytes) end_shard();
    return true;
  }

  void save() {
    append_durably(part_, shard_bytes_, buffer_);
    append_durably(rows_, rows_bytes_, row_buffer_);
    shard_bytes_ += static_cast<int64_t>(buffer_.size());
    rows_bytes_ += static_cast<int64_t>(row_buffer_.size());
    buffer_.clear();
    row_buffer_.clear();
    write_state();
  }

  PageCounts finish() {
    save();
    if (shard_bytes_ > 0) end_shard();
    whole_ = true;
    write_state();
    fs::remove(part_);
    for (int64_t i = 0; i < shard_; ++i) counts_.files.push_back(shard_file(i).lexically_relative(out_).generic_string());
    return counts_;
  }

 private:
  fs::path shard_file(int64_t shard) const { return out_ / list_.source / fmt::format("pages-{:05}.warc.gz", shard); }
  void write_state() {
    write_file(state_, to_line({{"line", line_}, {"shard", shard_}, {"shard_bytes", shard_bytes_}, {"rows_bytes", rows_bytes_}, {"pages", counts_.pages}, {"missing", counts_.missing}, {"bytes", counts_.bytes}, {"over", counts_.over}, {"whole", whole_}}));
  }
  void end_shard() {
    ++shard_;
    shard_bytes_ = 0;
    write_state();
    rename_durably(part_, shard_file(shard_ - 1));
    append_durably(part_, 0, "");
  }

  const PageList& list_;
  fs::path out_;
  std::string date_;
  fs::path state_, rows_, part_;
  int64_t line_ = 0, shard_ = 0, shard_bytes_ = 0, rows_bytes_ = 0;
  bool whole_ = false;
  std::string buffer_, row_buffer_;
  PageCounts counts_;
};

std::string gzip(std::string_view bytes) {
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> packer(libdeflate_alloc_compressor(6), &libdeflate_free_compressor);
  std::string out(libdeflate_gzip_compress_bound(packer.get(), bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(packer.get(), bytes.data(), bytes.size(), out.data(), out.size()));
  return out;
}

}  // namespace

fs::path missing_rows(const fs::path& out, int64_t number) { return out / "state" / fmt::format("missing-{}.jsonl", number); }

std::string warc_member(std::string_view type, std::string_view url, std::string_view date, std::string_view media, std::string_view block) {
  // An id that follows from what it names: the same page is the same record.
  const std::string digits = sha256(cat(type, " ", url, " ", date, " ", sha256(block)));
  std::string head = fmt::format("WARC/1.0\r\nWARC-Type: {}\r\nWARC-Record-ID: <urn:uuid:{}-{}-4{}-a{}-{}>\r\nWARC-Date: {}\r\n", type, digits.substr(0, 8), digits.substr(8, 4), digits.substr(12, 3), digits.substr(15, 3),
                                 digits.substr(18, 12), date);
  if (!url.empty()) head += fmt::format("WARC-Target-URI: {}\r\n", url);
  head += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n\r\n", media, block.size());
  return gzip(cat(head, block, "\r\n\r\n"));
}

PageCounts fetch_pages(const PageList& list, int64_t number, const FetchConfig& config, const ClientSettings& client, const fs::path& out, HostGate& gate, const std::string& date, int64_t budget,
                       Progress& progress) {
  make_folder(out / list.source);
  PageStore store(list, number, out, date);
  if (store.whole()) return store.finish();
  JobReader jobs(list, config.link_score);
  std::optional<PageJob> held;
  while ((held = jobs.next()) && held->line <= store.line()) {
  }
  RobotsCache robots;
  const Patience patience{config.page_retries, config.first_wait, config.longest_wait};
  std::vector<std::unique_ptr<Downloader>> downloaders;
  for (int64_t i = 0; i < config.connections; ++i) downloaders.push_back(std::make_unique<Downloader>(client, patience, gate));
  double last_save = seconds_now();
  auto next = [&]() -> std::optional<PageJob> {
    std::optional<PageJob> job = std::move(held);
    held = job ? jobs.next() : std::nullopt;
    return job;
  };
  auto work = [&](int64_t worker, const PageJob& job) -> PageResult {
    Downloader& downloader = *downloaders[static_cast<size_t>(worker)];
    if (job.capture) return page_of_capture(*job.capture, config, downloader);
    if (job.url.empty()) return {"", "address", "wanted http:// or https:// and a host"};
    if (!list.crawl.empty()) return page_from_crawl(list.crawl, job.url, config, downloader);
    return page_from_web(job.url, config, downloader, robots, client.agent, date);
  };
  auto take = [&](const PageJob& job, const PageResult& result) {
    if (!store.take(job, result, budget)) return false;
    progress.update(store.counts().pages + store.counts().missing, 0, "pages");
    if (seconds_now() - last_save >= 60 * config.save_minutes) {
      store.save();
      last_save = seconds_now();
    }
    return true;
  };
  try {
    run_in_order<PageJob, PageResult>(config.connections, std::max(kWindow, 2 * config.connections), next, work, take);
  } catch (Error& e) {
    store.save();
    if (e.kind() == ErrorKind::interrupted) fail(ErrorKind::interrupted, "stopped on request after ", store.counts().pages, " pages, all of them saved; the same command goes on from there");
    throw;
  }
  return store.finish();
}

}  // namespace loam
