#include "loam/stages/fetch/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/formats/bytes.h"
#include "loam/formats/lines.h"
#include "loam/stages/fetch/catalogues.h"
#include "loam/stages/fetch/file_names.h"

namespace loam {
namespace {

constexpr const char* kWikiProjects[] = {"wikipedia", "wikibooks", "wikinews", "wikiquote", "wikisource", "wikiversity", "wikivoyage", "wiktionary"};
constexpr const char* kWords = "wanted commoncrawl:CRAWL, wikipedia:LANGUAGE, gutenberg:NUMBERS, hf://OWNER/NAME, http(s)://..., list:FILE or pages:FILE";
constexpr int64_t kMostNumbers = 200000;

bool name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '+' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_source_name(std::string_view text) { return !text.empty() && text[0] != '.' && text != "state" && std::all_of(text.begin(), text.end(), name_byte); }

std::string as_name(std::string text) {
  for (char& c : text) {
    if (!name_byte(c)) c = '-';
  }
  while (text.starts_with('.')) text.erase(0, 1);
  return text.empty() || text == "state" ? "source" : text;
}

std::string stem(const std::string& file) {
  const std::string name = fs::path(file).filename().string();
  return name.substr(0, name.find('.', 1));
}

/// Two items of one name: the later is told apart by a number before its ending.
void make_unique(FetchItem& item, std::set<std::string>& taken) {
  std::string file = item.file;
  for (int64_t n = 2; !taken.insert(item.source + "/" + file).second; ++n) {
    const size_t slash = item.file.rfind('/');
    const size_t dot = item.file.find('.', slash == std::string::npos ? 1 : slash + 2);
    file = dot == std::string::npos ? fmt::format("{}~{}", item.file, n) : fmt::format("{}~{}{}", item.file.substr(0, dot), n, item.file.substr(dot));
  }
  item.file = file;
}

FetchItem file_of(const std::string& source, std::string_view address) {
  FetchItem item;
  item.source = source;
  const size_t mark = address.find('#');
  std::string_view fragment = mark == std::string_view::npos ? std::string_view() : address.substr(mark + 1);
  for (const std::string_view kind : {"sha256", "sha1", "md5"}) {
    if (fragment.starts_with(kind) && fragment.size() > kind.size() && (fragment[kind.size()] == ':' || fragment[kind.size()] == '=')) {
      item.checksum = parse_checksum(cat(kind, ":", fragment.substr(kind.size() + 1)));
    }
  }
  const std::string tidy = tidy_address(address);
  require(!tidy.empty(), "\"", address.substr(0, 200), "\" is no address; wanted http:// or https:// and a host");
  item.addresses = {tidy};
  item.file = name_of_address(tidy);
  return item;
}

void add_list(const FetchWord& word, std::vector<FetchItem>& items) {
  LineReader lines(open_bytes(word.rest), 1 << 20);
  std::string_view line;
  while (lines.next(line)) {
    line = trimmed(line);
    if (line.empty() || line.starts_with('#')) continue;
    const size_t space = line.find_first_of(" \t");
    try {
      items.push_back(file_of(word.name, line.substr(0, space)));
      if (space != std::string_view::npos) items.back().checksum = parse_checksum(trimmed(line.substr(space)));
    } catch (Error& e) {
      fail(ErrorKind::input, word.rest, ":", lines.number(), ": ", e.what());
    }
  }
}

}  // namespace

std::vector<int64_t> number_list(const std::string& text, std::string_view what) {
  std::vector<int64_t> out;
  std::set<int64_t> seen;
  for (size_t at = 0; at <= text.size();) {
    const size_t comma = std::min(text.find(',', at), text.size());
    const std::string part = text.substr(at, comma - at);
    at = comma + 1;
    const size_t dash = part.find('-');
    const int64_t first = parse_count(part.substr(0, dash), what), last = dash == std::string::npos ? first : parse_count(part.substr(dash + 1), what);
    require(first >= 0 && last >= first && last - first < kMostNumbers && last < int64_t{1} << 40, what, ": \"", part, "\" is no number or range");
    for (int64_t n = first; n <= last; ++n) {
      if (seen.insert(n).second) out.push_back(n);
    }
    require(static_cast<int64_t>(out.size()) <= kMostNumbers, what, " names more than ", kMostNumbers);
  }
  return out;
}

FetchWord parse_fetch_word(const std::string& text) {
  FetchWord word;
  std::string rest = text;
  if (const size_t equals = text.find('='); equals != std::string::npos && is_source_name(text.substr(0, equals))) {
    word.name = text.substr(0, equals);
    rest = text.substr(equals + 1);
  }
  const std::string tidy = tidy_address(rest);
  const size_t colon = rest.find(':');
  const std::string kind = colon == std::string::npos ? "" : rest.substr(0, colon);
  if (!tidy.empty()) {
    word.kind = "file";
    word.rest = rest;
    file_of("", rest);  // what is wrong with its checksum is said now
    if (word.name.empty()) word.name = as_name(origin_of(rest).substr(origin_of(rest).find("://") + 3));
    return word;
  }
  if (rest.starts_with("hf://")) {
    word.kind = "hub";
    word.rest = rest.substr(5);
    const HubPath path = parse_hub_path(word.rest);
    if (word.name.empty()) word.name = as_name(path.repository.substr(path.repository.rfind('/') + 1));
    return word;
  }
  word.rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
  std::vector<std::string> known = {"commoncrawl", "gutenberg", "list", "pages"};
  known.insert(known.end(), std::begin(kWikiProjects), std::end(kWikiProjects));
  if (std::find(known.begin(), known.end(), kind) == known.end()) {
    const std::string near = nearest_name(kind.empty() ? rest : kind, known);
    fail(ErrorKind::usage, "\"", text, "\" names nothing to fetch", near.empty() ? "" : "; did you mean " + near + ":...?", "; ", kWords);
  }
  require(!word.rest.empty(), "\"", text, "\" ends too early; ", kWords);
  word.kind = kind;
  if (std::find(std::begin(kWikiProjects), std::end(kWikiProjects), kind) != std::end(kWikiProjects)) {
    word.kind = "wiki";
    word.project = kind;
    parse_wiki(word.project, word.rest);
    if (word.name.empty()) word.name = as_name(kind + "-" + word.rest.substr(0, word.rest.find('@')));
  } else if (kind == "gutenberg") {
    number_list(word.rest, "gutenberg:");
  } else if (kind == "commoncrawl") {
    parse_crawl(word.rest);
  } else if (word.name.empty()) {
    word.name = tidy_address(word.rest).empty() ? as_name(stem(word.rest)) : "pages";
  }
  if (word.name.empty()) word.name = kind;
  return word;
}

std::vector<std::string> named_files(const std::vector<FetchWord>& words) {
  std::vector<std::string> out;
  for (const FetchWord& word : words) {
    if (word.kind == "list" || (word.kind == "pages" && tidy_address(word.rest).empty())) out.push_back(word.rest);
    if (word.kind == "commoncrawl" && !parse_crawl(word.rest).links.empty()) out.push_back(parse_crawl(word.rest).links);
  }
  return out;
}

FetchPlan make_plan(const std::vector<FetchWord>& words, const FetchConfig& config, Downloader& downloader, const fs::path& state, Progress& progress) {
  FetchPlan plan;
  std::set<std::string> taken;
  int64_t number = 0;
  for (const FetchWord& word : words) {
    if (std::find(plan.sources.begin(), plan.sources.end(), word.name) == plan.sources.end()) plan.sources.push_back(word.name);
    std::vector<FetchItem> items;
    const fs::path captures = state / fmt::format("captures-{}.jsonl", number++);
    if (word.kind == "file") {
      items.push_back(file_of(word.name, word.rest));
    } else if (word.kind == "list") {
      add_list(word, items);
    } else if (word.kind == "pages") {
      std::string file = word.rest;
      if (const std::string address = tidy_address(word.rest); !address.empty()) {
        file = captures.filename().string();
        write_file(captures, address + "\n");
      }
      plan.lists.push_back({word.name, file, "", file != word.rest});
    } else if (word.kind == "gutenberg") {
      items = gutenberg_items(word.rest, config);
    } else if (word.kind == "wiki") {
      items = wiki_items(word.project, word.rest, config, downloader);
    } else if (word.kind == "hub") {
      items = hub_items(word.rest, config, downloader);
    } else {
      CrawlPath crawl = parse_crawl(word.rest);
      if (crawl.crawl == "latest") crawl.crawl = newest_crawl(config, downloader);
      if (!crawl.links.empty()) {
        plan.lists.push_back({word.name, crawl.links, crawl.crawl, false});
      } else if (!crawl.query.empty()) {
        const int64_t found = write_captures(crawl, config, downloader, captures);
        progress.note(fmt::format("{} has {} captures of that", crawl.crawl, with_commas(found)));
        plan.lists.push_back({word.name, captures.filename().string(), crawl.crawl, true});
      } else {
        items = crawl_items(crawl, config, downloader);
      }
    }
    const bool many = word.kind == "commoncrawl" || word.kind == "hub" || word.kind == "gutenberg" || word.kind == "list";
    if (many && config.files && static_cast<int64_t>(items.size()) > *config.files) items.resize(static_cast<size_t>(*config.files));
    for (FetchItem& item : items) {
      item.source = word.name;
      make_unique(item, taken);
      plan.items.push_back(std::move(item));
    }
  }
  return plan;
}

Json FetchPlan::json() const {
  Json out = {{"items", Json::array()}, {"lists", Json::array()}, {"sources", sources}};
  for (const FetchItem& item : items) {
    out["items"].push_back({{"source", item.source}, {"file", item.file}, {"addresses", item.addresses}, {"bytes", item.bytes}, {"checksum", item.checksum.known() ? item.checksum.text() : ""}, {"hub", item.hub}});
  }
  for (const PageList& list : lists) out["lists"].push_back({{"source", list.source}, {"file", list.file}, {"crawl", list.crawl}, {"in_state", list.in_state}});
  return out;
}

FetchPlan FetchPlan::from_json(const Json& json) {
  FetchPlan out;
  for (const Json& item : json.at("items")) {
    FetchItem& made = out.items.emplace_back();
    made.source = get_string(item, "source");
    made.file = get_string(item, "file");
    made.addresses = item.at("addresses").get<std::vector<std::string>>();
    made.bytes = get_int(item, "bytes");
    if (const std::string checksum = get_string(item, "checksum"); !checksum.empty()) made.checksum = parse_checksum(checksum);
    made.hub = get_bool(item, "hub");
  }
  for (const Json& list : json.at("lists")) out.lists.push_back({get_string(list, "source"), get_string(list, "file"), get_string(list, "crawl"), get_bool(list, "in_state")});
  out.sources = json.at("sources").get<std::vector<std::string>>();
  return out;
}

}  // namespace loam
