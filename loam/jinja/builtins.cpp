#include "loam/jinja/builtins.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <set>

#include "loam/base/error.h"
#include "loam/jinja/letters.h"

namespace loam::jinja {
namespace {

using Kind = Value::Kind;

std::string replaced(const std::string& text, const std::string& from, const std::string& to, int64_t most, Budget& budget) {
  std::string out;
  size_t at = 0;
  if (from.empty()) {  // between all characters, as Python does
    const auto chars = characters(text);
    for (size_t i = 0; i <= chars.size(); ++i) {
      if (most < 0 || static_cast<int64_t>(i) < most) out += to, budget.make(to.size());
      if (i < chars.size()) out += chars[i];
    }
    return out;
  }
  for (int64_t n = 0; most < 0 || n < most; ++n) {
    const size_t found = text.find(from, at);
    if (found == std::string::npos) break;
    budget.make(to.size());
    out.append(text, at, found - at).append(to);
    at = found + from.size();
  }
  return out.append(text, at);
}

List split(const std::string& text, const std::string* by, int64_t most, Budget& budget) {
  List out;
  const auto add = [&](std::string_view part) {
    budget.make(sizeof(Value) + part.size());
    out.push_back(Value::of(std::string(part)));
  };
  std::string_view rest = text;
  if (by == nullptr) {
    for (;;) {
      rest = trimmed(rest, true, false);
      if (rest.empty()) return out;
      if (most >= 0 && static_cast<int64_t>(out.size()) >= most) return add(trimmed(rest, false, true)), out;
      size_t end = 0;
      for (const std::string_view c : characters(rest)) {
        if (trimmed(c, true, false).empty()) break;
        end += c.size();
      }
      add(rest.substr(0, end));
      rest.remove_prefix(end);
    }
  }
  require_input(!by->empty(), "split by an empty text");
  while (most < 0 || static_cast<int64_t>(out.size()) < most) {
    const size_t at = rest.find(*by);
    if (at == std::string_view::npos) break;
    add(rest.substr(0, at));
    rest.remove_prefix(at + by->size());
  }
  add(rest);
  return out;
}

const std::string& text_in(const Value& v, std::string_view what) {
  require_input(v.is_text(), what, " wants a text, not ", name_of(v.kind));
  return v.text;
}
int64_t whole_in(const Value& v, std::string_view what) {
  require_input(v.kind == Kind::integer || v.kind == Kind::boolean, what, " wants an integer, not ", name_of(v.kind));
  return v.whole();
}
const Value& wanted(const Arguments& a, size_t place, std::string_view name, std::string_view of) {
  const Value* v = a.find(place, name);
  require_input(v != nullptr, of, " wants ", name);
  return *v;
}

List pairs_of(const Map& map, Budget& budget) {
  List out;
  for (const auto& [key, value] : map.items) {
    budget.make(3 * sizeof(Value));
    out.push_back(Value::of(List{Value::of(key), value}));
  }
  return out;
}
const Map& map_in(const Value& v, std::string_view what) {
  if (v.kind == Kind::space) return *v.space;
  require_input(v.kind == Kind::map, what, " wants a map, not ", name_of(v.kind));
  return *v.map;
}

int64_t length_of(const Value& v) {
  if (v.is_text()) return static_cast<int64_t>(characters(v.text).size());
  if (v.kind == Kind::list) return static_cast<int64_t>(v.list->size());
  if (v.kind == Kind::map) return static_cast<int64_t>(v.map->items.size());
  if (v.kind == Kind::undefined) return 0;
  fail(ErrorKind::input, name_of(v.kind), " has no length");
}

/// "a.b" of each item, as map(attribute=) and selectattr read it.
Value path_of(const Value& v, const std::string& path) {
  Value out = v;
  for (size_t at = 0; at <= path.size();) {
    const size_t end = std::min(path.find('.', at), path.size());
    out = attribute_of(out, path.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

List sorted(List list, const Arguments& a, Budget& budget) {
  budget.step(static_cast<int64_t>(list.size()) * 16);
  const Value *reverse = a.find(0, "reverse"), *sensitive = a.find(1, "case_sensitive"), *attribute = a.find(2, "attribute");
  const bool fold = sensitive == nullptr || !is_true(*sensitive), back = reverse != nullptr && is_true(*reverse);
  const auto key = [&](const Value& v) {
    Value k = attribute != nullptr ? path_of(v, text_in(*attribute, "sort")) : v;
    if (fold && k.is_text()) k.text = folded(k.text, false);
    return k;
  };
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& v : list) keyed.emplace_back(key(v), std::move(v));
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& x, const auto& y) { return back ? order(y.first, x.first) < 0 : order(x.first, y.first) < 0; });
  List out;
  for (auto& each : keyed) out.push_back(std::move(each.second));
  return out;
}

Value numbers_filter(const std::string& name, const Value& v, const Arguments& a) {
  if (name == "abs") {
    require_input(v.is_number(), "abs wants a number, not ", name_of(v.kind));
    if (v.kind == Kind::real) return Value::of(std::fabs(v.real));
    require_input(v.whole() != INT64_MIN, "abs of a number too large");
    return Value::of(std::abs(v.whole()));
  }
  if (name == "round") {
    require_input(v.is_number(), "round wants a number, not ", name_of(v.kind));
    if (v.kind != Kind::real) return Value::of(v.whole());
    const Value* digits = a.find(0, "precision");
    const double scale = std::pow(10.0, static_cast<double>(digits == nullptr ? 0 : whole_in(*digits, "round")));
    const double out = std::nearbyint(v.number() * scale) / scale;
    return Value::of(std::isfinite(out) ? out : v.number());
  }
  const Value* otherwise = a.find(0, "default");
  const std::string_view text = v.is_text() ? trimmed(v.text, true, true) : std::string_view();
  if (name == "int") {
    if (v.kind == Kind::integer || v.kind == Kind::boolean) return Value::of(v.whole());
    double real = v.kind == Kind::real ? v.real : NAN;
    if (v.is_text()) {
      int64_t whole = 0;
      if (const auto r = std::from_chars(text.data(), text.data() + text.size(), whole); r.ec == std::errc() && r.ptr == text.data() + text.size()) return Value::of(whole);
      if (const auto r = std::from_chars(text.data(), text.data() + text.size(), real); r.ec != std::errc() || r.ptr != text.data() + text.size()) real = NAN;
    }
    if (std::fabs(real) < 9e18) return Value::of(static_cast<int64_t>(real));
    return otherwise != nullptr ? *otherwise : Value::of(int64_t{0});
  }
  if (v.is_number()) return Value::of(v.number());
  double real = 0;
  if (const auto r = std::from_chars(text.data(), text.data() + text.size(), real); v.is_text() && r.ec == std::errc() && r.ptr == text.data() + text.size()) return Value::of(real);
  return otherwise != nullptr ? *otherwise : Value::of(0.0);
}

Value list_filter(const std::string& name, const Value& v, const Arguments& a, Budget& budget) {
  if (name == "items") return Value::of(v.kind == Kind::undefined ? List() : pairs_of(map_in(v, "items"), budget));
  if (name == "dictsort") {
    Arguments by_key;
    by_key.named.emplace_back("attribute", Value::of("0"));
    return Value::of(sorted(pairs_of(map_in(v, "dictsort"), budget), by_key, budget));
  }
  List list = items_of(v, budget);
  if (name == "list") return Value::of(std::move(list));
  if (name == "first") return list.empty() ? Value::undefined("first of nothing") : list.front();
  if (name == "last") return list.empty() ? Value::undefined("last of nothing") : list.back();
  if (name == "sort") return Value::of(sorted(std::move(list), a, budget));
  if (name == "reverse") {
    std::reverse(list.begin(), list.end());
    if (!v.is_text()) return Value::of(std::move(list));
    std::string text;
    for (const Value& c : list) text += c.text;
    return Value::of(std::move(text));
  }
  if (name == "unique") {
    List out;
    for (Value& each : list) {
      budget.step(static_cast<int64_t>(out.size()));
      if (std::none_of(out.begin(), out.end(), [&](const Value& o) { return equal(o, each); })) out.push_back(std::move(each));
    }
    return Value::of(std::move(out));
  }
  if (name == "join") {
    const Value *by = a.find(0, "d"), *attribute = a.find(1, "attribute");
    std::string out;
    for (size_t i = 0; i < list.size(); ++i) {
      if (i > 0 && by != nullptr) out += text_in(*by, "join");
      out += to_text(attribute != nullptr ? path_of(list[i], text_in(*attribute, "join")) : list[i]);
      budget.make(by != nullptr ? by->text.size() : 0);
    }
    return Value::of(std::move(out));
  }
  if (name == "sum") {
    double real = 0;
    int64_t whole = 0;
    bool exact = true;
    for (const Value& each : list) {
      require_input(each.is_number(), "sum wants numbers, not ", name_of(each.kind));
      exact = exact && each.kind != Kind::real;
      real += each.number();
      require_input(!exact || !__builtin_add_overflow(whole, each.whole(), &whole), "a sum too large");
    }
    return exact ? Value::of(whole) : Value::of(real);
  }
  if (list.empty()) return Value::undefined(name + " of nothing");  // min, max
  const auto less = [](const Value& x, const Value& y) { return order(x, y) < 0; };
  return name == "min" ? *std::min_element(list.begin(), list.end(), less) : *std::max_element(list.begin(), list.end(), less);
}

const std::set<std::string_view> kListFilters = {"items", "dictsort", "list", "first", "last", "sort", "reverse", "unique", "join", "sum", "min", "max"};
const std::set<std::string_view> kOtherFilters = {"trim", "upper", "lower", "capitalize", "title", "length", "count", "default", "d", "tojson", "string", "replace", "safe", "escape", "e",
                                                  "indent", "int", "float", "abs", "round", "map", "select", "reject", "selectattr", "rejectattr"};
const std::set<std::string_view> kTests = {"defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "iterable", "sequence", "callable", "true", "false",
                                           "odd", "even", "divisibleby", "lower", "upper", "in", "equalto", "eq", "ne", "lt", "le", "gt", "ge", "sameas"};

/// The arguments that transformers' tojson has, in its order.
JsonForm json_form(const Arguments& a, Budget& budget) {
  static constexpr std::string_view kNames[] = {"ensure_ascii", "indent", "separators", "sort_keys"};
  for (const auto& [name, value] : a.named) require_input(std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames), "tojson has no argument ", name);
  const auto given = [&](size_t place) -> const Value* {
    const Value* value = a.find(place, kNames[place]);
    return value == nullptr || value->kind == Kind::none ? nullptr : value;
  };
  JsonForm form;
  if (const Value* ascii = given(0)) form.ascii = is_true(*ascii);
  if (const Value* indent = given(1)) form.indent = static_cast<int>(std::clamp<int64_t>(whole_in(*indent, "tojson"), 0, 100));
  if (const Value* separators = given(2)) {
    const List both = items_of(*separators, budget);
    require_input(both.size() == 2 && both[0].is_text() && both[1].is_text() && both[0].text.size() + both[1].text.size() <= 100, "tojson wants two short texts as separators");
    form.separators = {both[0].text, both[1].text};
  }
  if (const Value* sorted = given(3)) form.sort_keys = is_true(*sorted);
  return form;
}

std::string indented(const std::string& text, const Arguments& a, Budget& budget) {
  const Value *width = a.find(0, "width"), *first = a.find(1, "first"), *blank = a.find(2, "blank");
  const std::string pad = width != nullptr && width->is_text() ? width->text : std::string(static_cast<size_t>(std::clamp<int64_t>(width == nullptr ? 4 : whole_in(*width, "indent"), 0, 1000)), ' ');
  std::string out = first != nullptr && is_true(*first) ? pad : "";
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (at > 0) out += (end > at || (blank != nullptr && is_true(*blank))) ? "\n" + pad : "\n";
    out.append(text, at, end - at);
    budget.make(pad.size());
    at = end + 1;
  }
  return out;
}

}  // namespace

