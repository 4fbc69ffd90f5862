#include "loam/stages/fetch/catalogues.h"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cstdlib>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/json.h"
#include "loam/formats/gzip_members.h"
#include "loam/stages/fetch/file_names.h"
#include "loam/stages/fetch/plan.h"

namespace loam {
namespace {

constexpr int64_t kLongestCatalogue = int64_t{256} << 20;
constexpr int64_t kMostIndexPages = 100000;

std::string without_slash(std::string base) {
  while (base.ends_with('/')) base.pop_back();
  return base;
}

/// A catalogue's bytes. Throws Error{device} or Error{input}.
SmallAnswer must_read(Downloader& downloader, const std::string& url, const std::vector<std::string>& headers = {}, double delay = 0) {
  SmallAnswer answer = downloader.read(url, kLongestCatalogue, headers, delay);
  if (!answer.trouble.empty()) fail(ErrorKind::device, url, ": ", answer.trouble);
  if (answer.status == 401 || answer.status == 403) fail(ErrorKind::input, url, " may not be read: it answers ", answer.status, "; a token ($HF_TOKEN) or a mirror may help");
  require_input(answer.status == 200, url, " answers ", answer.status, ": is the name right?");
  return answer;
}

bool all_of(std::string_view text, bool (*good)(char)) { return !text.empty() && std::all_of(text.begin(), text.end(), good); }
bool word_byte(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.'; }

template <class F>
void each_line(std::string_view text, F&& f) {
  while (!text.empty()) {
    const size_t end = text.find('\n');
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.empty()) f(line);
  }
}

}  // namespace

CrawlPath parse_crawl(const std::string& text) {
  CrawlPath out;
  const size_t end = std::min(text.find_first_of("/?@"), text.size());
  out.crawl = text.substr(0, end);
  require(all_of(out.crawl, word_byte), "commoncrawl:", text, ": \"", out.crawl, "\" is no crawl; wanted such as CC-MAIN-2024-10, or latest");
  std::string rest = text.substr(end);
  if (rest.starts_with('?')) {
    out.query = rest.substr(1);
    require(out.query.starts_with("url="), "commoncrawl:", text, ": wanted ?url=PATTERN, such as ?url=example.com/*");
    return out;
  }
  if (rest.starts_with('@')) {
    out.links = rest.substr(1);
    require(!out.links.empty(), "commoncrawl:", text, ": wanted @FILE of links");
    return out;
  }
  while (!rest.empty()) {
    rest.erase(0, 1);
    const size_t slash = std::min(rest.find('/'), rest.size());
    const std::string part = rest.substr(0, slash);
    rest.erase(0, slash);
    const size_t dash = part.find('-');
    if (part == "warc" || part == "wet") {
      out.kind = part;
    } else if (part.find('.') != std::string::npos && all_of(part, word_byte)) {
      out.segment = part;
    } else if (all_of(part.substr(0, dash), is_digit) && (dash == std::string::npos || all_of(part.substr(dash + 1), is_digit)) && part.size() < 20) {
      const int64_t first = std::stoll(part), last = dash == std::string::npos ? first : std::stoll(part.substr(dash + 1));
      require(last >= first, "commoncrawl:", text, ": the range ", part, " ends before it begins");
      out.range = {first, last};
    } else {
      fail(ErrorKind::usage, "commoncrawl:", text, ": \"", part, "\" is none of warc, wet, a segment (1707947473347.0) and a range of files (0-9)");
    }
  }
  return out;
}

std::string newest_crawl(const FetchConfig& config, Downloader& downloader) {
  const std::string url = without_slash(config.commoncrawl_index) + "/collinfo.json";
  const Json list = parse_json(must_read(downloader, url, {}, config.delay).body, url);
  require_input(list.is_array() && !list.empty(), url, " names no crawl");
  return get_string(list[0], "id");
}

std::vector<FetchItem> crawl_items(const CrawlPath& path, const FetchConfig& config, Downloader& downloader) {
  const std::string base = without_slash(config.commoncrawl), url = cat(base, "/crawl-data/", path.crawl, "/", path.kind, ".paths.gz");
  std::string text = must_read(downloader, url).body;
  if (text.starts_with("\x1f\x8b")) {
    std::string unpacked;
    require_input(unpack_bytes(text, "gzip", kLongestCatalogue, unpacked), url, " is damaged, or too long");
    text = std::move(unpacked);
  }
  std::vector<FetchItem> out;
  int64_t number = 0;
  each_line(text, [&](std::string_view line) {
    if (!path.segment.empty() && line.find("/" + path.segment + "/") == std::string_view::npos) return;
    const int64_t n = number++;
    if (path.range && (n < path.range->first || n > path.range->second)) return;
    FetchItem& item = out.emplace_back();
    item.addresses = {tidy_address(cat(base, "/", line))};
    item.file = name_of_address(item.addresses[0]);
  });
  require_input(!out.empty(), url, " has ", number, " files", path.segment.empty() ? "" : " of segment " + path.segment, ", none of them in what was asked for");
  return out;
}

std::string Capture::line() const {
  return to_line({{"url", url}, {"timestamp", timestamp}, {"filename", file}, {"offset", std::to_string(offset)}, {"length", std::to_string(bytes)}, {"digest", digest}, {"mime", media}, {"status", status}});
}

std::optional<Capture> parse_capture(std::string_view line) {
  Json row;
  try {
    row = parse_json(line, "capture");
  } catch (const Error&) {
    return std::nullopt;
  }
  if (!row.is_object()) return std::nullopt;
  auto text = [&row](const char* key) { return row.contains(key) ? row[key].is_string() ? row[key].get<std::string>() : row[key].is_number_integer() ? std::to_string(row[key].get<int64_t>()) : "" : ""; };
  Capture out{text("url"), text("timestamp"), text("filename"), text("digest"), text("mime"), text("status"), 0, 0};
  const std::string offset = text("offset"), bytes = text("length");
  if (out.url.empty() || out.file.empty() || !all_of(offset, is_digit) || !all_of(bytes, is_digit) || offset.size() > 18 || bytes.size() > 12) return std::nullopt;
  out.offset = std::stoll(offset);
  out.bytes = std::stoll(bytes);
  return out;
}

std::optional<Capture> find_capture(const std::string& crawl, const std::string& url, const FetchConfig& config, Downloader& downloader, std::string& trouble) {
  const std::string query = cat(without_slash(config.commoncrawl_index), "/", crawl, "-index?url=", escaped(url), "&output=json&filter=status:200");
  const SmallAnswer answer = downloader.read(query, kLongestCatalogue, {}, config.delay);
  trouble = answer.status == 404 ? "" : !answer.trouble.empty() ? answer.trouble : answer.status != 200 ? cat("the index answers ", answer.status) : "";
  std::optional<Capture> last;
  if (answer.status != 200 || !trouble.empty()) return last;
  each_line(answer.body, [&](std::string_view line) {
    auto capture = parse_capture(line);
    if (capture && capture->status == "200" && (!last || capture->timestamp >= last->timestamp)) last = std::move(capture);
  });
  return last;
}

int64_t write_captures(const CrawlPath& path, const FetchConfig& config, Downloader& downloader, const fs::path& file) {
  // Stars stay as they are: they are the index's pattern.
  std::string query = tidy_address("http://h/?" + path.query).substr(10);
  const std::string url = cat(without_slash(config.commoncrawl_index), "/", path.crawl, "-index?", query, "&output=json");
  const SmallAnswer counted = must_read(downloader, url + "&showNumPages=true", {}, config.delay);
  const int64_t pages = get_int(parse_json(counted.body, url), "pages", 0);
  require_input(pages <= kMostIndexPages, url, " has ", pages, " pages of captures; narrow the pattern");
  AtomicFile out(file);
  int64_t found = 0;
  for (int64_t page = 0; page < pages; ++page) {
    const SmallAnswer answer = downloader.read(fmt::format("{}&filter=status:200&page={}", url, page), kLongestCatalogue, {}, config.delay);
    if (answer.status == 404) continue;  // "No Captures found" on this page
    if (!answer.trouble.empty()) fail(ErrorKind::device, url, ": ", answer.trouble);
    require_input(answer.status == 200, url, " answers ", answer.status);
    each_line(answer.body, [&](std::string_view line) {
      const auto capture = parse_capture(line);
      if (!capture || capture->status != "200") return;
      out.write(capture->line() + "\n");
      ++found;
    });
  }
  require_input(found > 0, url, " finds no capture");
  out.commit();
  return found;
}

WikiPath parse_wiki(const std::string& project, const std::string& text) {
  const size_t at = text.find('@');
  std::string language = ascii_lower(text.substr(0, at));
  std::replace(language.begin(), language.end(), '-', '_');
  require(all_of(language, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || c == '_'; }) && language.size() < 40, project, ":", text, ": \"", language, "\" is no language; wanted such as en, de, simple");
  WikiPath out{language + (project == "wikipedia" ? "wiki" : project), at == std::string::npos ? "latest" : text.substr(at + 1)};
  require(out.date == "latest" || (out.date.size() == 8 && all_of(out.date, is_digit)), project, ":", text, ": \"", out.date, "\" is no date of a dump; wanted such as 20260101");
  return out;
}

