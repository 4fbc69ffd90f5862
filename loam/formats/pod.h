// Perl's plain old documentation as text.
#pragma once

#include <string>
#include <string_view>

namespace loam {

/// Headings, items and paragraphs of a POD file (perlpod), formatting codes such as B<...> resolved, code paragraphs as
/// they stand, parts meant for other formatters (=begin html) left out. `text` has "\n" line ends.
std::string pod_text(std::string_view text);

}  // namespace loam
