#include "loam/jinja/lexer.h"

#include <algorithm>
#include <charconv>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/jinja/value.h"

namespace loam::jinja {
namespace {

using TokenKind = Token::Kind;

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_blank(char c) { return c == ' ' || (c >= 9 && c <= 13); }

class Lexer {
 public:
  explicit Lexer(std::string source) : source_(std::move(source)), s_(source_) {}

  std::vector<Token> run() {
    while (at_ < s_.size()) {
      const size_t tag = next_tag();
      if (tag == std::string_view::npos) {
        data(s_.substr(at_));
        at_ = s_.size();
        break;
      }
      const char kind = s_[tag + 1], sign = tag + 2 < s_.size() ? s_[tag + 2] : '\0';
      std::string_view before = s_.substr(at_, tag - at_);
      if (sign == '-') {
        before = trimmed(before, false, true);
      } else if (sign != '+' && kind != '{') {
        before = without_indent(before);
      }
      data(before);
      skip_to(tag + 2 + (sign == '-' || sign == '+' ? 1 : 0));
      if (kind == '#') {
        comment();
      } else {
        expression(kind == '{');
      }
    }
    push(TokenKind::end, "");
    return std::move(out_);
  }

 private:
  size_t next_tag() const {
    for (size_t at = s_.find('{', at_); at != std::string_view::npos && at + 1 < s_.size(); at = s_.find('{', at + 1)) {
      if (s_[at + 1] == '{' || s_[at + 1] == '%' || s_[at + 1] == '#') return at;
    }
    return std::string_view::npos;
  }

  /// A block that has its line to itself so far takes the indent along.
  std::string_view without_indent(std::string_view before) const {
    const size_t line = before.rfind('\n') + 1;  // npos + 1 is 0
    if (line == 0 && !line_begins_) return before;
    const bool blank = std::all_of(before.begin() + static_cast<std::ptrdiff_t>(line), before.end(), is_blank);
    return blank ? before.substr(0, line) : before;
  }

  void data(std::string_view text) {
    if (!text.empty()) push(TokenKind::data, std::string(text));
  }

  void push(TokenKind kind, std::string text) {
    Token t;
    t.kind = kind;
    t.text = std::move(text);
    t.line = line_;
    out_.push_back(std::move(t));
  }

  void skip_to(size_t to) {
    line_ += static_cast<int>(std::count(s_.begin() + static_cast<std::ptrdiff_t>(at_), s_.begin() + static_cast<std::ptrdiff_t>(to), '\n'));
    at_ = to;
  }

  /// Behind a tag: what its sign and the rules take along. `block`: also one line end.
  void after_tag(char sign, bool block) {
    size_t to = at_;
    if (sign == '-') {
      to = s_.size() - trimmed(s_.substr(at_), true, false).size();
    } else if (block && sign != '+' && to < s_.size() && s_[to] == '\n') {
      ++to;
    }
    line_begins_ = to > at_ && s_[to - 1] == '\n';
    skip_to(to);
  }

  void comment() {
    const size_t end = s_.find("#}", at_);
    require_input(end != std::string_view::npos, "line ", line_, ": a comment {# does not end");
    const char sign = end > at_ ? s_[end - 1] : '\0';
    skip_to(end + 2);
    after_tag(sign == '-' || sign == '+' ? sign : '\0', true);
  }

  void expression(bool value) {
    const int begun = line_;
    push(value ? TokenKind::open_value : TokenKind::open_block, "");
    const std::string_view close = value ? "}}" : "%}";
    int open = 0;
    for (;;) {
      while (at_ < s_.size() && is_blank(s_[at_])) skip_to(at_ + 1);
      require_input(at_ < s_.size(), "line ", begun, ": a tag ", value ? "{{" : "{%", " does not end");
      const bool sign = s_[at_] == '-' || (s_[at_] == '+' && !value);
      if (open == 0 && s_.substr(at_ + (sign ? 1 : 0), 2) == close) {
        const char with = sign ? s_[at_] : '\0';
        push(value ? TokenKind::close_value : TokenKind::close_block, "");
        skip_to(at_ + (sign ? 1 : 0) + 2);
        const bool raw = !value && begins_raw();
        after_tag(with, !value && !raw);
        if (raw) raw_block();
        return;
      }
      one_token(open);
    }
  }

  void one_token(int& open) {
    const char c = s_[at_];
    if (begins_name(c)) {
      size_t end = at_ + 1;
      while (end < s_.size() && (begins_name(s_[end]) || is_digit(s_[end]))) ++end;
      push(TokenKind::name, std::string(s_.substr(at_, end - at_)));
      at_ = end;
    } else if (is_digit(c)) {
      number();
    } else if (c == '\'' || c == '"') {
      text(c);
    } else {
      for (const std::string_view mark : {"**", "//", "==", "!=", "<=", ">="}) {
        if (s_.substr(at_, 2) != mark) continue;
        push(TokenKind::mark, std::string(mark));
        at_ += 2;
        return;
      }
      require_input(std::string_view("+-*/%~<>=|.,:()[]{}").find(c) != std::string_view::npos, "line ", line_, ": \"", std::string(characters(s_.substr(at_, 4)).front()), "\" begins nothing here");
      if (c == '(' || c == '[' || c == '{') ++open;
      if (c == ')' || c == ']' || c == '}') --open;
      require_input(open >= 0, "line ", line_, ": a bracket closes that was not opened");
      push(TokenKind::mark, std::string(1, c));
      ++at_;
    }
  }

