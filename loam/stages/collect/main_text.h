// The main text of a page: the article, chapter or manual section, without what surrounds it.
//
//   const std::string text = main_text(HtmlTree::parse(html));
#pragma once

#include <string>

#include "loam/formats/html_tree.h"

namespace loam {

/// balanced: the article with its first lines. precision: what is surely of it: no lines without a sentence, no loose
/// first lines. recall: everything of the page but what is surely around the article.
enum class TextMode { balanced, precision, recall };

/// "balanced", "precision", "recall". Throws Error{usage} with the nearest.
TextMode text_mode_named(const std::string& name);

/// Where the page says which part is its main one (itemprop="articleBody", the names content systems use, <article>,
/// <main>), or else the smallest element that holds most of the running text; with sisters of that element that hold as
/// much, and the lead between the heading and it. Inside, navigation, forms, footers, captions, boxes of links, comments
/// and lines that point elsewhere are left out. Where the page's JSON-LD has far more text than its markup, that is taken.
/// A page without running text gives all its visible text.
std::string main_text(const HtmlTree& page, TextMode mode = TextMode::balanced);

}  // namespace loam
