#include "loam/formats/man.h"

#include <algorithm>
#include <vector>

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

/// Escapes that stand for a character: \(xx and \[xx].
std::string_view glyph(std::string_view name) {
  static constexpr std::pair<std::string_view, std::string_view> kGlyphs[] = {
      {"aq", "'"}, {"dq", "\""}, {"lq", "\u201C"}, {"rq", "\u201D"}, {"oq", "\u2018"}, {"cq", "\u2019"}, {"em", "\u2014"}, {"en", "\u2013"}, {"hy", "-"}, {"mi", "-"}, {"bu", "\u2022"},
      {"co", "\u00A9"}, {"rg", "\u00AE"}, {"tm", "\u2122"}, {"ha", "^"}, {"ti", "~"}, {"ga", "`"}, {"rs", "\\"}, {"sl", "/"}, {"at", "@"}, {"sh", "#"}, {"Do", "$"}, {"ba", "|"}, {"or", "|"},
      {"lB", "["}, {"rB", "]"}, {"lC", "{"}, {"rC", "}"}, {"la", "<"}, {"ra", ">"}, {"de", "\u00B0"}, {"mu", "\u00D7"}, {"->", "\u2192"}, {"<-", "\u2190"}, {"<=", "\u2264"}, {">=", "\u2265"},
      {"!=", "\u2260"}, {"+-", "\u00B1"}, {"tf", "\u2234"}, {"ss", "\u00DF"}, {"'e", "\u00E9"}, {"`e", "\u00E8"}, {":a", "\u00E4"}, {":o", "\u00F6"}, {":u", "\u00FC"}, {"Fo", "\u00AB"}, {"Fc", "\u00BB"}};
  for (const auto& [known, meant] : kGlyphs) {
    if (known == name) return meant;
  }
  return "";
}

std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      out += text[i++];
      continue;
    }
    if (++i == text.size()) break;
    const char c = text[i++];
    auto name = [&]() -> std::string_view {  // x, (xx or [xxx]
      if (i >= text.size()) return {};
      if (text[i] == '(') {
        const std::string_view two = text.substr(std::min(text.size(), i + 1), 2);
        i = std::min(text.size(), i + 3);
        return two;
      }
      if (text[i] == '[') {
        const size_t end = std::min(text.find(']', i), text.size());
        const std::string_view long_name = text.substr(i + 1, end - i - 1);
        i = std::min(text.size(), end + 1);
        return long_name;
      }
      return text.substr(i++, 1);
    };
    switch (c) {
      case '-': out += '-'; break;
      case 'e': case '\\': out += '\\'; break;
      case '\'': out += '\''; break;
      case '`': out += '`'; break;
      case ' ': case '~': case '0': out += ' '; break;
      case '"': case '#': return out;  // a comment
      case '&': case '|': case '^': case '/': case ',': case ':': case '%': case ')': case 'c': case '{': case '}': case 'd': case 'u': case 'r': case 'p': break;
      case '(':
        out += glyph(text.substr(std::min(i, text.size()), 2));
        i = std::min(text.size(), i + 2);
        break;
      case '[': {
        --i;
        const std::string_view long_name = name();
        if (long_name.starts_with("u") && long_name.size() >= 5 && long_name.size() <= 7) {
          char32_t value = 0;
          for (const char digit : long_name.substr(1)) value = value * 16 + static_cast<char32_t>(digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10);
          append_utf8(out, value);
        } else {
          out += glyph(long_name);
        }
        break;
      }
      case '*': {
        const std::string_view string = name();
        if (string == "(lq" || string == "lq" || string == "C`") out += "\"";
        if (string == "rq" || string == "C'") out += "\"";
        if (string == "R") out += "\u00AE";
        break;
      }
      case 'f': case 'F': case 'n': case 'k': case 'g': case 'm': case 'M': case 'Y': name(); break;
      case 's':
        if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
        for (int digits = 0; digits < 2 && i < text.size() && text[i] >= '0' && text[i] <= '9'; ++digits) ++i;
        break;
      case 'h': case 'v': case 'w': case 'o': case 'l': case 'L': case 'D': case 'X': case 'Z': case 'b': case 'N': case 'S': case 'H': {
        if (i < text.size()) {
          const char quote = text[i];
          const size_t end = text.find(quote, i + 1);
          i = end == std::string_view::npos ? text.size() : end + 1;
        }
        break;
      }
      default: out += c;
    }
  }
  return out;
}

/// The words of a macro's line; "..." is one word, "" inside it a quote.
std::vector<std::string> arguments(std::string_view line) {
  std::vector<std::string> out;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == ' ' || line[i] == '\t') {
      ++i;
      continue;
    }
    if (line.substr(i, 2) == "\\\"") break;
    std::string word;
    if (line[i] == '"') {
      for (++i; i < line.size(); ++i) {
        if (line[i] == '"') {
          if (i + 1 < line.size() && line[i + 1] == '"') {
            ++i;
          } else {
            ++i;
            break;
          }
        }
        word += line[i];
      }
    } else {
      while (i < line.size() && line[i] != ' ' && line[i] != '\t') {
        if (line[i] == '\\' && i + 1 < line.size()) word += line[i++];
        word += line[i++];
      }
    }
    out.push_back(unescaped(word));
  }
  return out;
}

std::string joined(const std::vector<std::string>& words, size_t from = 0, const char* between = " ") {
  std::string out;
  for (size_t i = from; i < words.size(); ++i) out += (i > from ? between : "") + words[i];
  return out;
}

