#include "loam/stages/collect/schema_text.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "loam/base/characters.h"
#include "loam/formats/html.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

/// The JSON string whose opening quote stands at `at`, its escapes carried out; up to the closing quote or the end.
std::string json_string(std::string_view text, size_t at) {
  std::string out;
  char32_t high = 0;
  for (size_t i = at + 1; i < text.size() && text[i] != '"'; ++i) {
    if (text[i] != '\\') {
      out += text[i];
      continue;
    }
    if (++i == text.size()) break;
    switch (text[i]) {
      case 'n': case 'r': out += '\n'; break;
      case 't': case 'b': case 'f': out += ' '; break;
      case 'u': {
        uint32_t value = 0;
        const std::string_view digits = text.substr(i + 1, 4);
        const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (code != std::errc() || end != digits.data() + digits.size() || digits.size() < 4) break;
        i += 4;
        if (value >= 0xD800 && value < 0xDC00) {
          high = value;
        } else if (value >= 0xDC00 && value < 0xE000 && high != 0) {
          append_utf8(out, 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00));
          high = 0;
        } else {
          append_utf8(out, value);
        }
        break;
      }
      default: out += text[i];
    }
  }
  return out;
}

}  // namespace

std::string schema_article_text(const HtmlTree& page) {
  std::string best;
  for (int32_t i = 0; i < page.size(); ++i) {
    if (page[i].tag != Tag::script || page.attribute(i, "type") != "application/ld+json") continue;
    const std::string script = page.raw_text(i);
    constexpr std::string_view kKey = "\"articleBody\"";
    for (size_t at = script.find(kKey); at != std::string::npos; at = script.find(kKey, at + 1)) {
      size_t quote = at + kKey.size();
      while (quote < script.size() && (script[quote] == ' ' || script[quote] == ':' || script[quote] == '\n' || script[quote] == '\t')) ++quote;
      if (quote >= script.size() || script[quote] != '"') continue;
      std::string text = json_string(script, quote);
      if (text.size() > best.size()) best = std::move(text);
    }
  }
  if (best.empty()) return best;
  const bool markup = best.find("</") != std::string::npos || best.find("<p>") != std::string::npos || best.find("<br") != std::string::npos || best.find("&nbsp;") != std::string::npos ||
                      best.find("&quot;") != std::string::npos || best.find("&lt;") != std::string::npos || best.find("&#") != std::string::npos;
  if (markup) {
    const std::string html = "<body><pre>" + best + "</pre>";
    const HtmlTree inner = HtmlTree::parse(best.find("<p") != std::string::npos || best.find("<br") != std::string::npos || best.find("<div") != std::string::npos ? best : html);
    best = html_text(inner, std::max(0, inner.find(Tag::body)));
    if (best.find("</p>") != std::string::npos) {  // markup that was written as text
      const HtmlTree again = HtmlTree::parse(best);
      best = html_text(again, std::max(0, again.find(Tag::body)));
    }
  }
  const size_t first = best.find_first_not_of(" \n\t\r");
  return first == std::string::npos ? "" : best.substr(first, best.find_last_not_of(" \n\t\r") - first + 1);
}

}  // namespace loam
