// What expressions of a template give: Python's values, as far as templates show them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loam/base/json.h"

namespace loam::jinja {

struct Value;
using List = std::vector<Value>;
/// In the order things were put in.
struct Map {
  std::vector<std::pair<std::string, Value>> items;
  const Value* find(std::string_view key) const;
  void set(std::string_view key, Value value);
};
struct Statement;

struct Value {
  enum class Kind { undefined, none, boolean, integer, real, text, list, map, space, macro, builtin };
  Kind kind = Kind::undefined;
  bool truth = false;
  int32_t depth = 0;   ///< of lists and maps in each other
  int64_t integer = 0;
  double real = 0;
  std::string text;    ///< of a builtin or an undefined value its name
  std::shared_ptr<const List> list;
  std::shared_ptr<const Map> map;
  Map* space = nullptr;               ///< namespace(): changeable; owned by the run
  const Statement* macro = nullptr;   ///< owned by the template

  static Value none();
  static Value of(bool value);
  static Value of(int64_t value);
  static Value of(double value);
  static Value of(std::string value);
  static Value of(const char* value) { return of(std::string(value)); }
  /// Throw Error{input} for lists in lists without end.
  static Value of(List values);
  static Value of(Map values);
  static Value builtin(std::string name);
  static Value undefined(std::string name);
  static Value from_json(const Json& json);

  bool is_number() const { return kind == Kind::integer || kind == Kind::real || kind == Kind::boolean; }
  bool is_text() const { return kind == Kind::text; }
  double number() const { return kind == Kind::real ? real : kind == Kind::boolean ? (truth ? 1 : 0) : static_cast<double>(integer); }
  int64_t whole() const { return kind == Kind::boolean ? (truth ? 1 : 0) : integer; }
};

bool is_true(const Value& value);
bool equal(const Value& a, const Value& b);
/// -1, 0, 1. Throws Error{input} for values without an order.
int order(const Value& a, const Value& b);
/// a op b for + - * / // % **, as Python has them. Throws Error{input}: no numbers, division by zero, over 64 bits.
Value arithmetic(const std::string& op, const Value& a, const Value& b);
/// "a list", "a text": for messages.
const char* name_of(Value::Kind kind);
/// As Python's str().
std::string to_text(const Value& value);
/// How JSON is written: json.dumps' arguments, with ensure_ascii off as transformers has it.
struct JsonForm {
  int indent = -1;  ///< spaces a level; < 0: one line
  std::optional<std::pair<std::string, std::string>> separators;  ///< between items, behind keys
  bool sort_keys = false, ascii = false;
};
/// As Python's json.dumps. Throws Error{input} for what JSON has no form for.
std::string to_json_text(const Value& value, const JsonForm& form = {});

/// Code points of UTF-8; a byte that is none counts as one.
std::vector<std::string_view> characters(std::string_view text);
/// Without Python's white space (or, where given, the ASCII characters of `strip`) at the ends asked for.
std::string_view trimmed(std::string_view text, bool left, bool right, std::string_view strip = {});

}  // namespace loam::jinja
