#include "loam/stages/fetch/download.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <set>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/json.h"
#include "loam/stages/fetch/file_names.h"

namespace loam {
namespace {

constexpr int kMostHops = 10;
constexpr int64_t kProgress = int64_t{1} << 20;     // so much more of a file: the retries are counted anew
constexpr int64_t kSyncBytes = int64_t{16} << 20;
constexpr int64_t kErrorBody = 64 << 10;

int64_t number_of(std::string_view text) {
  int64_t out = -1;
  const auto [rest, code] = std::from_chars(text.data(), text.data() + text.size(), out);
  return code == std::errc() && rest == text.data() + text.size() && out >= 0 ? out : -1;
}

/// "bytes 100-199/1000" or "bytes */1000"; -1 for what is not told.
struct ContentRange {
  int64_t first = -1, total = -1;
};
ContentRange content_range(std::string_view value) {
  ContentRange out;
  if (!value.starts_with("bytes ")) return out;
  value.remove_prefix(6);
  const size_t slash = value.find('/');
  if (slash == std::string_view::npos) return out;
  out.total = number_of(value.substr(slash + 1));
  out.first = number_of(value.substr(0, std::min(value.find('-'), slash)));
  return out;
}

/// Of an ETag: one that stands for the very bytes. Weak ones do not.
std::string strong(const std::string& etag) { return etag.starts_with("W/") ? "" : etag; }

bool is_redirect(const Answer& answer) { return answer.status >= 300 && answer.status < 400 && answer.status != 304; }

}  // namespace

/// The begun file and what is known of it.
struct Downloader::Part {
  Part(const FetchItem& item, fs::path where) : path(std::move(where)), about(path.string() + ".json"), of(item.addresses.front()) {
    make_folder(path.parent_path());
    descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (descriptor < 0) fail(ErrorKind::io, "cannot write ", path, ": ", std::strerror(errno));
    try {
      const Json known = read_json(about);
      if (get_string(known, "address") == of) {
        size = std::min(get_int(known, "safe"), static_cast<int64_t>(fs::file_size(path)));
        etag = get_string(known, "etag");
        modified = get_string(known, "modified");
        total = get_int(known, "total");
      }
    } catch (const Error&) {  // nothing was begun, or nobody knows of what
    }
    cut(size);
  }
  ~Part() { ::close(descriptor); }
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

  void cut(int64_t to) {
    if (::ftruncate(descriptor, to) != 0 || ::lseek(descriptor, to, SEEK_SET) < 0) fail(ErrorKind::io, "cannot write ", path, ": ", std::strerror(errno));
    size = safe = to;
  }
  void save() {
    if (::fdatasync(descriptor) != 0) fail(ErrorKind::io, "cannot write ", path, ": ", std::strerror(errno));
    safe = size;
    write_file(about, to_line({{"address", of}, {"etag", etag}, {"modified", modified}, {"total", total}, {"safe", safe}}));
  }
  /// From nothing, of what these headers describe.
  void restart(const Answer* head) {
    cut(0);
    etag = head == nullptr ? "" : strong(head->header("etag"));
    modified = head == nullptr ? "" : head->header("last-modified");
    total = head == nullptr ? -1 : number_of(head->header("content-length"));
    save();
  }
  void append(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::write(descriptor, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) fail(ErrorKind::io, "cannot write ", path, ": ", std::strerror(errno));
      size += n;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    if (size - safe >= kSyncBytes) save();
  }
  const std::string& validator() const { return etag.empty() ? modified : etag; }

