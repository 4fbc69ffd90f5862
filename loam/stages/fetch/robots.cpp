#include "loam/stages/fetch/robots.h"

#include <algorithm>
#include <charconv>

#include "loam/base/characters.h"

namespace loam {
namespace {

constexpr size_t kLongest = 500 << 10;   // RFC 9309, 2.5: at least 500 KiB are to be read
constexpr size_t kMostRules = 20000;

/// One form for paths that mean the same: escapes of unreserved bytes undone, of others in capitals, bytes past ASCII escaped.
std::string one_form(std::string_view path) {
  std::string out;
  auto escape = [&out](unsigned char byte) {
    out += '%';
    out += "0123456789ABCDEF"[byte >> 4];
    out += "0123456789ABCDEF"[byte & 15];
  };
  for (size_t i = 0; i < path.size(); ++i) {
    const char c = path[i];
    if (c == '%' && i + 2 < path.size() && hex_value(path[i + 1]) >= 0 && hex_value(path[i + 2]) >= 0) {
      const auto byte = static_cast<unsigned char>(hex_value(path[i + 1]) * 16 + hex_value(path[i + 2]));
      const bool plain = is_digit(static_cast<char>(byte)) || is_letter(static_cast<char>(byte)) || byte == '-' || byte == '.' || byte == '_' || byte == '~';
      if (plain) {
        out += static_cast<char>(byte);
      } else {
        escape(byte);
      }
      i += 2;
    } else if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) <= 0x20) {
      escape(static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

/// Greedy wildcard match from the path's beginning: each piece between stars at its first place, which is enough since the
/// rest may follow anywhere. Time is the product of lengths at worst, with both bounded.
bool matches(std::string_view pattern, std::string_view path) {
  const bool anchored = pattern.ends_with('$');
  if (anchored) pattern.remove_suffix(1);
  size_t at = 0;
  bool first = true;
  for (;;) {
    const size_t star = pattern.find('*');
    const std::string_view piece = pattern.substr(0, star);
    const bool last = star == std::string_view::npos;
    if (last && anchored) {
      if (first) return path == piece;
      return path.size() >= at + piece.size() && path.ends_with(piece);
    }
    if (first) {
      if (!path.starts_with(piece)) return false;
      at = piece.size();
    } else {
      const size_t found = path.find(piece, at);
      if (found == std::string_view::npos) return false;
      at = found + piece.size();
    }
    if (last) return true;
    first = false;
    pattern.remove_prefix(star + 1);
  }
}

}  // namespace

bool Robots::allows(std::string_view path) const {
  if (path == "/robots.txt") return true;
  const std::string form = one_form(path.substr(0, 8192));
  size_t longest = 0;
  bool allowed = true;
  for (const Rule& rule : rules_) {
    if (rule.pattern.size() < longest || (rule.pattern.size() == longest && longest > 0 && !rule.allow)) continue;
    if (!matches(rule.pattern, form)) continue;
    longest = rule.pattern.size();
    allowed = rule.allow;
  }
  return allowed;
}

Robots Robots::closed() {
  Robots out;
  out.rules_.push_back({"/", false});
  return out;
}

Robots parse_robots(std::string_view text, std::string_view agent) {
  text = text.substr(0, kLongest);
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  const std::string wanted = ascii_lower(agent);
  Robots own, all;
  bool own_found = false, in_own = false, in_all = false, in_agents = false;
  while (!text.empty()) {
    const size_t end = text.find_first_of("\r\n");
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = trimmed(line.substr(0, line.find('#')));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string key = ascii_lower(trimmed(line.substr(0, colon)));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "user-agent") {
      if (!in_agents) in_own = in_all = false;
      in_agents = true;
      // A product token may be followed by a version: "loam/1.0".
      const std::string token = ascii_lower(value.substr(0, value.find_first_of("/ \t")));
      in_all |= token == "*";
      if (token == wanted) in_own = own_found = true;
      continue;
    }
    if (key == "allow" || key == "disallow") {
      in_agents = false;
      if (value.empty() || value.size() > 2048) continue;
      std::string pattern = one_form(value);
      if (pattern[0] != '/' && pattern[0] != '*') pattern.insert(pattern.begin(), '/');
      for (Robots* robots : {&own, &all}) {
        if ((robots == &own ? in_own : in_all) && robots->rules_.size() < kMostRules) robots->rules_.push_back({pattern, key == "allow"});
      }
    } else if (key == "crawl-delay") {
      in_agents = false;
      double seconds = 0;
      const auto [rest, code] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (code != std::errc() || !(seconds >= 0) || seconds > 1e6) continue;
      if (in_own) own.delay_ = seconds;
      if (in_all) all.delay_ = seconds;
    }
  }
  return own_found ? own : all;
}

}  // namespace loam