std::vector<FetchItem> wiki_items(const std::string& project, const std::string& text, const FetchConfig& config, Downloader& downloader) {
  const WikiPath path = parse_wiki(project, text);
  const std::string base = without_slash(config.wikimedia), url = cat(base, "/", path.database, "/", path.date, "/", path.database, "-", path.date, "-sha1sums.txt");
  const SmallAnswer sums = must_read(downloader, url);
  // The multistream file is the one that can be read by many threads; some wikis have only the other.
  for (const std::string_view ending : {"-pages-articles-multistream.xml.bz2", "-pages-articles.xml.bz2"}) {
    std::vector<FetchItem> out;
    each_line(sums.body, [&](std::string_view line) {
      const size_t space = line.find_first_of(" \t");
      if (space == std::string_view::npos) return;
      const std::string name(trimmed(line.substr(space), " \t*"));
      const std::string front = path.database + "-";
      if (!name.starts_with(front) || !name.ends_with(ending) || name.size() != front.size() + 8 + ending.size()) return;
      const std::string date = name.substr(front.size(), 8);
      if (!all_of(date, is_digit)) return;
      FetchItem& item = out.emplace_back();
      item.addresses = {cat(base, "/", path.database, "/", date, "/", name)};
      item.file = name;
      item.checksum = parse_checksum(cat("sha1:", line.substr(0, space)));
    });
    if (!out.empty()) return out;
  }
  fail(ErrorKind::input, url, " names no dump of articles");
}