const Value* Arguments::find(size_t place, std::string_view name) const {
  if (place < plain.size()) return &plain[place];
  for (const auto& [key, value] : named) {
    if (key == name) return &value;
  }
  return nullptr;
}

void Budget::step(int64_t steps) {
  steps_ += steps;
  require_input(steps_ <= 2'000'000, "it takes more than 2,000,000 steps");
}
void Budget::make(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  require_input(bytes_ <= int64_t{1} << 27, "it makes more than 128 MiB of text on the way");
}

bool has_filter(std::string_view name) { return kListFilters.count(name) > 0 || kOtherFilters.count(name) > 0; }
bool has_test(std::string_view name) { return kTests.count(name) > 0; }

Value apply_filter(const std::string& name, const Value& v, const Arguments& a, Budget& budget) {
  budget.make(v.text.size());
  if (name == "default" || name == "d") {
    const Value* falsy = a.find(1, "boolean");
    const bool takes = v.kind == Kind::undefined || (falsy != nullptr && is_true(*falsy) && !is_true(v));
    const Value* otherwise = a.find(0, "default_value");
    return !takes ? v : otherwise != nullptr ? *otherwise : Value::of("");
  }
  if (kListFilters.count(name) > 0) return list_filter(name, v, a, budget);
  if (name == "int" || name == "float" || name == "abs" || name == "round") return numbers_filter(name, v, a);
  if (name == "length" || name == "count") return Value::of(length_of(v));
  if (name == "tojson") {
    std::string out = to_json_text(v, json_form(a, budget));
    budget.make(out.size());
    return Value::of(std::move(out));
  }
  const std::string text = to_text(v);
  budget.make(text.size());
  if (name == "string" || name == "safe") return Value::of(text);
  if (name == "escape" || name == "e") return Value::of(escaped(text));
  if (name == "trim") {
    const Value* strip = a.find(0, "chars");
    return Value::of(std::string(trimmed(text, true, true, strip != nullptr && strip->is_text() ? strip->text : std::string_view())));
  }
  if (name == "upper" || name == "lower") return Value::of(folded(text, name == "upper"));
  if (name == "capitalize") return Value::of(capitalized(text));
  if (name == "title") return Value::of(words_capitalized(text));
  if (name == "indent") return Value::of(indented(text, a, budget));
  if (name == "replace") {
    const Value* most = a.find(2, "count");
    return Value::of(replaced(text, text_in(wanted(a, 0, "old", name), name), text_in(wanted(a, 1, "new", name), name), most == nullptr ? -1 : whole_in(*most, name), budget));
  }
  fail(ErrorKind::input, "there is no filter ", name);
}

