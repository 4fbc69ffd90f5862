// The filters, tests and methods that templates may use.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loam/jinja/value.h"

namespace loam::jinja {

/// Arguments of a call, in order and by name.
struct Arguments {
  std::vector<Value> plain;
  std::vector<std::pair<std::string, Value>> named;
  /// The argument of that place or name; null if it was not given.
  const Value* find(size_t place, std::string_view name) const;
};

/// Counts what a run makes, so that no template takes all time or memory.
class Budget {
 public:
  /// Throw Error{input} once too much was done or made.
  void step(int64_t steps = 1);
  void make(size_t bytes);

 private:
  int64_t steps_ = 0, bytes_ = 0;
};

/// Is there a filter, a test of that name? Those with functions inside (map, select...) included.
bool has_filter(std::string_view name);
bool has_test(std::string_view name);
/// Throw Error{input}: an unknown name, a value it is not for.
Value apply_filter(const std::string& name, const Value& value, const Arguments& arguments, Budget& budget);
bool apply_test(const std::string& name, const Value& value, const Arguments& arguments);
Value call_method(const Value& object, const std::string& name, const Arguments& arguments, Budget& budget);
/// object.name or object[name] of data; undefined where there is none. Throws Error{input} for an undefined object.
Value attribute_of(const Value& object, const std::string& name);
Value item_of(const Value& object, const Value& key);
/// What a loop goes over: items, keys, characters.
List items_of(const Value& value, Budget& budget);
bool contains(const Value& container, const Value& value);

}  // namespace loam::jinja
