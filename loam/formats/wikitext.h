// Wiki markup as text: what a reader of the page would see of its prose, lists and tables.
//
//   const std::string text = wikitext_text(page.text, {page.title, *dump.unlinked()});
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loam {

struct WikiContext {
  std::string title;                   ///< for {{PAGENAME}}
  std::vector<std::string> unlinked;   ///< namespaces whose links are no text, beside those known in many languages
};

/// Headings stand on lines of their own, list items begin with "- ", table cells are joined by " | ". Links give their
/// label, templates that stand for text (numbers, units, dates, quotations, other languages' words) give it, others
/// nothing: {{convert|5|km|mi}} is "5 km", {{formatnum:1234567}} "1,234,567". References, comments, pictures, galleries and
/// empty sections have no text. Time is linear in the markup; what nests deeper than 100 is left out.
std::string wikitext_text(std::string_view markup, const WikiContext& context);

}  // namespace loam
