// The article text that a page carries in its JSON-LD (schema.org's articleBody), for pages that draw themselves with scripts.
#pragma once

#include <string>

#include "loam/formats/html_tree.h"

namespace loam {

/// The longest "articleBody" of the page's application/ld+json scripts as text, markup inside it taken as such; "" if
/// there is none. The JSON need not be valid around it.
std::string schema_article_text(const HtmlTree& page);

}  // namespace loam