bool apply_test(const std::string& name, const Value& v, const Arguments& a) {
  const auto other = [&]() -> const Value& { return wanted(a, 0, "a value to compare with", name); };
  if (name == "defined") return v.kind != Kind::undefined;
  if (name == "undefined") return v.kind == Kind::undefined;
  if (name == "none") return v.kind == Kind::none;
  if (name == "string") return v.is_text();
  if (name == "number") return v.is_number();
  if (name == "integer") return v.kind == Kind::integer;
  if (name == "float") return v.kind == Kind::real;
  if (name == "boolean") return v.kind == Kind::boolean;
  if (name == "mapping") return v.kind == Kind::map;
  if (name == "iterable" || name == "sequence") return v.is_text() || v.kind == Kind::list || v.kind == Kind::map || (name == "iterable" && v.kind == Kind::undefined);
  if (name == "callable") return v.kind == Kind::macro || v.kind == Kind::builtin;
  if (name == "true") return v.kind == Kind::boolean && v.truth;
  if (name == "false") return v.kind == Kind::boolean && !v.truth;
  if (name == "odd" || name == "even") return (whole_in(v, name) % 2 != 0) == (name == "odd");
  if (name == "divisibleby") {
    const int64_t by = whole_in(other(), name);
    require_input(by != 0, "divisibleby(0)");
    return by == -1 || whole_in(v, name) % by == 0;
  }
  if (name == "lower") return v.is_text() && folded(v.text, false) == v.text && folded(v.text, true) != v.text;
  if (name == "upper") return v.is_text() && folded(v.text, true) == v.text && folded(v.text, false) != v.text;
  if (name == "in") return contains(other(), v);
  if (name == "equalto" || name == "eq" || name == "sameas") return equal(v, other());
  if (name == "ne") return !equal(v, other());
  if (name == "lt") return order(v, other()) < 0;
  if (name == "le") return order(v, other()) <= 0;
  if (name == "gt") return order(v, other()) > 0;
  if (name == "ge") return order(v, other()) >= 0;
  fail(ErrorKind::input, "there is no test ", name);
}

