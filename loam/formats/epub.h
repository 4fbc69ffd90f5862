// EPUB books: the chapters in reading order as their package says, and what it says of the book.
//
//   const EpubBook book = read_epub("dracula.epub", 128 << 20);
//   for (const std::string& page : book.chapters) use(html_text(HtmlTree::parse(page), ...));
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

struct EpubBook {
  std::string title, language, date, identifier, rights;
  std::vector<std::string> authors;
  std::vector<std::string> chapters;  ///< XHTML as stored; the navigation page and what is not linear are left out
};

/// Whether a file begins as an EPUB does: a zip whose first member is "mimetype" and says so.
bool begins_as_epub(std::string_view head);

/// Unpacks what is text in it, at most `limit` bytes in all. Throws Error{input}: no zip, no package, a chapter that is
/// not there, encrypted, or longer than that. Nothing is written anywhere.
EpubBook read_epub(const std::filesystem::path& file, int64_t limit);

/// Whether a chapter is no part of the text by its epub:type: title page, imprint, colophon, table of contents...
bool epub_matter(std::string_view chapter);

}  // namespace loam
