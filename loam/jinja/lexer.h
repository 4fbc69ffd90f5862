// A template's text cut into tokens, with Jinja's rules of white space as chat templates are run: trim_blocks and
// lstrip_blocks on, one line end at the end left out (jinja2.lexer; transformers' chat templates).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam::jinja {

struct Token {
  enum class Kind { data, open_value, close_value, open_block, close_block, name, text, integer, real, mark, end };
  Kind kind = Kind::end;
  std::string text;     ///< of data and texts what they say; of a mark its characters
  int64_t integer = 0;
  double real = 0;
  int line = 1;
};

/// Throws Error{input} with the line: a tag or text that does not end, a character that begins nothing.
std::vector<Token> tokens_of(std::string_view source);

}  // namespace loam::jinja
