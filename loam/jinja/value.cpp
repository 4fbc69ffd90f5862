#include "loam/jinja/value.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>
#include <iterator>

#include "loam/base/error.h"

namespace loam::jinja {
namespace {

constexpr int32_t kDeepestValue = 100;
using Kind = Value::Kind;

std::string real_text(double x) {
  if (std::isnan(x)) return "nan";
  if (std::isinf(x)) return x > 0 ? "inf" : "-inf";
  std::string out = fmt::format("{}", x);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

/// As Python's repr() of a str.
std::string python_text(std::string_view text) {
  const char quote = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char c : text) {
    if (c == quote || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else if (static_cast<unsigned char>(c) < 32 || c == 127) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out + quote;
}

std::string repr(const Value& value) { return value.is_text() ? python_text(value.text) : to_text(value); }

/// A JSON string of ASCII alone: what is not becomes \u and four digits, or a pair of them.
void append_ascii_json(std::string& out, std::string_view text) {
  std::string whole;
  append_json_string(whole, text);
  for (const std::string_view c : characters(whole)) {
    if (c.size() == 1) {
      out += c;
      continue;
    }
    uint32_t code = static_cast<unsigned char>(c[0]) & (0xffu >> (c.size() + 1));
    for (const char next : c.substr(1)) code = code << 6 | (static_cast<unsigned char>(next) & 0x3fu);
    if (code < 0x10000) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", code);
    } else {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}\\u{:04x}", 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + ((code - 0x10000) & 0x3ff));
    }
  }
}

class JsonWriter {
 public:
  JsonWriter(const JsonForm& form, std::string& out) : form_(form), out_(out) {
    item_ = form.separators ? form.separators->first : form.indent < 0 ? ", " : ",";
    key_ = form.separators ? form.separators->second : ": ";
  }

  void write(const Value& v, int level = 0) {
    switch (v.kind) {
      case Kind::none: out_ += "null"; return;
      case Kind::boolean: out_ += v.truth ? "true" : "false"; return;
      case Kind::integer: out_ += std::to_string(v.integer); return;
      case Kind::real: out_ += std::isnan(v.real) ? "NaN" : std::isinf(v.real) ? (v.real > 0 ? "Infinity" : "-Infinity") : real_text(v.real); return;
      case Kind::text: return text(v.text);
      case Kind::list:
        out_ += '[';
        for (size_t i = 0; i < v.list->size(); ++i) {
          between(i, level);
          write((*v.list)[i], level + 1);
        }
        if (!v.list->empty()) line(level);
        out_ += ']';
        return;
      case Kind::map: {
        std::vector<const std::pair<std::string, Value>*> items;
        for (const auto& each : v.map->items) items.push_back(&each);
        // UTF-8's bytes have the order of its code points.
        if (form_.sort_keys) std::stable_sort(items.begin(), items.end(), [](const auto* a, const auto* b) { return a->first < b->first; });
        out_ += '{';
        for (size_t i = 0; i < items.size(); ++i) {
          between(i, level);
          text(items[i]->first);
          out_ += key_;
          write(items[i]->second, level + 1);
        }
        if (!items.empty()) line(level);
        out_ += '}';
        return;
      }
      default: fail(ErrorKind::input, "tojson has no form for ", name_of(v.kind), v.text.empty() ? "" : " (" + v.text + ")");
    }
  }

