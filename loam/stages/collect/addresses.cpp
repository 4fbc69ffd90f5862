#include "loam/stages/collect/addresses.h"

#include <libpsl.h>
#include <simdjson.h>

#include <algorithm>
#include <limits>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/formats/bytes.h"
#include "loam/formats/lines.h"

namespace loam {
namespace {

constexpr int64_t kLongestLine = 16 << 20;
constexpr int kSoftWords = 2;

bool of_host(char c) { return is_digit(c) || is_letter(c); }

/// Host with port, and what stands behind it.
std::pair<std::string_view, std::string_view> parted(std::string_view url) {
  if (const size_t scheme = url.find("://"); scheme != std::string_view::npos && scheme < 20) url.remove_prefix(scheme + 3);
  const size_t end = std::min(url.find_first_of("/?#"), url.size());
  std::string_view host = url.substr(0, end);
  if (const size_t at = host.rfind('@'); at != std::string_view::npos) host.remove_prefix(at + 1);
  return {host, url.substr(end)};
}

}  // namespace

std::string host_of(std::string_view url) {
  std::string_view host = parted(trimmed(url)).first;
  if (const size_t colon = host.rfind(':'); colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) host = host.substr(0, colon);
  while (host.ends_with('.')) host.remove_suffix(1);
  return ascii_lower(host);
}

std::string registered_domain(const std::string& host) {
  const char* domain = psl_registrable_domain(psl_builtin(), host.c_str());
  return domain == nullptr ? host : domain;
}

std::string comparable_address(std::string_view url) {
  const auto [authority, rest] = parted(trimmed(url));
  std::string out = ascii_lower(authority);
  for (const std::string_view port : {":80", ":443"}) {
    if (out.ends_with(port)) out.resize(out.size() - port.size());
  }
  if (out.starts_with("www.")) out.erase(0, 4);
  std::string_view path = rest.substr(0, rest.find('#'));
  while (path.ends_with('/')) path.remove_suffix(1);
  return out + std::string(path);
}

AddressRules::AddressRules(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    LineReader lines(open_bytes(file), kLongestLine);
    std::string_view line;
    while (lines.next(line)) {
      line = trimmed(line.substr(0, line.starts_with('#') ? 0 : line.find(" #")));
      if (line.empty()) continue;
      const size_t space = line.find_first_of(" \t");
      if (space == std::string_view::npos) {
        add(line.find("://") != std::string_view::npos ? "url" : "domain", line);
        continue;
      }
      const std::string_view kind = line.substr(0, space);
      require_input(kind == "domain" || kind == "url" || kind == "word" || kind == "soft" || kind == "part", file, ":", lines.number(), ": \"", kind.substr(0, 40), "\" is none of domain, url, word, soft, part");
      add(kind, trimmed(line.substr(space)));
    }
  }
}

void AddressRules::add(std::string_view kind, std::string_view what) {
  any_ = true;
  if (kind == "domain") {
    hosts_.insert(hash64(ascii_lower(what)));
  } else if (kind == "url") {
    urls_.insert(hash64(comparable_address(what)));
  } else if (kind == "word") {
    words_.emplace(what);
  } else if (kind == "soft") {
    soft_.emplace(what);
  } else {
    std::string part;
    for (const char c : ascii_lower(what)) {
      if (of_host(c)) part += c;
    }
    if (!part.empty()) parts_.push_back(part);
  }
}

std::optional<AddressVerdict> AddressRules::judge(std::string_view url) const {
  if (!any_ || url.empty()) return std::nullopt;
  const std::string host = host_of(url);
  if (!hosts_.empty() && !host.empty()) {
    const std::string domain = registered_domain(host);
    if (hosts_.contains(hash64(domain))) return AddressVerdict{"domain", domain};
    if (hosts_.contains(hash64(host))) return AddressVerdict{"subdomain", host};
  }
  if (!urls_.empty() && urls_.contains(hash64(comparable_address(url)))) return AddressVerdict{"url", std::string(url)};
  if (!words_.empty() || !soft_.empty()) {
    std::vector<std::string> seen;
    for (size_t at = 0; at < url.size();) {
      size_t end = at;
      while (end < url.size() && of_host(url[end])) ++end;
      const std::string word(url.substr(at, end - at));
      if (words_.contains(word)) return AddressVerdict{"hard_blacklisted", word};
      if (soft_.contains(word) && std::find(seen.begin(), seen.end(), word) == seen.end()) seen.push_back(word);
      at = end + 1;
    }
    if (static_cast<int>(seen.size()) >= kSoftWords) return AddressVerdict{"soft_blacklisted", seen[0] + ", " + seen[1]};
  }
  if (!parts_.empty()) {
    std::string bare;
    for (const char c : url) {
      if (of_host(c)) bare += ascii_lower(c);
    }
    for (const std::string& part : parts_) {
      if (bare.find(part) != std::string::npos) return AddressVerdict{"blacklisted_subword", part};
    }
  }
  return std::nullopt;
}

WithdrawnList::WithdrawnList(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    LineReader lines(open_bytes(file), kLongestLine);
    std::string_view line;
    while (lines.next(line)) {
      line = trimmed(line);
      if (line.empty()) continue;
      ids_.insert(hash64(line));
      if (line.find("://") != std::string_view::npos) urls_.insert(hash64(comparable_address(line)));
    }
  }
}

bool WithdrawnList::has(std::string_view id, std::string_view url) const {
  return (!ids_.empty() && ids_.contains(hash64(id))) || (!urls_.empty() && !url.empty() && urls_.contains(hash64(comparable_address(url))));
}

LinkList::LinkList(const std::string& file) {
  LineReader lines(open_bytes(file), kLongestLine);
  simdjson::dom::parser parser;
  std::string_view line;
  std::string padded;
  while (lines.next(line)) {
    line = trimmed(line);
    if (line.empty() || line.starts_with('#') || lines.cut()) continue;
    int64_t score = std::numeric_limits<int64_t>::max();
    std::string_view url = line;
    if (line.front() == '{') {
      padded.assign(line);
      padded.reserve(padded.size() + simdjson::SIMDJSON_PADDING);
      simdjson::dom::element row;
      if (parser.parse(padded.data(), padded.size(), false).get(row) != simdjson::SUCCESS || row["url"].get(url) != simdjson::SUCCESS) continue;
      double number = 0;
      if (row["score"].get(number) == simdjson::SUCCESS) score = static_cast<int64_t>(std::clamp(number, -1e15, 1e15));
    } else if (line.find("://") == std::string_view::npos && line.find('.') == std::string_view::npos) {
      continue;
    }
    const std::string address = comparable_address(url);
    if (address.empty()) continue;
    auto [it, fresh] = scores_.try_emplace(hash64(address), score);
    if (!fresh) it->second = std::max(it->second, score);
  }
  require_input(!scores_.empty(), file, ": there is no address in it; wanted JSON lines with \"url\" and \"score\", or an address a line");
}

std::optional<int64_t> LinkList::score(std::string_view url) const {
  const auto it = scores_.find(hash64(comparable_address(url)));
  return it == scores_.end() ? std::nullopt : std::optional(it->second);
}

}  // namespace loam
