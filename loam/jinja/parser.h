// The tree of a template: statements with expressions in them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loam/jinja/value.h"

namespace loam::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  enum class Kind {
    constant,   ///< value
    variable,   ///< text
    list,       ///< kids
    map,        ///< kids: key, value, key, value...
    unary,      ///< text: - + not; kids[0]
    binary,     ///< text: the operator, "and", "or" among them; kids[0], kids[1]
    comparison, ///< kids[0] named[0].first kids[1] named[1].first kids[2]...: each with the next
    choice,     ///< kids: value, condition, otherwise (may be null)
    attribute,  ///< kids[0] . text
    item,       ///< kids[0] [ kids[1] ]
    slice,      ///< kids[0] [ kids[1] : kids[2] : kids[3] ], each of the three may be null
    call,       ///< kids[0] ( kids[1...], named ); what stands behind * and ** is named so
    filter,     ///< kids[0] | text ( kids[1...], named )
    test        ///< kids[0] is text ( kids[1...] )
  };
  Kind kind = Kind::constant;
  int line = 0, depth = 1;
  std::string text;
  Value value;
  std::vector<ExpressionPtr> kids;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Statement {
  enum class Kind {
    data,        ///< text
    output,      ///< value
    branches,    ///< choices, otherwise
    loop,        ///< names over value, only where `condition`; body, otherwise where there was nothing
    set,         ///< names = value, or text.names[0] = value where text is not empty; value null: the body's text
    macro,       ///< text: its name; names with defaults (or null); body
    call,        ///< value: a call, whose macro sees the body as caller(), with names and defaults
    generation,  ///< body: an answer
    leave, next  ///< break, continue
  };
  Kind kind = Kind::data;
  int line = 0;
  std::string text;
  ExpressionPtr value, condition;
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;
  std::vector<std::pair<ExpressionPtr, Body>> choices;
  Body body, otherwise;
};

/// Throws Error{input} with the line: what does not parse, and statements that chat templates have no use for.
Body parse(std::string_view source);

}  // namespace loam::jinja
