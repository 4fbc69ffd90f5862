// The main text of a page: the article, chapter or manual section, without what surrounds it.
#pragma once

#include <string>

#include "loam/formats/html_tree.h"

namespace loam {

/// Where the page says which part is its main one (<article>, <main>, itemprop="articleBody", the names content systems
/// use), or else the smallest element that holds most of the running text. Inside it, navigation, forms, footers, boxes
/// of links, comments and the like are left out. A page without running text gives all its visible text.
std::string main_text(const HtmlTree& page);

}  // namespace loam
