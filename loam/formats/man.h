// Manual pages (man and mdoc macros of troff) as text.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// Headings, paragraphs, terms with their descriptions, and examples of a manual page; fonts, sizes and what only a
/// typesetter needs are left out. Macros defined by the page itself are not carried out. `text` has "\n" line ends.
std::string man_text(std::string_view text);

/// Whether a text begins like a manual page's source: comments of troff, then .TH or .Dd.
bool looks_like_man(std::string_view head);

}  // namespace loam
