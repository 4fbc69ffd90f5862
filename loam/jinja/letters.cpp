#include "loam/jinja/letters.h"

#include <string_view>
#include <unicode/locid.h>
#include <unicode/unistr.h>

#include "loam/jinja/value.h"

namespace loam::jinja {

std::string folded(const std::string& text, bool upper) {
  icu::UnicodeString u = icu::UnicodeString::fromUTF8(text);
  if (upper) {
    u.toUpper(icu::Locale::getRoot());
  } else {
    u.toLower(icu::Locale::getRoot());
  }
  std::string out;
  u.toUTF8String(out);
  return out;
}

std::string capitalized(const std::string& text) {
  const auto chars = characters(text);
  if (chars.empty()) return text;
  const std::string first(chars[0]);
  return folded(first, true) + folded(text.substr(first.size()), false);
}

std::string titled(const std::string& text) {
  std::string out;
  bool inside = false;
  for (const std::string_view c : characters(text)) {
    const std::string small = folded(std::string(c), false), large = folded(std::string(c), true);
    const bool letter = small != large;
    out += letter ? (inside ? small : large) : std::string(c);
    inside = letter;
  }
  return out;
}

std::string words_capitalized(const std::string& text) {
  std::string out, word;
  const auto end_word = [&] {
    out += capitalized(word);
    word.clear();
  };
  for (const std::string_view c : characters(text)) {
    const bool ends = trimmed(c, true, false).empty() || (c.size() == 1 && std::string_view("-({[<").find(c[0]) != std::string_view::npos);
    if (ends) end_word();
    (ends ? out : word) += c;
  }
  end_word();
  return out;
}

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '"') out += "&#34;";
    else if (c == '\'') out += "&#39;";
    else out += c;
  }
  return out;
}

}  // namespace loam::jinja
