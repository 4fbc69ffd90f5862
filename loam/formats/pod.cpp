#include "loam/formats/pod.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

/// Resolves formatting codes: X<...> and X<< ... >>, nested. No recursion: a stack of open codes.
std::string codes_resolved(std::string_view text) {
  struct Open {
    char code;
    size_t brackets, at;  // at: where its text begins in `out`
  };
  std::vector<Open> open;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c >= 'A' && c <= 'Z' && i + 1 < text.size() && text[i + 1] == '<') {
      size_t brackets = 1;
      while (i + 1 + brackets < text.size() && text[i + 1 + brackets] == '<') ++brackets;
      const bool spaced = brackets > 1 && i + 1 + brackets < text.size() && (text[i + 1 + brackets] == ' ' || text[i + 1 + brackets] == '\n');
      if (!spaced) brackets = 1;
      open.push_back({c, brackets, out.size()});
      i += 1 + brackets + (spaced ? 1 : 0);
      continue;
    }
    if (c == '>' && !open.empty()) {
      const Open& code = open.back();
      size_t closing = 0;
      while (closing < code.brackets && i + closing < text.size() && text[i + closing] == '>') ++closing;
      if (closing == code.brackets) {
        std::string inside = out.substr(code.at);
        out.resize(code.at);
        if (code.brackets > 1 && !inside.empty() && (inside.back() == ' ' || inside.back() == '\n')) inside.pop_back();
        switch (code.code) {
          case 'X': case 'Z': inside.clear(); break;
          case 'L':
            if (const size_t bar = inside.find('|'); bar != std::string::npos) inside.resize(bar);
            break;
          case 'E': {
            int value = 0;
            const auto [end, error] = std::from_chars(inside.data(), inside.data() + inside.size(), value);
            if (inside == "lt") {
              inside = "<";
            } else if (inside == "gt") {
              inside = ">";
            } else if (inside == "sol") {
              inside = "/";
            } else if (inside == "verbar") {
              inside = "|";
            } else if (error == std::errc() && value > 0) {
              inside.clear();
              append_utf8(inside, static_cast<char32_t>(value));
            }
            break;
          }
          default: break;
        }
        out += inside;
        i += closing;
        open.pop_back();
        continue;
      }
    }
    out += c;
    ++i;
  }
  return out;
}

}  // namespace

std::string pod_text(std::string_view text) {
  std::string out;
  bool in_pod = false;
  int64_t skipped = 0;  // depth of =begin blocks
  auto add = [&](std::string_view paragraph) {
    if (paragraph.empty()) return;
    if (!out.empty()) out += "\n\n";
    out += paragraph;
  };
  while (!text.empty()) {
    // A paragraph ends at a line of white space.
    size_t end = 0;
    for (;;) {
      const size_t line_end = std::min(text.find('\n', end), text.size());
      const std::string_view line = text.substr(end, line_end - end);
      if (line.find_first_not_of(" \t\r") == std::string_view::npos) {
        text = end == 0 ? text.substr(std::min(text.size(), line_end + 1)) : text;
        break;
      }
      end = std::min(text.size(), line_end + 1);
      if (end == text.size()) break;
    }
    std::string_view paragraph = text.substr(0, end);
    text.remove_prefix(end);
    while (paragraph.ends_with('\n')) paragraph.remove_suffix(1);
    if (paragraph.empty()) continue;
    if (paragraph[0] == '=' && paragraph.size() > 1 && paragraph[1] >= 'a' && paragraph[1] <= 'z') {
      const size_t word = std::min(paragraph.find_first_of(" \t\n"), paragraph.size());
      const std::string_view command = paragraph.substr(1, word - 1);
      const size_t rest_at = paragraph.find_first_not_of(" \t\n", word);
      const std::string_view rest = rest_at == std::string_view::npos ? std::string_view() : paragraph.substr(rest_at);
      in_pod = command != "cut";
      if (command == "begin") {
        ++skipped;
      } else if (command == "end") {
        skipped = std::max<int64_t>(0, skipped - 1);
      } else if (skipped == 0 && command.starts_with("head")) {
        add(codes_resolved(rest));
      } else if (skipped == 0 && command == "item") {
        add(rest.empty() || rest == "*" ? std::string() : rest.starts_with("* ") ? "- " + codes_resolved(rest.substr(2)) : codes_resolved(rest));
      }
      continue;
    }
    if (!in_pod || skipped > 0) continue;
    if (paragraph[0] == ' ' || paragraph[0] == '\t') {
      add(paragraph);
    } else {
      add(codes_resolved(paragraph));
    }
  }
  return out;
}

}  // namespace loam