 private:
  void text(std::string_view of) { form_.ascii ? append_ascii_json(out_, of) : append_json_string(out_, of); }
  void between(size_t i, int level) {
    if (i > 0) out_ += item_;
    line(level + 1);
  }
  void line(int level) {
    if (form_.indent < 0) return;
    out_ += '\n';
    out_.append(static_cast<size_t>(form_.indent * level), ' ');
  }
  const JsonForm& form_;
  std::string& out_;
  std::string item_, key_;
};

bool is_space(std::string_view c) {
  if (c.size() == 1) return (c[0] >= 9 && c[0] <= 13) || (c[0] >= 28 && c[0] <= 32);
  for (const std::string_view space : {"\u0085", "\u00a0", "\u1680", "\u2000", "\u2001", "\u2002", "\u2003", "\u2004", "\u2005", "\u2006", "\u2007", "\u2008", "\u2009", "\u200a", "\u2028", "\u2029",
                                       "\u202f", "\u205f", "\u3000"}) {
    if (c == space) return true;
  }
  return false;
}

}  // namespace

const Value* Map::find(std::string_view key) const {
  for (const auto& [name, value] : items) {
    if (name == key) return &value;
  }
  return nullptr;
}

void Map::set(std::string_view key, Value value) {
  for (auto& [name, old] : items) {
    if (name != key) continue;
    old = std::move(value);
    return;
  }
  items.emplace_back(key, std::move(value));
}

Value Value::none() {
  Value v;
  v.kind = Kind::none;
  return v;
}
Value Value::of(bool value) {
  Value v;
  v.kind = Kind::boolean;
  v.truth = value;
  return v;
}
Value Value::of(int64_t value) {
  Value v;
  v.kind = Kind::integer;
  v.integer = value;
  return v;
}
Value Value::of(double value) {
  Value v;
  v.kind = Kind::real;
  v.real = value;
  return v;
}
Value Value::of(std::string value) {
  Value v;
  v.kind = Kind::text;
  v.text = std::move(value);
  return v;
}
Value Value::of(List values) {
  Value v;
  v.kind = Kind::list;
  for (const Value& each : values) v.depth = std::max(v.depth, each.depth);
  require_input(++v.depth <= kDeepestValue, "lists lie in each other more than ", kDeepestValue, " deep");
  v.list = std::make_shared<const List>(std::move(values));
  return v;
}
Value Value::of(Map values) {
  Value v;
  v.kind = Kind::map;
  for (const auto& [key, each] : values.items) v.depth = std::max(v.depth, each.depth);
  require_input(++v.depth <= kDeepestValue, "maps lie in each other more than ", kDeepestValue, " deep");
  v.map = std::make_shared<const Map>(std::move(values));
  return v;
}
Value Value::builtin(std::string name) {
  Value v;
  v.kind = Kind::builtin;
  v.text = std::move(name);
  return v;
}
Value Value::undefined(std::string name) {
  Value v;
  v.text = std::move(name);
  return v;
}

Value Value::from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean: return of(json.get<bool>());
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      require_input(!json.is_number_unsigned() || json.get<uint64_t>() <= INT64_MAX, "the integer ", json.get<uint64_t>(), " has more than 64 bits with its sign");
      return of(json.get<int64_t>());
    case Json::value_t::number_float: return of(json.get<double>());
    case Json::value_t::string: return of(json.get<std::string>());
    case Json::value_t::array: {
      List list;
      for (const Json& each : json) list.push_back(from_json(each));
      return of(std::move(list));
    }
    case Json::value_t::object: {
      Map map;
      for (const auto& [key, each] : json.items()) map.items.emplace_back(key, from_json(each));
      return of(std::move(map));
    }
    default: return none();
  }
}

bool is_true(const Value& v) {
  switch (v.kind) {
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return v.truth;
    case Kind::integer: return v.integer != 0;
    case Kind::real: return v.real != 0;
    case Kind::text: return !v.text.empty();
    case Kind::list: return !v.list->empty();
    case Kind::map: return !v.map->items.empty();
    default: return true;
  }
}

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return a.kind == Kind::real || b.kind == Kind::real ? a.number() == b.number() : a.whole() == b.whole();
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case Kind::text:
    case Kind::builtin: return a.text == b.text;
    case Kind::list: return std::equal(a.list->begin(), a.list->end(), b.list->begin(), b.list->end(), equal);
    case Kind::map:
      return a.map->items.size() == b.map->items.size() && std::all_of(a.map->items.begin(), a.map->items.end(), [&](const auto& item) {
               const Value* other = b.map->find(item.first);
               return other != nullptr && equal(item.second, *other);
             });
    case Kind::space: return a.space == b.space;
    case Kind::macro: return a.macro == b.macro;
    default: return true;
  }
}

int order(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) {
    const double x = a.number(), y = b.number();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  // UTF-8's bytes have the order of its code points.
  if (a.is_text() && b.is_text()) return a.text < b.text ? -1 : a.text > b.text ? 1 : 0;
  fail(ErrorKind::input, name_of(a.kind), " and ", name_of(b.kind), " have no order");
}

const char* name_of(Value::Kind kind) {
  switch (kind) {
    case Kind::undefined: return "an undefined value";
    case Kind::none: return "none";
    case Kind::boolean: return "a truth value";
    case Kind::integer: return "an integer";
    case Kind::real: return "a number";
    case Kind::text: return "a text";
    case Kind::list: return "a list";
    case Kind::map: return "a map";
    case Kind::space: return "a namespace";
    case Kind::macro: return "a macro";
    default: return "a function";
  }
}

