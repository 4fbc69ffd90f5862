// Text that came from anywhere, made safe to stand in a page or in Markdown.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// For element text and quoted attributes: & < > " ' as references, broken UTF-8 and control characters (other than tab
/// and line end) as U+FFFD, so that no text can leave its element or spoil the page's encoding.
std::string escape_html(std::string_view text);

/// For a Markdown table cell or line: escape_html, and the characters Markdown reads (\ ` * _ [ ] | #) with a
/// backslash; line ends become spaces.
std::string escape_markdown(std::string_view text);

/// At most `limit` characters (code points), cut at one, with "..." in place of the rest.
std::string shorten(std::string_view text, int64_t limit);

/// A recipe's line about a section as a sentence: a capital first (of ASCII letters), a full stop last.
std::string sentence(std::string text);

}  // namespace loam
