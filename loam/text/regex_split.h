// Splitting text by a regular expression: ICU's, over UTF-8.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace loam::detail {

/// A compiled pattern; matchers are made for each text, so any thread may use it.
class RegexSplit {
 public:
  /// Throws Error{usage} with ICU's reason and place.
  explicit RegexSplit(const std::string& pattern);
  ~RegexSplit();
  RegexSplit(const RegexSplit&) = delete;
  RegexSplit& operator=(const RegexSplit&) = delete;

 private:
  friend void regex_split(const RegexSplit& regex, std::string_view text, const std::function<void(std::string_view)>& piece);
  void* compiled_;  // icu::RegexPattern
  std::string pattern_;
};

/// Matches and what lies between them, in order, none empty. Throws Error{input} if the pattern takes too long or too
/// much stack on this text.
void regex_split(const RegexSplit& regex, std::string_view text, const std::function<void(std::string_view)>& piece);

/// A pattern that matches exactly `text`.
std::string quoted_regex(const std::string& text);

}  // namespace loam::detail
