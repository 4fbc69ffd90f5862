// HTML pages as text: what a page says of itself, and the text of any part of it. Which part is the main text is for
// others to say (loam/stages/collect/main_text.h).
//
//   const HtmlTree page = HtmlTree::parse(to_utf8(bytes, html_charset(bytes)));
//   const HtmlFacts facts = html_facts(page);
//   const std::string text = html_text(page, page.find(Tag::body));
//   for (const auto& [id, text, tag] : texts_with_id(html, "par_")) ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/html_tree.h"

namespace loam {

/// The character set a page names in its first 4 KiB (<meta charset>, <meta http-equiv>, <?xml encoding?>); "" if none.
std::string html_charset(std::string_view bytes);

/// "" for whatever the page does not tell.
struct HtmlFacts {
  std::string title;     ///< og:title, <title>, or the first h1
  std::string date;      ///< when it was published: ISO 8601, a day at least
  std::string language;  ///< as written: "en", "pt-BR"
  std::string url;       ///< its canonical address
};
HtmlFacts html_facts(const HtmlTree& page);

/// The text a reader sees: paragraphs, headings and code blocks apart by an empty line, list items on lines with "- " or
/// "1. ", table rows on lines with " | " between cells, code as it stands, other white space runs as one space.
/// Scripts, styles, form controls, pictures and hidden elements have no text. `skipped`, if given, has a byte for each
/// node of the page; a node whose byte is not 0 is left out with all below it.
std::string html_text(const HtmlTree& page, int32_t root, const std::vector<uint8_t>* skipped = nullptr);

/// The text of one element on one line, white space runs as one space, ends trimmed.
std::string html_line(const HtmlTree& page, int32_t node);

/// Elements without text of their own: script, style, select...; and those that are hidden by an attribute.
bool html_invisible(const HtmlTree& page, int32_t node);

struct IdentifiedText {
  std::string id, text;
  Tag tag;
};

/// The elements whose id begins with `prefix`, in document order, with their html_line(). One inside another gives both.
/// `html` is UTF-8; no text: "" (an element may be there for its id alone).
std::vector<IdentifiedText> texts_with_id(std::string_view html, std::string_view prefix);

}  // namespace loam
