// What a document's web address says about whether it stays: block lists, and lists of pages that people linked to.
//
//   const AddressRules rules({"blocked.txt"});
//   if (const auto why = rules.judge(url)) leave_out(why->reason, why->value);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace loam {

struct AddressVerdict {
  const char* reason;
  std::string value;   ///< the entry of the list
};

/// Lines of the lists: "domain NAME", "url ADDRESS", "word W", "soft W", "part W"; a line without such a word is a url if it
/// has "://", else a domain. "#" begins a comment. Rules in datatrove's order and with its reasons: the registered domain is
/// listed: domain; the host: subdomain; the address: url; a whole word of the address is a `word`: hard_blacklisted; two of
/// them are `soft`: soft_blacklisted; a `part` is anywhere in it, lower case and without what separates words:
/// blacklisted_subword. 8 bytes an entry and more for words. Which part of a host is registered the Public Suffix List says.
class AddressRules {
 public:
  /// Throws Error{input} naming file and line.
  explicit AddressRules(const std::vector<std::string>& files);
  bool any() const { return any_; }
  std::optional<AddressVerdict> judge(std::string_view url) const;

 private:
  void add(std::string_view kind, std::string_view what);
  bool any_ = false;
  std::unordered_set<uint64_t> hosts_, urls_;
  std::unordered_set<std::string> words_, soft_;
  std::vector<std::string> parts_;
};

/// The host of an address, lower case; "" if it has none.
std::string host_of(std::string_view url);
/// "bbc.co.uk" of "news.bbc.co.uk"; the host itself where the list knows no more.
std::string registered_domain(const std::string& host);
/// Two addresses of one page: without scheme, "www.", default port, fragment and last "/"; the host in lower case.
std::string comparable_address(std::string_view url);

/// Documents that were taken back: ids or addresses, one a line.
class WithdrawnList {
 public:
  /// Throws Error{input} if a file cannot be read.
  explicit WithdrawnList(const std::vector<std::string>& files);
  bool has(std::string_view id, std::string_view url) const;

 private:
  std::unordered_set<uint64_t> ids_, urls_;
};

/// Linked pages with their scores, as WebText takes them from Reddit's submissions.
class LinkList {
 public:
  /// JSON lines with `url` and `score` (packed or not), or an address a line. A page linked to several times has its best
  /// score. 16 bytes a page. Throws Error{input} for a file without addresses.
  explicit LinkList(const std::string& file);
  /// The page's score; none if it is not in the list. Addresses without one have the highest there is.
  std::optional<int64_t> score(std::string_view url) const;
  int64_t size() const { return static_cast<int64_t>(scores_.size()); }

 private:
  std::unordered_map<uint64_t, int64_t> scores_;
};

}  // namespace loam
