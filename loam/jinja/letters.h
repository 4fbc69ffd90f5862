// Texts with other letters: what filters and methods of texts make.
#pragma once

#include <string>

namespace loam::jinja {

/// All letters large, or small (Unicode's full mappings).
std::string folded(const std::string& text, bool upper);
/// The first letter large, the others small.
std::string capitalized(const std::string& text);
/// As Python's str.title(): each first letter of a run of letters large, the others small.
std::string titled(const std::string& text);
/// Jinja's filter, which begins words behind white space and some brackets only: "it's" is one.
std::string words_capitalized(const std::string& text);
/// For HTML.
std::string escaped(const std::string& text);

}  // namespace loam::jinja
