// Chat templates: the part of Jinja that models' templates are written in, with Python's rules for what values look like.
//
//   const jinja::Template chat(tokenizer_config["chat_template"]);
//   std::string text = chat.render({{"messages", messages}, {"add_generation_prompt", true}}).text;
//
// Statements: if, for (with else, a condition, break, continue), set, macro, call, generation, raw. What it does not know is
// refused by name when the template is read, a filter or method when it is used. No template reads files, changes what it
// is given, or takes more than 2,000,000 steps, 128 MiB of text or 500 levels of calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loam/base/json.h"

namespace loam::jinja {

struct Rendered {
  std::string text;
  std::vector<std::pair<size_t, size_t>> answers;  ///< [begin, end) in text of each {% generation %} block
};

class Template {
 public:
  /// Throws Error{input} with the line of what does not parse; over 1 MiB.
  explicit Template(std::string_view source);
  /// `variables`: an object. Throws Error{input}: what raise_exception() says, an undefined value that is used, what
  /// takes too long.
  Rendered render(const Json& variables) const;

 private:
  struct Tree;
  std::shared_ptr<const Tree> tree_;
};

}  // namespace loam::jinja
