#include "loam/stages/collect/columns.h"

#include <algorithm>
#include <set>

#include "loam/base/characters.h"

namespace loam {
namespace {

std::string plain_name(std::string_view name) {
  if (name.starts_with("\xEF\xBB\xBF")) name.remove_prefix(3);
  return ascii_lower(trimmed(name));
}

}  // namespace

int64_t column_named(const std::vector<std::string>& names, const std::string& wanted) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (plain_name(names[i]) == plain_name(wanted)) return static_cast<int64_t>(i);
  }
  return -1;
}

int64_t recognised_text(const std::vector<std::string>& names) {
  for (const char* known : {"text", "content", "body", "raw_content", "document", "article", "message", "story", "passage", "paragraph", "sentence", "review", "comment"}) {
    if (const int64_t at = column_named(names, known); at >= 0) return at;
  }
  return -1;
}

bool looks_like_header(const std::vector<std::string>& row) {
  std::set<std::string> seen;
  for (const std::string& cell : row) {
    const std::string name = plain_name(cell);
    if (name.empty() || name.size() > 40 || !seen.insert(name).second) return false;
    if (std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+'; })) return false;
    if (std::count(name.begin(), name.end(), ' ') > 3 || name.find_first_of(".!?;") != std::string::npos) return false;
  }
  return true;
}

TableShape shape_of(const std::vector<std::vector<std::string>>& rows, const std::string& wanted) {
  TableShape shape;
  const auto& first = rows.front();
  if (!wanted.empty()) {
    shape.text = column_named(first, wanted);
    if (shape.text < 0 && wanted.size() <= 4 && wanted.find_first_not_of("0123456789") == std::string::npos) {
      const int64_t number = std::stoll(wanted);  // "2": the second column of a table without a header
      shape.header = false;
      shape.text = number >= 1 && number <= static_cast<int64_t>(first.size()) ? number - 1 : -1;
    }
    return shape;
  }
  shape.text = recognised_text(first);
  if (shape.text >= 0) return shape;
  shape.header = rows.size() > 1 && looks_like_header(first);
  // The longest column is the text.
  std::vector<size_t> lengths;
  for (size_t r = shape.header ? 1 : 0; r < rows.size(); ++r) {
    lengths.resize(std::max(lengths.size(), rows[r].size()));
    for (size_t c = 0; c < rows[r].size(); ++c) lengths[c] += rows[r][c].size();
  }
  shape.text = lengths.empty() ? -1 : std::max_element(lengths.begin(), lengths.end()) - lengths.begin();
  return shape;
}

}  // namespace loam
