#include "loam/formats/json_values.h"

namespace loam {
namespace {

bool is_json_space(int c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

}  // namespace

int JsonValues::peek() {
  if (at_ < end_) return static_cast<unsigned char>(buffer_[at_]);
  if (done_) return -1;
  if (buffer_.empty()) buffer_.resize(size_t{128} << 10);
  const int64_t n = source_(buffer_.data(), static_cast<int64_t>(buffer_.size()));
  at_ = 0;
  end_ = static_cast<size_t>(n);
  done_ = n == 0;
  return done_ ? -1 : static_cast<unsigned char>(buffer_[0]);
}

bool JsonValues::next(std::string& value) {
  value.clear();
  cut_ = false;
  for (;;) {
    int c = peek();
    while (is_json_space(c) || (started_ && c == ',')) {
      ++at_;
      c = peek();
    }
    if (c < 0) {
      torn_ = torn_ || in_array_;
      return false;
    }
    if (!started_) {
      started_ = true;
      if (c == '[') {
        in_array_ = true;
        ++at_;
        continue;
      }
    }
    if (in_array_ && c == ']') {
      in_array_ = false;
      ++at_;
      continue;
    }
    break;
  }
  auto add = [&](int c) {
    ++at_;
    if (static_cast<int64_t>(value.size()) < limit_) {
      value += static_cast<char>(c);
    } else {
      cut_ = true;
    }
  };
  int64_t depth = 0;
  bool quoted = false;
  const int first = peek();
  if (first != '{' && first != '[' && first != '"') {  // a number or a word
    for (int c = first; c >= 0 && !is_json_space(c) && c != ',' && c != ']' && c != '}' && c != '{' && c != '['; c = peek()) add(c);
    if (value.empty()) add(peek());  // a stray bracket: its own, broken, value
    return true;
  }
  for (;;) {
    const int c = peek();
    if (c < 0) {
      torn_ = true;
      return true;
    }
    add(c);
    if (quoted) {
      if (c == '\\') {
        if (const int next = peek(); next >= 0) add(next);
      } else if (c == '"') {
        quoted = false;
        if (depth == 0) return true;
      }
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if ((c == '}' || c == ']') && --depth <= 0) {
      return true;
    }
  }
}

}  // namespace loam
