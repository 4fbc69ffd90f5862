// Text operations with the meaning that Python's str methods give them, for rules that were first written there.
//
//   for (const std::string_view line : split_lines(text)) if (stripped(line).empty()) ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// str.isspace() of one character.
bool is_python_space(char32_t c);

/// str.strip(), str.lstrip(), str.rstrip().
std::string_view stripped(std::string_view text);
std::string_view left_stripped(std::string_view text);
std::string_view right_stripped(std::string_view text);

/// str.splitlines(): also ends lines at \r, \v, \f, \x1c to \x1e, U+0085, U+2028, U+2029; no empty line behind the last end.
std::vector<std::string_view> split_lines(std::string_view text);

/// str.split(): words between white space.
std::vector<std::string_view> split_space(std::string_view text);

/// str.split(separator): n separators give n + 1 pieces.
std::vector<std::string_view> split_at(std::string_view text, char separator);

/// str.lower(): full Unicode lower-casing.
std::string lowered(std::string_view text);

/// len(): code points. Bytes that are not UTF-8 count as one each.
int64_t length_of(std::string_view text);

/// str.isalpha() of one character: categories L*. str.isalnum(): L*, and numbers with a numeric value.
bool is_python_alpha(char32_t c);
bool is_python_alnum(char32_t c);

/// str.count(what) of a text that is not empty: occurrences that do not overlap.
int64_t count_of(std::string_view text, std::string_view what);

}  // namespace loam