  fs::path path, about;
  std::string of, etag, modified;
  int64_t size = 0, safe = 0, total = -1;
  int descriptor = -1;
};

double back_off(const Patience& patience, int64_t attempt, uint64_t key) {
  const double most = std::min(60.0, patience.first_wait * std::pow(2.0, static_cast<double>(std::min<int64_t>(attempt, 30))));
  const double share = static_cast<double>(mix64(key ^ static_cast<uint64_t>(attempt)) >> 11) * 0x1p-53;
  return most * (0.5 + 0.5 * share);
}

Downloader::Downloader(const ClientSettings& client, const Patience& patience, HostGate& gate) : client_(client), patience_(patience), gate_(gate) {}

Downloader::Turn Downloader::attempt(const FetchItem& item, const std::string& address, Part& part, const std::function<bool(int64_t)>& admit, const std::function<void(int64_t)>& came, Answer& last,
                                     std::string& trouble) {
  std::string url = address;
  std::set<std::string> seen;
  for (int hop = 0; hop <= kMostHops; ++hop) {
    if (!seen.insert(url).second) {
      trouble = "redirects in a circle, back to " + url;
      return Turn::failed;
    }
    Question question{.url = url, .headers = {"Accept-Encoding: identity"}};
    // A rest is only of use where the server can tell that the file is still the same, or we can in the end.
    if (part.size > 0 && part.validator().empty() && !item.checksum.known()) {
      came(-part.size);
      part.restart(nullptr);
    }
    if (part.size > 0) {
      question.headers.push_back(cat("Range: bytes=", part.size, "-"));
      if (!part.validator().empty()) question.headers.push_back("If-Range: " + part.validator());
    }
    if (item.hub && hop == 0) {
      if (const char* token = std::getenv("HF_TOKEN"); token != nullptr && *token != '\0') question.headers.push_back(cat("Authorization: Bearer ", token));
    }
    bool writing = false, refused = false, changed = false;
    int64_t junk = 0;
    trouble.clear();
    auto begun = [&](const Answer& head) {
      if (head.status == 200) {
        came(-part.size);
        part.restart(&head);
        writing = true;
        if (item.bytes >= 0 && part.total >= 0 && part.total != item.bytes) {
          trouble = cat("is ", part.total, " bytes long, wanted ", item.bytes);
          return false;
        }
      } else if (head.status == 206) {
        const ContentRange range = content_range(head.header("content-range"));
        const std::string etag = strong(head.header("etag"));
        changed = range.first != part.size || (part.total >= 0 && range.total >= 0 && range.total != part.total) || (!etag.empty() && !part.etag.empty() && etag != part.etag);
        if (changed) return false;
        if (part.total < 0) part.total = range.total;
        writing = true;
      } else {
        return true;
      }
      if (part.total > 0 && part.total - part.size > free_disk_bytes(part.path.parent_path())) {
        fail(ErrorKind::io, "no room for ", url, ": it has ", part.total, " bytes, ", free_disk_bytes(part.path.parent_path()), " are free");
      }
      refused = !admit(part.total);
      return !refused;
    };
    auto body = [&](std::string_view bytes) {
      if (!writing) {
        junk += static_cast<int64_t>(bytes.size());
        return junk <= kErrorBody;
      }
      const int64_t most = item.bytes >= 0 ? item.bytes : part.total;
      if (most >= 0 && part.size + static_cast<int64_t>(bytes.size()) > most) {
        trouble = cat("gives more than its ", most, " bytes");
        return false;
      }
      part.append(bytes);
      came(static_cast<int64_t>(bytes.size()));
      return true;
    };
    {
      const auto pass = gate_.enter(origin_of(url), 0);
      try {
        last = client_.get(question, begun, body);
      } catch (Error&) {
        part.save();
        throw;
      }
    }
    part.save();
    if (refused) return Turn::failed;
    if (changed) {
      trouble = "changed while it came, or answers another range than was asked for";
      came(-part.size);
      part.restart(nullptr);
      return Turn::again;
    }
    if (is_redirect(last) && !last.moved_to.empty()) {
      const std::string to = tidy_address(last.moved_to);
      if (to.empty() || (url.starts_with("https://") && !to.starts_with("https://"))) {
        trouble = cat("redirects to ", last.moved_to.substr(0, 300), ", which is no https address");
        return Turn::failed;
      }
      url = to;
      continue;
    }
    if (writing) {
      if (trouble.empty()) trouble = last.trouble;
      if (trouble.empty() && item.bytes >= 0 && part.size != item.bytes) {
        trouble = cat("ended after ", part.size, " bytes, wanted ", item.bytes);
        came(-part.size);
        part.restart(nullptr);
      }
      return trouble.empty() ? Turn::done : Turn::later;
    }
    if (last.status == 416) {
      const int64_t total = content_range(last.header("content-range")).total;
      if (part.size > 0 && total == part.size && (part.total < 0 || part.total == total) && (item.bytes < 0 || item.bytes == total)) return Turn::done;
      trouble = cat("has no bytes from ", part.size, " on");
      came(-part.size);
      part.restart(nullptr);
      return Turn::again;
    }
    trouble = !last.trouble.empty() ? last.trouble : cat("answers ", last.status);
    if (last.status == 404 || last.status == 410) return Turn::next_address;
    return may_go_well_later(last) ? Turn::later : Turn::failed;
  }
  trouble = cat("redirects more than ", kMostHops, " times");
  return Turn::failed;
}

std::optional<FetchTrouble> Downloader::fetch(const FetchItem& item, const fs::path& where, const fs::path& file, const std::function<bool(int64_t)>& admit, const std::function<void(int64_t)>& came) {
  size_t which = 0;
  int64_t failures = 0, most = 0;
  bool once_wrong = false;
  std::string trouble;
  Answer answer;
  {
    Part part(item, where);
    came(part.size);
    most = part.size;
    for (;;) {
      const std::string& address = item.addresses[which];
      const Turn turn = attempt(item, address, part, admit, came, answer, trouble);
      if (turn == Turn::done) {
        if (!item.checksum.known()) break;
        const std::string hex = checksum_of(part.path, item.checksum.kind);
        if (hex == item.checksum.hex) break;
        came(-part.size);
        part.restart(nullptr);
        if (once_wrong) return FetchTrouble{false, cat(address, " has ", item.checksum.kind, ":", hex, ", wanted ", item.checksum.text())};
        once_wrong = true;  // bytes may have been lost on the way: once more from the beginning
        continue;
      }
      if (turn == Turn::next_address) {
        if (++which < item.addresses.size()) continue;
        return FetchTrouble{false, cat(address, " ", trouble)};
      }
      if (turn == Turn::failed) return FetchTrouble{!answer.trouble.empty(), trouble.empty() ? "" : cat(address, " ", trouble)};
      if (part.size - most >= kProgress) failures = 0;
      most = std::max(most, part.size);
      if (++failures > patience_.retries) return FetchTrouble{true, cat(address, ": ", trouble, "; tried ", failures, " times")};
      if (turn == Turn::again) continue;
      const double wait = retry_after(answer, back_off(patience_, failures - 1, hash64(address)));
      if (wait > patience_.longest_wait) return FetchTrouble{true, cat(address, " asks to wait for ", static_cast<int64_t>(wait), " s, longer than ", patience_.longest_wait, " (--longest-wait)")};
      if (answer.status == 429 || answer.status == 503) gate_.hold(origin_of(address), wait);
      wait_politely(wait);
    }
  }
  make_folder(file.parent_path());
  rename_durably(where, file);
  fs::remove(where.string() + ".json");
  return std::nullopt;
}

SmallAnswer Downloader::read(const std::string& url, int64_t limit, const std::vector<std::string>& headers, double delay, bool public_only) {
  SmallAnswer out;
  for (int64_t failures = 0;; ++failures) {
    out.address = url;
    Answer answer;
    for (int hop = 0; hop <= kMostHops; ++hop) {
      out.body.clear();
      const auto pass = gate_.enter(origin_of(out.address), delay);
      const Question question{.url = out.address, .headers = hop == 0 ? headers : std::vector<std::string>(), .unpack = true, .public_only = public_only};
      answer = client_.get(question, [](const Answer&) { return true; }, [&](std::string_view bytes) {
        if (static_cast<int64_t>(out.body.size() + bytes.size()) > limit) return false;
        out.body += bytes;
        return true;
      });
      if (!is_redirect(answer) || answer.moved_to.empty()) break;
      out.address = tidy_address(answer.moved_to);
      if (out.address.empty()) break;
    }
    out.status = answer.status;
    out.link = answer.header("link");
    out.trouble = answer.declined ? cat("answers with more than ", limit, " bytes") : is_redirect(answer) ? "redirects too often" : answer.trouble;
    if (answer.declined || is_redirect(answer) || !may_go_well_later(answer)) return out;
    if (out.trouble.empty()) out.trouble = cat("answers ", answer.status);
    if (failures >= patience_.retries) return out;
    const double wait = retry_after(answer, back_off(patience_, failures, hash64(url)));
    if (wait > patience_.longest_wait) return out;
    if (answer.status == 429 || answer.status == 503) gate_.hold(origin_of(out.address), wait);
    wait_politely(wait);
  }
}

}  // namespace loam