  void number() {
    size_t end = at_;
    while (end < s_.size() && is_digit(s_[end])) ++end;
    bool real = false;
    if (end + 1 < s_.size() && s_[end] == '.' && is_digit(s_[end + 1])) {
      real = true;
      for (++end; end < s_.size() && is_digit(s_[end]);) ++end;
    }
    if (end < s_.size() && (s_[end] == 'e' || s_[end] == 'E')) {
      size_t digits = end + 1;
      if (digits < s_.size() && (s_[digits] == '+' || s_[digits] == '-')) ++digits;
      if (digits < s_.size() && is_digit(s_[digits])) {
        real = true;
        for (end = digits; end < s_.size() && is_digit(s_[end]);) ++end;
      }
    }
    push(real ? TokenKind::real : TokenKind::integer, "");
    const char *from = s_.data() + at_, *to = s_.data() + end;
    const auto result = real ? std::from_chars(from, to, out_.back().real) : std::from_chars(from, to, out_.back().integer);
    require_input(result.ec == std::errc(), "line ", line_, ": the number ", std::string(s_.substr(at_, std::min<size_t>(end - at_, 40))), " is too large");
    at_ = end;
  }

  void text(char quote) {
    const int begun = line_;
    std::string out;
    size_t at = at_ + 1;
    for (; at < s_.size() && s_[at] != quote; ++at) {
      if (s_[at] != '\\' || at + 1 >= s_.size()) {
        out += s_[at];
        continue;
      }
      const char c = s_[++at];
      static constexpr std::string_view kLetters = "ntrbfav0", kMeanings("\n\t\r\b\f\a\v\0", 8);
      if (const size_t i = kLetters.find(c); i != std::string_view::npos) {
        out += kMeanings[i];
      } else if (c == 'x' || c == 'u' || c == 'U') {
        const size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        uint32_t code = 0;
        const std::string_view hex = s_.substr(at + 1, digits);
        const auto result = std::from_chars(hex.data(), hex.data() + hex.size(), code, 16);
        require_input(hex.size() == digits && result.ptr == hex.data() + hex.size() && code < 0x110000, "line ", begun, ": \\", std::string(1, c), " wants ", digits, " digits of a code point");
        append_utf8(out, code);
        at += digits;
      } else if (c != '\n') {
        if (c != '\\' && c != '\'' && c != '"') out += '\\';
        out += c;
      }
    }
    require_input(at < s_.size(), "line ", begun, ": a text that begins with ", std::string(1, quote), " does not end");
    push(TokenKind::text, std::move(out));
    skip_to(at + 1);
  }

  bool begins_raw() const {
    const size_t n = out_.size();
    return n >= 3 && out_[n - 3].kind == TokenKind::open_block && out_[n - 2].kind == TokenKind::name && out_[n - 2].text == "raw";
  }

  /// {% raw %} was just read: everything to {% endraw %} is data.
  void raw_block() {
    const int begun = line_;
    out_.resize(out_.size() - 3);
    for (size_t at = s_.find("{%", at_); at != std::string_view::npos; at = s_.find("{%", at + 2)) {
      size_t name = at + 2;
      const char before = name < s_.size() ? s_[name] : '\0';
      if (before == '-' || before == '+') ++name;
      while (name < s_.size() && is_blank(s_[name])) ++name;
      if (s_.substr(name, 6) != "endraw") continue;
      size_t end = name + 6;
      while (end < s_.size() && is_blank(s_[end])) ++end;
      const char after = end < s_.size() ? s_[end] : '\0';
      if (after == '-' || after == '+') ++end;
      if (s_.substr(end, 2) != "%}") continue;
      const std::string_view inside = s_.substr(at_, at - at_);
      data(before == '-' ? trimmed(inside, false, true) : before == '+' ? inside : without_indent(inside));
      skip_to(end + 2);
      after_tag(after == '-' || after == '+' ? after : '\0', true);
      return;
    }
    fail(ErrorKind::input, "line ", begun, ": {% raw %} has no {% endraw %}");
  }

  std::string source_;
  std::string_view s_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_begins_ = true;
  std::vector<Token> out_;
};

}  // namespace

std::vector<Token> tokens_of(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
      continue;
    }
    text += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (text.ends_with('\n')) text.pop_back();
  return Lexer(std::move(text)).run();
}

}  // namespace loam::jinja