Value call_method(const Value& object, const std::string& name, const Arguments& a, Budget& budget) {
  if (object.kind == Kind::map || object.kind == Kind::space) {
    const Map& map = map_in(object, name);
    if (name == "get") {
      const Value *found = map.find(text_in(wanted(a, 0, "key", name), name)), *otherwise = a.find(1, "default");
      return found != nullptr ? *found : otherwise != nullptr ? *otherwise : Value::none();
    }
    if (name == "items") return Value::of(pairs_of(map, budget));
    List out;
    for (const auto& [key, value] : map.items) out.push_back(name == "keys" ? Value::of(key) : value);
    if (name == "keys" || name == "values") return Value::of(std::move(out));
  }
  if (object.is_text()) {
    const std::string& s = object.text;
    budget.make(s.size());
    const Value *first = a.find(0, name == "split" || name == "rsplit" ? "sep" : "chars"), *second = a.find(1, "maxsplit");
    if (name == "strip" || name == "lstrip" || name == "rstrip") {
      const bool all = first == nullptr || first->kind == Kind::none;
      return Value::of(std::string(trimmed(s, name != "rstrip", name != "lstrip", all ? std::string_view() : std::string_view(text_in(*first, name)))));
    }
    if (name == "split" || name == "rsplit") {
      require_input(name == "split" || second == nullptr, "rsplit with a number of splits is not read");
      const bool blanks = first == nullptr || first->kind == Kind::none;
      return Value::of(split(s, blanks ? nullptr : &text_in(*first, name), second == nullptr ? -1 : whole_in(*second, name), budget));
    }
    if (name == "splitlines") {
      static const std::string kLineEnd = "\n";
      List lines = split(s, &kLineEnd, -1, budget);
      if (!lines.empty() && lines.back().text.empty()) lines.pop_back();
      return Value::of(std::move(lines));
    }
    if (name == "upper" || name == "lower") return Value::of(folded(s, name == "upper"));
    if (name == "capitalize") return Value::of(capitalized(s));
    if (name == "title") return Value::of(titled(s));
    if (name == "replace") return apply_filter("replace", object, a, budget);
    if (name == "join") {
      Arguments by;
      by.plain.push_back(object);
      return apply_filter("join", wanted(a, 0, "a list", name), by, budget);
    }
    if (name == "startswith" || name == "endswith") {
      const Value& what = wanted(a, 0, "a text", name);
      const auto fits = [&](const Value& v) { return name == "startswith" ? s.starts_with(text_in(v, name)) : s.ends_with(text_in(v, name)); };
      return Value::of(what.kind == Kind::list ? std::any_of(what.list->begin(), what.list->end(), fits) : fits(what));
    }
    if (name == "removeprefix" || name == "removesuffix") {
      const std::string& part = text_in(wanted(a, 0, "a text", name), name);
      if (name == "removeprefix") return Value::of(s.starts_with(part) ? s.substr(part.size()) : s);
      return Value::of(s.ends_with(part) ? s.substr(0, s.size() - part.size()) : s);
    }
    if (name == "find" || name == "count") {
      const std::string& part = text_in(wanted(a, 0, "a text", name), name);
      if (name == "find") {
        const size_t at = s.find(part);
        return Value::of(at == std::string::npos ? int64_t{-1} : static_cast<int64_t>(characters(std::string_view(s).substr(0, at)).size()));
      }
      require_input(!part.empty(), "count of an empty text");
      int64_t n = 0;
      for (size_t at = s.find(part); at != std::string::npos; at = s.find(part, at + part.size())) ++n;
      return Value::of(n);
    }
  }
  fail(ErrorKind::input, name_of(object.kind), " has no method ", name, " that templates may call");
}

