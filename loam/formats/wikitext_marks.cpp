#include "loam/formats/wikitext_marks.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr char32_t kLiteral = 0xF0000;  // a private plane: characters of <nowiki> and the like wait there until the end
constexpr size_t kLongestMark = 2000, kSearched = 256;  // what is longer or further away is no markup

/// Where "</name" stands at or behind `at`; npos if nowhere. Counted against those that were looked for in vain, so that a
/// page of open tags does not cost the square of its length.
class TagFinder {
 public:
  explicit TagFinder(std::string_view text) : text_(text) {}
  size_t close(std::string_view name, size_t at) {
    for (const auto& [missing, from] : none_) {
      if (missing == name && at >= from) return std::string_view::npos;
    }
    for (size_t p = text_.find("</", at); p != std::string_view::npos; p = text_.find("</", p + 2)) {
      if (p + 2 + name.size() > text_.size()) break;
      bool same = true;
      for (size_t i = 0; i < name.size() && same; ++i) same = ascii_lower(text_[p + 2 + i]) == name[i];
      if (same) return p;
    }
    none_.emplace_back(std::string(name), at);
    return std::string_view::npos;
  }

 private:
  std::string_view text_;
  std::vector<std::pair<std::string, size_t>> none_;
};

void append_literal(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (std::string_view("[]{}|'=<>*#:;&-_!").find(c) != std::string_view::npos) {
      append_utf8(out, kLiteral + static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
}

}  // namespace

std::string without_hidden(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  TagFinder tags(text);
  bool comments = true;
  for (size_t at = 0; at < text.size();) {
    const size_t open = std::min(text.find('<', at), text.size());
    out += text.substr(at, open - at);
    at = open;
    if (at == text.size()) break;
    if (text.substr(at, 4) == "<!--") {
      const size_t end = comments ? text.find("-->", at + 4) : std::string_view::npos;
      if (end == std::string_view::npos) {
        comments = false;
        at += 4;
        continue;
      }
      at = end + 3;
      // A comment alone on its line leaves no empty line.
      if ((out.empty() || out.back() == '\n') && at < text.size() && text[at] == '\n') ++at;
      continue;
    }
    size_t name_end = at + 1;
    while (name_end < text.size() && ((ascii_lower(text[name_end]) >= 'a' && ascii_lower(text[name_end]) <= 'z') || (text[name_end] >= '0' && text[name_end] <= '9'))) ++name_end;
    const std::string name = ascii_lower(text.substr(at + 1, std::min<size_t>(name_end - at - 1, 30)));
    static constexpr std::string_view kDropped[] = {"ref", "gallery", "timeline", "imagemap", "score", "graph", "templatedata", "mapframe", "maplink", "references", "includeonly", "script", "style", "templatestyles", "section", "inputbox", "hiero", "categorytree"};
    static constexpr std::string_view kLiterals[] = {"nowiki", "pre", "syntaxhighlight", "source", "math", "chem", "code"};
    const bool dropped = std::find(std::begin(kDropped), std::end(kDropped), name) != std::end(kDropped);
    const bool literal = std::find(std::begin(kLiterals), std::end(kLiterals), name) != std::end(kLiterals);
    if (!dropped && !literal) {
      out += text[at++];
      continue;
    }
    const size_t tag_end = name_end + text.substr(name_end, kLongestMark).find('>');
    if (tag_end < name_end || tag_end >= text.size() || text[tag_end] != '>') {
      out += text[at++];
      continue;
    }
    if (text[tag_end - 1] == '/') {
      at = tag_end + 1;
      continue;
    }
    const size_t close = tags.close(name, tag_end);
    if (close == std::string_view::npos) {
      at = tag_end + 1;
      continue;
    }
    if (literal) {
      std::string_view content = text.substr(tag_end + 1, close - tag_end - 1);
      const bool block = name == "pre" || name == "syntaxhighlight" || name == "source";
      if (name == "code") {
        out += content;  // markup inside <code> is markup
      } else {
        if (block) out += '\n';
        append_literal(out, block ? trimmed(content, kBlanks) : content);
        if (block) out += '\n';
      }
    }
    const size_t end = text.find('>', close);
    at = end == std::string_view::npos ? text.size() : end + 1;
  }
  return out;
}

std::string with_literals(const std::string& text) {
  if (text.find("\xF3\xB0\x80") == std::string::npos && text.find("\xF3\xB0\x81") == std::string::npos) return text;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t from = at;
    const char32_t c = next_code_point(text, at);
    if (c >= kLiteral && c < kLiteral + 128) {
      out += static_cast<char>(c - kLiteral);
    } else {
      out += std::string_view(text).substr(from, at - from);
    }
  }
  return out;
}

