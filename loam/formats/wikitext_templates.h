// What templates stand for. For wikitext.cpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loam {

/// A template's name, lower case with spaces, and its arguments as text; those with names have them in `first`.
struct WikiTemplate {
  std::string name;
  std::vector<std::pair<std::string, std::string>> arguments;

  /// The n-th of those without a name, from 1, or the one named by that number; "" if there is none.
  std::string plain(size_t n) const;
  std::string named(std::string_view key) const;
  size_t plain_count() const;
};

/// Its text; "" for the many that are no text.
std::string template_text(const WikiTemplate& t, std::string_view page_title);

/// 1234567.5 as 1,234,567.5; what is no plain number stays as it is.
std::string grouped_number(std::string_view number);

}  // namespace loam