class ManWriter {
 public:
  std::string write(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      line(text.substr(0, end));
      text.remove_prefix(std::min(text.size(), end + 1));
    }
    while (out_.ends_with('\n')) out_.pop_back();
    return std::move(out_);
  }

 private:
  void line(std::string_view raw) {
    if (!skip_until_.empty()) {  // the body of a definition
      if (raw.starts_with(skip_until_)) skip_until_.clear();
      return;
    }
    if (in_table_ && raw.ends_with(".") && !raw.starts_with(".")) return;  // a table's format
    if (raw.empty()) {
      paragraph();
    } else if (raw[0] == '.' || (raw[0] == '\'' && !code_)) {
      macro(raw.substr(1));
    } else {
      text(unescaped(raw));
    }
  }

  void macro(std::string_view raw) {
    while (!raw.empty() && (raw[0] == ' ' || raw[0] == '\t')) raw.remove_prefix(1);
    const std::string_view name = raw.substr(0, raw.find_first_of(" \t\""));
    if (name.empty() || name[0] == '\\') return;
    const std::vector<std::string> words = arguments(raw.substr(name.size()));
    if (name == "de" || name == "ig" || name == "am") {
      skip_until_ = "..";
    } else if (name == "SH" || name == "SS" || name == "Sh" || name == "Ss") {
      code_ = false;
      paragraph();
      if (words.empty()) {
        heading_ = true;
      } else {
        text(joined(words));
        paragraph();
      }
    } else if (name == "PP" || name == "P" || name == "LP" || name == "HP" || name == "Pp" || name == "sp" || name == "Lp" || name == "RS" || name == "RE" || name == "Bl" || name == "El") {
      paragraph();
    } else if (name == "TP" || name == "TQ" || name == "It" || name == "IP") {
      if (name != "TQ") paragraph();
      if (!words.empty() && (name == "It" || (name == "IP" && words[0] != "\u2022" && words[0] != "*" && words[0] != "-" && words[0] != "o"))) {
        text(name == "IP" ? words[0] : mdoc(words));  // .IP's second word is an indent
        line_break();
      } else if (name == "IP" && !words.empty()) {
        text("-");
      }
      term_ = name == "TP" || name == "TQ";
    } else if (name == "br") {
      line_break();
    } else if (name == "nf" || name == "EX" || name == "Vb" || name == "Bd") {
      paragraph();
      code_ = true;
    } else if (name == "fi" || name == "EE" || name == "Ve" || name == "Ed") {
      paragraph();
      code_ = false;
    } else if (name == "TS") {
      paragraph();
      in_table_ = true;
    } else if (name == "TE") {
      in_table_ = false;
    } else if (name == "B" || name == "I" || name == "SM" || name == "SB" || name == "R" || name == "UR" || name == "MT" || name == "ft") {
      if (name != "ft" && !words.empty()) text(joined(words));
    } else if (name == "BR" || name == "RB" || name == "BI" || name == "IB" || name == "IR" || name == "RI") {
      text(joined(words, 0, ""));
    } else if (name == "Nm") {
      if (!words.empty() && name_.empty()) name_ = words[0];
      text(words.empty() ? name_ : mdoc(words));
    } else if (name == "Nd") {
      text("\u2014 " + joined(words));
    } else if (name.size() == 2 && name[0] >= 'A' && name[0] <= 'Z' && name[1] >= 'a' && name[1] <= 'z' && name != "Dd" && name != "Dt" && name != "Os" && name != "Sm" && name != "Bk" && name != "Ek") {
      std::vector<std::string> all = {std::string(name)};
      all.insert(all.end(), words.begin(), words.end());
      text(mdoc(all));
    }
  }

  /// mdoc's words, some of which are macros that mark the next: "Fl x Ar file" is "-x file".
  static std::string mdoc(const std::vector<std::string>& words) {
    std::string out, prefix;
    for (const std::string& word : words) {
      const bool mark = word.size() == 2 && word[0] >= 'A' && word[0] <= 'Z' && word[1] >= 'a' && word[1] <= 'z';
      if (mark) {
        if (word == "Fl") prefix = "-";
        continue;
      }
      const bool closes = word.size() == 1 && std::string_view(".,;:)]?!").find(word[0]) != std::string_view::npos;
      if (!out.empty() && !closes) out += ' ';
      out += prefix + word;
      prefix.clear();
    }
    return out;
  }

  void text(const std::string& words) {
    if (words.empty()) return;
    if (heading_) {
      heading_ = false;
      put(words);
      paragraph();
      return;
    }
    put(words);
    if (term_ || code_) {
      line_break();
      term_ = false;
    }
  }

  void put(const std::string& words) {
    if (!out_.empty()) {
      if (breaks_ > 0) {
        out_.append(static_cast<size_t>(breaks_), '\n');
      } else if (!out_.ends_with(' ')) {
        out_ += ' ';
      }
    }
    breaks_ = 0;
    out_ += words;
  }

  void line_break() { breaks_ = std::max(breaks_, 1); }
  void paragraph() { breaks_ = 2; }

  std::string out_, skip_until_, name_;
  int breaks_ = 0;
  bool code_ = false, heading_ = false, term_ = false, in_table_ = false;
};

}  // namespace

std::string man_text(std::string_view text) { return ManWriter().write(text); }

bool looks_like_man(std::string_view head) {
  // Empty lines, and comments whose dot was forgotten.
  while (head.starts_with('\n') || head.starts_with("\r\n") || head.starts_with("\\\"")) head.remove_prefix(std::min(head.find('\n'), head.size() - 1) + 1);
  if (!head.starts_with(".") && !head.starts_with("'\\\"")) return false;
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = head.substr(0, end);
    if (line.starts_with(".TH ") || line.starts_with(".Dd ") || line.starts_with(".Dt ")) return true;
    head.remove_prefix(std::min(head.size(), end + 1));
  }
  return false;
}

}  // namespace loam
