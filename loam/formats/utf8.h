// UTF-8 checked, repaired and counted.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace loam {

bool valid_utf8(std::string_view text);

/// Code points of valid UTF-8.
int64_t count_code_points(std::string_view text);

/// Bytes that are not UTF-8 become U+FFFD, one for each maximal part of a sequence, as browsers do it (Unicode 15.0,
/// section 3.9, table 3-8). `repairs`, if given, is set to how many.
std::string repaired_utf8(std::string_view text, int64_t* repairs = nullptr);

/// The longest prefix of at most `limit` bytes that does not end inside a sequence.
std::string_view utf8_prefix(std::string_view text, int64_t limit);

/// Decodes the sequence at `at` and moves past it; U+FFFD (past one maximal part) if it is broken. at < text.size().
char32_t next_code_point(std::string_view text, size_t& at);

}  // namespace loam