std::string to_text(const Value& v) {
  switch (v.kind) {
    case Kind::undefined: return "";
    case Kind::none: return "None";
    case Kind::boolean: return v.truth ? "True" : "False";
    case Kind::integer: return std::to_string(v.integer);
    case Kind::real: return real_text(v.real);
    case Kind::text: return v.text;
    case Kind::list: {
      std::string out = "[";
      for (const Value& each : *v.list) out += (out.size() > 1 ? ", " : "") + repr(each);
      return out + "]";
    }
    case Kind::map: {
      std::string out = "{";
      for (const auto& [key, each] : v.map->items) out += (out.size() > 1 ? ", " : "") + python_text(key) + ": " + repr(each);
      return out + "}";
    }
    default: fail(ErrorKind::input, name_of(v.kind), " cannot be written");
  }
}

std::string to_json_text(const Value& value, const JsonForm& form) {
  std::string out;
  JsonWriter(form, out).write(value);
  return out;
}

Value arithmetic(const std::string& op, const Value& a, const Value& b) {
  require_input(a.is_number() && b.is_number(), name_of(a.kind), a.kind == Kind::undefined ? " (" + a.text + ")" : "", " ", op, " ", name_of(b.kind), b.kind == Kind::undefined ? " (" + b.text + ")" : "", " is not defined");
  require_input((op != "/" && op != "//" && op != "%") || b.number() != 0, "division by zero");
  if (op == "/") return Value::of(a.number() / b.number());
  if (a.kind == Kind::real || b.kind == Kind::real || (op == "**" && b.whole() < 0)) {
    const double x = a.number(), y = b.number();
    if (op == "+") return Value::of(x + y);
    if (op == "-") return Value::of(x - y);
    if (op == "*") return Value::of(x * y);
    if (op == "//") return Value::of(std::floor(x / y));
    if (op == "**") return Value::of(std::pow(x, y));
    const double rest = std::fmod(x, y);
    return Value::of(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
  }
  const int64_t x = a.whole(), y = b.whole();
  int64_t out = 0;
  bool over = false;
  if (op == "+") {
    over = __builtin_add_overflow(x, y, &out);
  } else if (op == "-") {
    over = __builtin_sub_overflow(x, y, &out);
  } else if (op == "*") {
    over = __builtin_mul_overflow(x, y, &out);
  } else if (op == "**") {
    out = 1;
    if (x == 1 || x == 0) return Value::of(y == 0 ? int64_t{1} : x);
    if (x == -1) return Value::of(y % 2 == 0 ? int64_t{1} : int64_t{-1});
    for (int64_t i = 0; i < y && !over; ++i) over = __builtin_mul_overflow(out, x, &out);
  } else if (y == -1) {
    over = x == INT64_MIN;
    out = op == "%" || over ? 0 : -x;
  } else {  // rounded down, and the rest with the sign of y
    const int64_t rest = x % y;
    const bool down = rest != 0 && (rest < 0) != (y < 0);
    out = op == "%" ? (down ? rest + y : rest) : x / y - (down ? 1 : 0);
  }
  require_input(!over, "an integer of more than 64 bits");
  return Value::of(out);
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> out;
  for (size_t at = 0; at < text.size();) {
    const auto lead = static_cast<unsigned char>(text[at]);
    size_t n = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    n = std::min(n, text.size() - at);
    for (size_t i = 1; i < n; ++i) {
      if ((static_cast<unsigned char>(text[at + i]) & 0xc0) != 0x80) n = 1;
    }
    out.push_back(text.substr(at, n));
    at += n;
  }
  return out;
}

std::string_view trimmed(std::string_view text, bool left, bool right, std::string_view strip) {
  const auto goes = [&](std::string_view c) { return strip.empty() ? is_space(c) : c.size() == 1 && strip.find(c[0]) != std::string_view::npos; };
  if (left) {
    while (!text.empty()) {
      size_t n = 1;
      while (n < text.size() && n < 4 && (static_cast<unsigned char>(text[n]) & 0xc0) == 0x80) ++n;
      if (!goes(text.substr(0, n))) break;
      text.remove_prefix(n);
    }
  }
  if (right) {
    while (!text.empty()) {
      size_t n = 1;
      while (n < text.size() && n < 4 && (static_cast<unsigned char>(text[text.size() - n]) & 0xc0) == 0x80) ++n;
      if (!goes(text.substr(text.size() - n))) break;
      text.remove_suffix(n);
    }
  }
  return text;
}

}  // namespace loam::jinja