std::string gutenberg_folder(int64_t number) {
  const std::string digits = std::to_string(number);
  if (digits.size() == 1) return "0/" + digits;
  std::string out;
  for (size_t i = 0; i + 1 < digits.size(); ++i) out += cat(digits[i], "/");
  return out + digits;
}

std::vector<FetchItem> gutenberg_items(const std::string& numbers, const FetchConfig& config) {
  const std::string base = without_slash(config.gutenberg);
  std::vector<FetchItem> out;
  for (const int64_t n : number_list(numbers, "gutenberg:")) {
    FetchItem& item = out.emplace_back();
    const std::string folder = cat(base, "/", gutenberg_folder(n), "/", n);
    // UTF-8 first, then Latin-1, then ASCII, as the books were made over the years.
    item.addresses = {cat(base, "/cache/epub/", n, "/pg", n, ".txt"), folder + "-0.txt", folder + "-8.txt", folder + ".txt"};
    item.file = cat("pg", n, ".txt");
  }
  return out;
}

HubPath parse_hub_path(const std::string& text) {
  HubPath out;
  std::string rest = text;
  out.kind = "models";
  for (const char* kind : {"datasets", "spaces", "models"}) {
    if (rest.starts_with(std::string(kind) + "/")) {
      out.kind = kind;
      rest.erase(0, std::string_view(kind).size() + 1);
      break;
    }
  }
  const size_t owner = rest.find('/');
  const size_t end = owner == std::string::npos ? rest.size() : std::min(rest.find('/', owner + 1), rest.size());
  out.repository = rest.substr(0, end);
  out.path = end < rest.size() ? rest.substr(end + 1) : "";
  const size_t at = out.repository.find('@');
  out.revision = at == std::string::npos ? "main" : out.repository.substr(at + 1);
  if (at != std::string::npos) out.repository.resize(at);
  const size_t slash = out.repository.find('/');
  require(slash != std::string::npos && all_of(out.repository.substr(0, slash), word_byte) && all_of(out.repository.substr(slash + 1), word_byte) && all_of(out.revision, word_byte), "\"hf://", text,
          "\" is no path of the hub; wanted hf://[datasets/]OWNER/NAME[@REVISION][/PATH]");
  return out;
}

