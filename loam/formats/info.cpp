#include "loam/formats/info.h"

#include <algorithm>
#include <vector>

namespace loam {
namespace {

using namespace std::string_view_literals;

constexpr char kNode = '\x1f';

std::string_view next_line(std::string_view& rest) {
  const size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r\f") == std::string_view::npos; }

/// A line that underlines the one before: one of * = - . again and again.
bool underlines(std::string_view line, std::string_view before) {
  return line.size() >= 3 && "*=-."sv.find(line[0]) != std::string_view::npos && line.find_first_not_of(line[0]) == std::string_view::npos && !blank(before) &&
         before.size() <= 2 * line.size() && line.size() <= 2 * before.size();
}

/// "*note Label: Node." and "*note Node::" as "see ..."; names may go over a line's end. What is no reference stays.
void put_references(std::string& out, std::string_view text) {
  constexpr size_t kLongest = 400;  // bytes of a name: past that it is no reference, and the search stays linear
  while (!text.empty()) {
    const size_t star = text.find('*');
    out += text.substr(0, star);
    if (star == std::string_view::npos) return;
    text.remove_prefix(star);
    const bool note = text.size() > 6 && (text[1] == 'n' || text[1] == 'N') && text.substr(2, 3) == "ote" && (text[5] == ' ' || text[5] == '\n');
    const std::string_view name = note ? text.substr(6, kLongest) : std::string_view();
    const size_t colon = name.find(':');
    if (colon == std::string_view::npos || colon == 0 || name.substr(0, colon).find("\n\n") != std::string_view::npos) {
      out += '*';
      text.remove_prefix(1);
      continue;
    }
    out += text[1] == 'N' ? "See" : "see";
    out += text[5];
    out += name.substr(0, colon);
    size_t used = 6 + colon + 1;
    if (used < text.size() && text[used] == ':') {
      ++used;
    } else {  // the node's name, up to what ends it
      const size_t end = text.substr(used, kLongest).find_first_of(".,;\t");
      if (end != std::string_view::npos) used += end;
    }
    text.remove_prefix(used);
  }
}

/// Without "\0\b[...\0\b]", which stands for a picture or an index.
std::string without_marks(std::string_view text) {
  constexpr auto kMark = "\0\b["sv, kEnd = "\0\b]"sv;
  std::string out;
  while (true) {
    const size_t at = text.find(kMark);
    out += text.substr(0, at);
    if (at == std::string_view::npos) return out;
    const size_t end = text.find(kEnd, at);
    if (end == std::string_view::npos) return out;
    text.remove_prefix(end + kEnd.size());
  }
}

bool is_header(std::string_view line) { return line.starts_with("File: ") && line.find("Node: ") != std::string_view::npos; }

/// One node's text, its header gone.
void put_node(std::string& out, std::string_view node) {
  std::vector<std::string_view> lines;
  bool directory = false, origin = false;  // within the directory's entries, within "This is ..., produced by ..."
  while (!node.empty()) {
    const std::string_view line = next_line(node);
    if (line == "* Menu:") break;  // to the node's end: entries, and what is said of them
    if (line == "START-INFO-DIR-ENTRY") directory = true;
    if (lines.empty() && line.starts_with("This is ") && line.find("produced by") != std::string_view::npos) origin = true;
    if (blank(line)) origin = false;
    if (!directory && !origin && !line.starts_with("INFO-DIR-SECTION ")) {
      if (!lines.empty() && underlines(line, lines.back())) continue;
      if (!blank(line) || (!lines.empty() && !blank(lines.back()))) lines.push_back(line);
    }
    if (line == "END-INFO-DIR-ENTRY") directory = false;
  }
  while (!lines.empty() && blank(lines.back())) lines.pop_back();
  if (lines.empty()) return;
  if (!out.empty()) out += "\n";
  std::string text;
  for (const std::string_view line : lines) {
    text += line;
    text += '\n';
  }
  put_references(out, text);
}

}  // namespace

bool looks_like_info(std::string_view head) {
  for (size_t at = head.find(kNode); at != std::string_view::npos; at = head.find(kNode, at + 1)) {
    if (at > 0 && head[at - 1] != '\n') continue;
    std::string_view rest = head.substr(at + 1);
    if (rest.starts_with("\f")) rest.remove_prefix(1);
    if (!rest.starts_with("\n")) continue;
    rest.remove_prefix(1);
    if (is_header(next_line(rest)) || head.substr(at + 2).starts_with("Indirect:\n")) return true;
  }
  return false;
}

std::string info_text(std::string_view text) {
  const std::string clean = without_marks(text);
  std::string_view rest = clean;
  std::string out;
  while (!rest.empty()) {
    size_t end = 0;  // of this node: a line with 0x1f alone (or with a form feed)
    while (end < rest.size() && !(rest[end] == kNode && (end == 0 || rest[end - 1] == '\n'))) ++end;
    std::string_view node = rest.substr(0, end), after = node;
    rest.remove_prefix(std::min(rest.size(), end + 1));
    if (after.starts_with("\f")) after.remove_prefix(1);
    if (after.starts_with("\n")) after.remove_prefix(1);
    if (after.starts_with("Tag Table:") || after.starts_with("Indirect:") || after.starts_with("End Tag Table") || after.starts_with("Local Variables:")) continue;
    std::string_view body = after;
    if (is_header(next_line(body))) after = body;
    put_node(out, after);
  }
  return out;
}

}  // namespace loam