Value attribute_of(const Value& object, const std::string& name) {
  require_input(object.kind != Kind::undefined, "\"", object.text, "\" is undefined; it has no ", name);
  if (object.kind == Kind::space) {
    const Value* found = object.space->find(name);
    return found != nullptr ? *found : Value::undefined(name);
  }
  if (object.kind == Kind::map) {
    const Value* found = object.map->find(name);
    return found != nullptr ? *found : Value::undefined(name);
  }
  int64_t place = 0;
  if (object.kind == Kind::list && std::from_chars(name.data(), name.data() + name.size(), place).ptr == name.data() + name.size()) return item_of(object, Value::of(place));
  return Value::undefined(name);
}

Value item_of(const Value& object, const Value& key) {
  if (key.is_text()) return attribute_of(object, key.text);
  require_input(object.kind != Kind::undefined, "\"", object.text, "\" is undefined; it has no items");
  if (key.kind != Kind::integer && key.kind != Kind::boolean) return Value::undefined(to_text(key));
  int64_t at = key.whole();
  if (object.kind == Kind::list) {
    const auto n = static_cast<int64_t>(object.list->size());
    if (at < 0) at += n;
    return at >= 0 && at < n ? (*object.list)[static_cast<size_t>(at)] : Value::undefined(to_text(key));
  }
  if (object.is_text()) {
    const auto chars = characters(object.text);
    const auto n = static_cast<int64_t>(chars.size());
    if (at < 0) at += n;
    return at >= 0 && at < n ? Value::of(std::string(chars[static_cast<size_t>(at)])) : Value::undefined(to_text(key));
  }
  return Value::undefined(to_text(key));
}

List items_of(const Value& v, Budget& budget) {
  List out;
  switch (v.kind) {
    case Kind::undefined: return out;
    case Kind::list:
      for (const Value& each : *v.list) budget.make(sizeof(Value) + each.text.size());
      return *v.list;
    case Kind::map:
      for (const auto& [key, value] : v.map->items) {
        budget.make(sizeof(Value));
        out.push_back(Value::of(key));
      }
      return out;
    case Kind::text:
      for (const std::string_view c : characters(v.text)) {
        budget.make(sizeof(Value));
        out.push_back(Value::of(std::string(c)));
      }
      return out;
    default: fail(ErrorKind::input, name_of(v.kind), " cannot be gone through");
  }
}

bool contains(const Value& container, const Value& value) {
  switch (container.kind) {
    case Kind::text: return container.text.find(text_in(value, "in a text")) != std::string::npos;
    case Kind::list: return std::any_of(container.list->begin(), container.list->end(), [&](const Value& each) { return equal(each, value); });
    case Kind::map: return value.is_text() && container.map->find(value.text) != nullptr;
    case Kind::undefined: return false;
    default: fail(ErrorKind::input, name_of(container.kind), " contains nothing");
  }
}

}  // namespace loam::jinja