Brackets::Brackets(std::string_view s) : kinds(s.size(), Bracket::none), ends(s.size(), 0) {
  struct Open {
    Bracket kind;  // template_ stands for any number of braces
    size_t at, braces;
  };
  std::vector<Open> stack;
  bool line = true;  // only spaces and colons so far
  auto matched = [&](Bracket kind, size_t from, size_t to) {
    kinds[from] = kind;
    ends[from] = static_cast<uint32_t>(to);
  };
  for (size_t i = 0; i < s.size();) {
    const char c = s[i];
    size_t run = 1;
    if (c == '{' || c == '}') {
      while (i + run < s.size() && s[i + run] == c) ++run;
    }
    if (c == '{' && run == 1 && line && i + 1 < s.size() && s[i + 1] == '|') {
      stack.push_back({Bracket::table, i, 0});
      i += 2;
      line = false;
    } else if (c == '{' && run >= 2) {
      // "{{{|" at a line's beginning may be a table in a template: "{{" and "{|".
      const bool table = run == 3 && i + 3 < s.size() && s[i + 3] == '|';
      stack.push_back({Bracket::template_, i, table ? 2 : run});
      i += table ? 2 : run;
      line = table;
    } else if (c == '}' && run >= 2) {
      size_t left = run;
      while (left >= 2) {
        // The nearest open braces; links and tables inside them that never ended are none.
        size_t top = stack.size();
        const size_t lowest = top - std::min(top, kSearched);
        while (top > lowest && stack[top - 1].kind != Bracket::template_) --top;
        if (top == lowest) break;
        stack.resize(top);
        Open& open = stack.back();
        const size_t take = open.braces >= 3 && left >= 3 ? 3 : 2;
        matched(take == 3 ? Bracket::parameter : Bracket::template_, open.at + open.braces - take, i + run - left);
        open.braces -= take;
        left -= take;
        if (open.braces < 2) stack.pop_back();
      }
      i += run;
      line = false;
    } else if (c == '|' && line && i + 1 < s.size() && s[i + 1] == '}' && !(i + 2 < s.size() && s[i + 2] == '}' && !(i + 3 < s.size() && s[i + 3] == '}'))) {
      size_t top = stack.size();
      const size_t lowest = top - std::min(top, kSearched);
      while (top > lowest && stack[top - 1].kind == Bracket::link) --top;
      if (top > lowest && stack[top - 1].kind == Bracket::table) {
        stack.resize(top);
        matched(Bracket::table, stack.back().at, i);
        stack.pop_back();
      }
      i += 2;
      line = false;
    } else if (c == '[' && i + 1 < s.size() && s[i + 1] == '[') {
      stack.push_back({Bracket::link, i, 0});
      i += 2;
      line = false;
    } else if (c == ']' && i + 1 < s.size() && s[i + 1] == ']') {
      if (!stack.empty() && stack.back().kind == Bracket::link) {
        matched(Bracket::link, stack.back().at, i);
        stack.pop_back();
      }
      i += 2;
      line = false;
    } else {
      if (c == '\n') {
        line = true;
      } else if (c != ' ' && c != ':' && c != '\t' && c != '*' && c != '#') {
        line = false;
      }
      ++i;
    }
  }
}

std::string without_references(std::string_view text) {
  static constexpr std::pair<std::string_view, char32_t> kNames[] = {
      {"nbsp", ' '}, {"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"ndash", 0x2013}, {"mdash", 0x2014}, {"minus", 0x2212}, {"times", 0xD7}, {"deg", 0xB0}, {"middot", 0xB7}, {"bull", 0x2022}, {"thinsp", ' '}, {"ensp", ' '},
      {"emsp", ' '}, {"hellip", 0x2026}, {"lsquo", 0x2018}, {"rsquo", 0x2019}, {"ldquo", 0x201C}, {"rdquo", 0x201D}, {"laquo", 0xAB}, {"raquo", 0xBB}, {"prime", 0x2032}, {"Prime", 0x2033}, {"pound", 0xA3}, {"euro", 0x20AC}, {"yen", 0xA5},
      {"sect", 0xA7}, {"para", 0xB6}, {"plusmn", 0xB1}, {"frac12", 0xBD}, {"frac14", 0xBC}, {"frac34", 0xBE}, {"sup2", 0xB2}, {"sup3", 0xB3}, {"alpha", 0x3B1}, {"beta", 0x3B2}, {"gamma", 0x3B3}, {"delta", 0x3B4}, {"Delta", 0x394},
      {"lambda", 0x3BB}, {"mu", 0x3BC}, {"micro", 0xB5}, {"pi", 0x3C0}, {"sigma", 0x3C3}, {"omega", 0x3C9}, {"Omega", 0x3A9}, {"rarr", 0x2192}, {"larr", 0x2190}, {"harr", 0x2194}, {"le", 0x2264}, {"ge", 0x2265}, {"ne", 0x2260},
      {"infin", 0x221E}, {"radic", 0x221A}, {"sum", 0x2211}, {"eacute", 0xE9}, {"egrave", 0xE8}, {"aacute", 0xE1}, {"agrave", 0xE0}, {"auml", 0xE4}, {"ouml", 0xF6}, {"uuml", 0xFC}, {"ccedil", 0xE7}, {"ntilde", 0xF1}, {"szlig", 0xDF},
      {"zwnj", 0}, {"zwj", 0}, {"shy", 0}, {"lrm", 0}, {"rlm", 0}};
  std::string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const size_t amp = std::min(text.find('&', at), text.size());
    out += text.substr(at, amp - at);
    at = amp;
    if (at == text.size()) break;
    const size_t end = text.substr(at, 12).find(';');
    const std::string_view name = end == std::string_view::npos ? std::string_view() : text.substr(at + 1, end - 1);
    const auto* known = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& each) { return each.first == name; });
    if (known != std::end(kNames)) {
      if (known->second != 0) append_utf8(out, known->second);
      at += end + 1;
    } else if (name.size() > 1 && name[0] == '#') {
      const bool hex = name[1] == 'x' || name[1] == 'X';
      uint32_t code = 0;
      for (const char c : name.substr(hex ? 2 : 1)) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : hex && ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f' ? ascii_lower(c) - 'a' + 10 : -1;
        code = digit < 0 || code > 0x110000 ? 0x110001 : code * (hex ? 16 : 10) + static_cast<uint32_t>(digit);
      }
      if (code > 0x1F && code <= 0x10FFFF) {
        append_utf8(out, code == 0xA0 ? ' ' : code);
        at += end + 1;
      } else {
        out += text[at++];
      }
    } else {
      out += text[at++];
    }
  }
  return out;
}

}  // namespace loam
