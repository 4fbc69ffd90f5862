#include "loam/formats/mediawiki.h"

#include <algorithm>
#include <charconv>

#include "loam/base/characters.h"

namespace loam {
namespace {

/// "#REDIRECT [[x]]", "#WEITERLEITUNG [[x]]": old dumps have no element for it.
bool redirect_text(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n\r");
  if (first == std::string_view::npos || text[first] != '#') return false;
  text = text.substr(first + 1, 200);
  const size_t open = text.find("[["), end = text.find('\n');
  if (open == std::string_view::npos || open > 40 || (end != std::string_view::npos && end < open)) return false;
  // "redirect" in any case, or a word of the wiki's own language, which stands in capitals.
  std::string word(text.substr(0, open));
  while (word.ends_with(' ') || word.ends_with(':')) word.pop_back();
  if (word.empty() || word.find_first_of(" *#;{|=") != std::string::npos) return false;
  const bool capitals = std::none_of(word.begin(), word.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  return capitals || ascii_lower(word) == "redirect";
}

}  // namespace

bool begins_as_wiki(std::string_view head) {
  head = head.substr(0, 4096);
  if (head.starts_with("\xEF\xBB\xBF")) head.remove_prefix(3);
  const size_t first = head.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return false;
  head.remove_prefix(first);
  if (head.starts_with("<?xml")) {
    const size_t end = head.find("?>");
    const size_t next = end == std::string_view::npos ? end : head.find('<', end);
    if (next == std::string_view::npos) return false;
    head.remove_prefix(next);
  }
  return head.starts_with("<mediawiki");
}

std::string WikiDumpReader::address(std::string_view title) const {
  const size_t slash = base_.rfind('/');
  if (slash == std::string::npos || !base_.starts_with("http")) return "";
  std::string out = base_.substr(0, slash + 1);
  for (const char c : title) {
    const auto u = static_cast<unsigned char>(c);
    static constexpr char kHex[] = "0123456789ABCDEF";
    if (c == ' ') {
      out += '_';
    } else if (u <= 0x20 || u == 0x7f || std::string_view("\"%<>?[\\]^`{|}#").find(c) != std::string_view::npos) {
      out += '%';
      out += kHex[u >> 4];
      out += kHex[u & 15];
    } else {
      out += c;
    }
  }
  return out;
}

bool WikiDumpReader::next(WikiPage& page) {
  page = WikiPage();
  bool inside = false;      // a <page>
  std::string open;         // the element whose text is read
  std::string parent;       // revision, contributor...
  std::string value, space_key;
  XmlEvent e;
  while (xml_.next(e)) {
    if (e.kind == XmlEvent::start) {
      if (e.name == "page") {
        page = WikiPage();
        inside = true;
        parent = "page";
      } else if (e.name == "mediawiki" && e.attribute("xml:lang") != nullptr) {
        language_ = e.attribute("xml:lang")->substr(0, 20);
      } else if (e.name == "redirect") {
        page.redirects = inside;
      } else if (e.name == "revision" || e.name == "contributor" || e.name == "upload" || e.name == "siteinfo") {
        parent = e.name;
        if (e.name == "revision") {  // the last one counts
          page.text.clear();
          page.cut = false;
        }
      } else if (e.name == "namespace" && e.attribute("key") != nullptr) {
        space_key = *e.attribute("key");
      }
      open = e.empty ? "" : e.name;
      value.clear();
      continue;
    }
    if (e.kind == XmlEvent::text) {
      if (inside && open == "text") {
        const auto room = static_cast<size_t>(std::max<int64_t>(0, limit_ - static_cast<int64_t>(page.text.size())));
        page.cut = page.cut || e.content.size() > room;
        page.text += std::string_view(e.content).substr(0, room);
      } else if (!open.empty() && value.size() < 4096) {
        value += std::string_view(e.content).substr(0, 4096);
      }
      continue;
    }
    if (e.name == "page" && inside) {
      page.redirects = page.redirects || redirect_text(page.text);
      return true;
    }
    if (e.name == "revision" || e.name == "upload") parent = "page";
    if (e.name == "contributor") parent = "revision";
    if (e.name == open) {
      if (!inside) {
        if (open == "base") base_ = value;
        if (open == "namespace" && (space_key == "6" || space_key == "14" || space_key == "-2") && !value.empty() && unlinked_->size() < 100) unlinked_->push_back(value);
      } else if (open == "title") {
        page.title = value;
      } else if (open == "ns") {
        std::from_chars(value.data(), value.data() + value.size(), page.space);
      } else if (open == "id" && parent == "page") {
        page.id = value;
      } else if (open == "timestamp" && parent == "revision") {
        page.time = value;
      }
    }
    open.clear();
  }
  return false;
}

}  // namespace loam
