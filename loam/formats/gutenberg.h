// Project Gutenberg's plain texts: the book between the licence's header and footer, and what the header says of it.
//
//   if (begins_as_gutenberg(head)) { GutenbergBook book = read_gutenberg(std::move(text)); ... }
#pragma once

#include <string>
#include <string_view>

namespace loam {

struct GutenbergBook {
  std::string title, author, language, released;  ///< "" for what the header does not say; released as written
  std::string number;                             ///< of the e-book, digits
  std::string text;                               ///< without header, footer and the line of who produced it
};

/// Whether a text's beginning speaks of Project Gutenberg as its files do.
bool begins_as_gutenberg(std::string_view head);

/// Text with "\n" line ends. Where a mark is missing (of 1990s files, or of a part of a book), nothing is taken off on
/// that side.
GutenbergBook read_gutenberg(std::string text);

}  // namespace loam