std::vector<FetchItem> hub_items(const std::string& text, const FetchConfig& config, Downloader& downloader) {
  const HubPath path = parse_hub_path(text);
  const std::string base = without_slash(config.hub), api = cat(base, "/api/", path.kind, "/", path.repository);
  std::vector<std::string> headers;
  if (const char* token = std::getenv("HF_TOKEN"); token != nullptr && *token != '\0') headers.push_back(cat("Authorization: Bearer ", token));
  // A branch moves; the commit it stands at now does not.
  const std::string about = cat(api, "/revision/", path.revision);
  const std::string commit = get_string(parse_json(must_read(downloader, about, headers).body, about), "sha");
  require_input(all_of(commit, word_byte), about, " names no commit");
  const bool pattern = path.path.find_first_of("*?[") != std::string::npos;
  std::string folder = path.path.substr(0, path.path.find_first_of("*?["));
  folder.resize(folder.rfind('/') == std::string::npos ? 0 : folder.rfind('/'));
  std::string wanted = path.path;
  while (wanted.ends_with('/')) wanted.pop_back();
  std::vector<FetchItem> out;
  std::string url = cat(api, "/tree/", commit, folder.empty() ? "" : "/" + escaped(folder, true), "?recursive=true");
  for (int64_t page = 0; !url.empty() && page < kMostIndexPages; ++page) {
    const SmallAnswer answer = must_read(downloader, url, headers);
    const Json rows = parse_json(answer.body, url);
    require_input(rows.is_array(), url, " lists no files");
    for (const Json& row : rows) {
      if (get_string(row, "type", "") != "file") continue;
      const std::string file = get_string(row, "path");
      const bool taken = pattern ? ::fnmatch(wanted.c_str(), file.c_str(), FNM_PATHNAME) == 0 : wanted.empty() || file == wanted || file.starts_with(wanted + "/");
      if (!taken || file == ".gitattributes") continue;
      FetchItem& item = out.emplace_back();
      item.addresses = {cat(base, "/", path.kind == "models" ? "" : path.kind + "/", path.repository, "/resolve/", commit, "/", escaped(file, true))};
      item.file = safe_path(file);
      item.bytes = get_int(row, "size", -1);
      item.hub = true;
      if (row.contains("lfs") && row["lfs"].is_object()) item.checksum = parse_checksum(cat("sha256:", get_string(row["lfs"], "oid")));
    }
    const size_t next = answer.link.find("rel=\"next\""), open = answer.link.rfind('<', next), close = answer.link.rfind('>', next);
    url = next != std::string::npos && open < close && close != std::string::npos ? tidy_address(answer.link.substr(open + 1, close - open - 1)) : "";
    require_input(url.empty() || origin_of(url) == origin_of(base), api, " goes on at another host: ", url);  // the token would go there
  }
  require_input(!out.empty(), "hf://", text, ": no file is of that name");
  std::sort(out.begin(), out.end(), [](const FetchItem& a, const FetchItem& b) { return a.file < b.file; });
  return out;
}

}  // namespace loam
