#include "loam/formats/epub.h"

#include <algorithm>
#include <map>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/formats/archive.h"
#include "loam/formats/xml.h"

namespace loam {
namespace {

namespace fs = std::filesystem;
using namespace std::string_view_literals;

constexpr size_t kMembers = 20000;

bool wanted(std::string_view name) {
  for (const std::string_view ending : {".xhtml"sv, ".html"sv, ".htm"sv, ".xml"sv, ".opf"sv, ".ncx"sv}) {
    if (name.ends_with(ending)) return true;
  }
  return false;
}

/// "a/b/../c%20d" below a folder, as a member's name.
std::string resolved_address(std::string_view base, std::string_view href) {
  std::string plain;
  href = href.substr(0, href.find('#'));
  for (size_t i = 0; i < href.size(); ++i) {
    if (href[i] == '%' && i + 2 < href.size() && hex_value(href[i + 1]) >= 0 && hex_value(href[i + 2]) >= 0) {
      plain += static_cast<char>(hex_value(href[i + 1]) * 16 + hex_value(href[i + 2]));
      i += 2;
    } else {
      plain += href[i];
    }
  }
  const size_t slash = base.rfind('/');
  return (fs::path(slash == std::string_view::npos ? "" : std::string(base.substr(0, slash))) / plain).lexically_normal().generic_string();
}

std::string_view local_name(std::string_view name) { return name.substr(name.find(':') == std::string_view::npos ? 0 : name.find(':') + 1); }

std::string one_line(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else {
      out += c;
    }
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace

bool begins_as_epub(std::string_view head) {
  return head.starts_with("PK\x03\x04"sv) && head.substr(0, 200).find("mimetypeapplication/epub+zip"sv) != std::string_view::npos;
}

EpubBook read_epub(const fs::path& file, int64_t limit) {
  std::map<std::string, std::string> members;
  MemberReader reader(file);
  int64_t left = limit;
  while (reader.next()) {
    if (reader.path() == "META-INF/encryption.xml" && members.size() < kMembers) members["META-INF/encryption.xml"] = "";
    if (!wanted(reader.path())) continue;
    require_input(members.size() < kMembers, "the book has more than ", kMembers, " files");
    std::string& bytes = members[fs::path(reader.path()).lexically_normal().generic_string()];
    const ReadBytes read = reader.bytes();
    char block[16 << 10];
    bytes.clear();
    while (const int64_t n = read(block, sizeof block)) {
      left -= n;
      require_input(left >= 0, "the book's text is longer than ", limit, " bytes");
      bytes.append(block, static_cast<size_t>(n));
    }
  }
  const auto container = members.find("META-INF/container.xml");
  require_input(container != members.end(), "the book has no META-INF/container.xml");
  std::string package;
  XmlEvent e;
  for (XmlReader xml(read_text(container->second)); xml.next(e);) {
    if (e.kind == XmlEvent::start && local_name(e.name) == "rootfile" && package.empty() && e.attribute("full-path") != nullptr) package = resolved_address("", *e.attribute("full-path"));
  }
  require_input(members.contains(package), "the book's package \"", package.substr(0, 200), "\" is not in it");
  EpubBook book;
  std::map<std::string, std::string> items;  // id: member
  std::string open, content;
  for (XmlReader xml(read_text(members.at(package))); xml.next(e);) {
    const std::string_view name = local_name(e.name);
    if (e.kind == XmlEvent::text) {
      if (!open.empty()) content += e.content;
    } else if (e.kind == XmlEvent::end) {
      const std::string value = one_line(content);
      auto first = [&](std::string_view what, std::string& to) {
        if (open == what && to.empty()) to = value;
      };
      first("title", book.title);
      first("language", book.language);
      first("date", book.date);
      first("identifier", book.identifier);
      first("rights", book.rights);
      if (open == "creator" && !value.empty() && book.authors.size() < 100) book.authors.push_back(value);
      open.clear();
    } else if (e.name.starts_with("dc:")) {
      open = name;
      content.clear();
    } else if (name == "item") {
      const std::string *id = e.attribute("id"), *href = e.attribute("href"), *type = e.attribute("media-type"), *properties = e.attribute("properties");
      const bool navigation = properties != nullptr && (" " + *properties + " ").find(" nav ") != std::string::npos;
      const bool page = type == nullptr || *type == "application/xhtml+xml" || *type == "text/html";
      if (id != nullptr && href != nullptr && page && !navigation) items[*id] = resolved_address(package, *href);
    } else if (name == "itemref") {
      const std::string *id = e.attribute("idref"), *linear = e.attribute("linear");
      if (id == nullptr || !items.contains(*id) || (linear != nullptr && *linear == "no")) continue;
      const auto member = members.find(items.at(*id));
      require_input(member != members.end(), "the book's chapter \"", items.at(*id).substr(0, 200), "\" is not in it");
      require_input(book.chapters.size() < kMembers, "the book has more than ", kMembers, " chapters");
      book.chapters.push_back(member->second);
      left -= static_cast<int64_t>(member->second.size());  // a package that names one chapter again and again
      require_input(left >= -limit, "the book's text is longer than ", limit, " bytes");
    }
  }
  require_input(!book.chapters.empty(), "the book's package names no chapters");
  return book;
}

bool epub_matter(std::string_view chapter) {
  // The type stands on <body> or on the section right below it.
  const size_t body = chapter.find("<body");
  if (body == std::string_view::npos) return false;
  const std::string_view begin = chapter.substr(body, 2000);
  static constexpr std::string_view kMatter[] = {"titlepage", "halftitlepage", "imprint", "colophon", "copyright-page", "toc", "landmarks", "loi", "lot", "cover", "index", "other-credits"};
  size_t at = 0;
  for (int n = 0; n < 2 && (at = begin.find("epub:type=\"", at)) != std::string_view::npos; ++n) {
    at += 11;
    const std::string_view types = begin.substr(at, begin.find('"', at) - at);
    for (size_t p = 0; p <= types.size();) {
      const size_t end = std::min(types.find(' ', p), types.size());
      if (std::find(std::begin(kMatter), std::end(kMatter), types.substr(p, end - p)) != std::end(kMatter)) return true;
      p = end + 1;
    }
  }
  return false;
}

}  // namespace loam
