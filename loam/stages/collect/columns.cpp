#include "loam/stages/collect/columns.h"

#include <algorithm>
#include <set>

namespace loam {
namespace {

std::string plain(std::string_view name) {
  std::string out;
  if (name.starts_with("\xEF\xBB\xBF")) name.remove_prefix(3);
  const size_t first = name.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return out;
  for (const char c : name.substr(first, name.find_last_not_of(" \t\r\n") - first + 1)) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return out;
}

}  // namespace

int64_t column_named(const std::vector<std::string>& names, const std::string& wanted) {
  for (size_t i = 0; i < names.size(); ++i) {
    if (plain(names[i]) == plain(wanted)) return static_cast<int64_t>(i);
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
    const std::string name = plain(cell);
    if (name.empty() || name.size() > 40 || !seen.insert(name).second) return false;
    if (std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+'; })) return false;
    if (std::count(name.begin(), name.end(), ' ') > 3 || name.find_first_of(".!?;") != std::string::npos) return false;
  }
  return true;
}

}  // namespace loam
