// Which column of a table, or member of a JSON row, holds the text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace loam {

/// The column called `wanted`, whatever its case; -1 if there is none.
int64_t column_named(const std::vector<std::string>& names, const std::string& wanted);

/// The first of text, content, body, raw_content, document, article, message, story, passage, paragraph, sentence,
/// review, comment that is among the names, whatever its case; -1 if none is.
int64_t recognised_text(const std::vector<std::string>& names);

/// Short words, no numbers, no two the same: names rather than data.
bool looks_like_header(const std::vector<std::string>& row);

/// Where a table's text is and what its columns are called.
struct TableShape {
  bool header = true;
  int64_t text = -1;  // -1: the column that was asked for is not there
};
/// By the column that was asked for (a name, or a number in a table without names), by the names of the first of `rows`, or
/// by which column is longest.
TableShape shape_of(const std::vector<std::vector<std::string>>& rows, const std::string& wanted);

}  // namespace loam
