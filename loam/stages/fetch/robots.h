// robots.txt: what a site asks of programs that fetch its pages (RFC 9309).
//
//   const Robots robots = parse_robots(text, "loam");
//   if (!robots.allows("/private/page?x=1")) ...
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// The rules that hold for one program.
class Robots {
 public:
  /// Whether the path, with its query, may be fetched: the longest rule that matches decides, an "allow" before a
  /// "disallow" of the same length; without one, yes. `*` stands for any bytes, `$` at the end for the end.
  bool allows(std::string_view path) const;
  /// Seconds between two requests, where the site names any (Crawl-delay: not of the RFC, but in use).
  std::optional<double> delay() const { return delay_; }

  /// Nothing may be fetched: what an unreachable robots.txt means (RFC 9309, 2.3.1.4).
  static Robots closed();

 private:
  friend Robots parse_robots(std::string_view text, std::string_view agent);
  struct Rule {
    std::string pattern;
    bool allow;
  };
  std::vector<Rule> rules_;
  std::optional<double> delay_;
};

/// The groups that name `agent` (a product token, any case), or else those for "*". Never fails: lines that are no rules
/// are passed over; what is past 500 KiB is not read.
Robots parse_robots(std::string_view text, std::string_view agent);

}  // namespace loam
