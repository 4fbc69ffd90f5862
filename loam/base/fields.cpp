#include "loam/base/fields.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include <fmt/format.h>

#include "loam/base/error.h"

namespace loam {

double parse_number(const std::string& text, std::string_view what) {
  char* end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  std::string_view rest(end);
  if (rest.size() == 1) {
    switch (rest[0]) {
      case 'k': case 'K': value *= 1e3; rest = {}; break;
      case 'm': case 'M': value *= 1e6; rest = {}; break;
      case 'g': case 'G': case 'b': case 'B': value *= 1e9; rest = {}; break;
      case 't': case 'T': value *= 1e12; rest = {}; break;
      default: break;
    }
  }
  require(!text.empty() && end != text.c_str() && rest.empty() && std::isfinite(value), what, " is \"", text, "\", not a number");
  return value;
}

int64_t parse_count(const std::string& text, std::string_view what) {
  const double value = parse_number(text, what);
  require(value == std::floor(value) && std::abs(value) < 9.0e18, what, " is \"", text, "\", not a whole number");
  // Digits alone are read exactly, past the 53 bits of a double.
  if (text.find_first_not_of("-0123456789") == std::string::npos) return std::strtoll(text.c_str(), nullptr, 10);
  return static_cast<int64_t>(value);
}

bool parse_switch(const std::string& text, std::string_view what) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") return true;
  if (text == "false" || text == "no" || text == "off" || text == "0") return false;
  fail(ErrorKind::usage, what, " is \"", text, "\", not true or false");
}

namespace detail {
namespace {

template <class T>
FieldRef start(std::string_view name, std::string_view help, const char* type, T& value) {
  FieldRef field;
  field.name = name;
  field.help = help;
  field.type = type;
  field.json = [&value] { return Json(value); };
  return field;
}

template <class T>
FieldRef start_optional(std::string_view name, std::string_view help, const char* type, std::optional<T>& value) {
  FieldRef field;
  field.name = name;
  field.help = help;
  field.type = type;
  field.json = [&value] { return value ? Json(*value) : Json(nullptr); };
  field.show = [&value] { return value ? fmt::format("{}", *value) : std::string(); };
  return field;
}

}  // namespace

FieldRef make_field(std::string_view name, bool& value, std::string_view help) {
  FieldRef field = start(name, help, "", value);
  field.is_switch = true;
  field.set = [&value, key = std::string(name)](const std::string& text) { value = parse_switch(text, key); };
  field.show = [&value] { return std::string(value ? "true" : "false"); };
  return field;
}

FieldRef make_field(std::string_view name, int64_t& value, std::string_view help) {
  FieldRef field = start(name, help, "INT", value);
  field.set = [&value, key = std::string(name)](const std::string& text) { value = parse_count(text, key); };
  field.show = [&value] { return std::to_string(value); };
  return field;
}

FieldRef make_field(std::string_view name, double& value, std::string_view help) {
  FieldRef field = start(name, help, "NUMBER", value);
  field.set = [&value, key = std::string(name)](const std::string& text) { value = parse_number(text, key); };
  field.show = [&value] { return fmt::format("{}", value); };
  return field;
}

FieldRef make_field(std::string_view name, std::string& value, std::string_view help) {
  FieldRef field = start(name, help, "TEXT", value);
  field.set = [&value](const std::string& text) { value = text; };
  field.show = [&value] { return value; };
  return field;
}

FieldRef make_field(std::string_view name, std::vector<std::string>& value, std::string_view help) {
  FieldRef field = start(name, help, "TEXT", value);
  field.is_list = true;
  field.set = [&value](const std::string& text) { value.push_back(text); };
  field.show = [&value] {
    return std::accumulate(value.begin(), value.end(), std::string(),
                           [](std::string all, const std::string& one) { return all.empty() ? one : all + "," + one; });
  };
  return field;
}

FieldRef make_field(std::string_view name, std::optional<int64_t>& value, std::string_view help) {
  FieldRef field = start_optional(name, help, "INT", value);
  field.set = [&value, key = std::string(name)](const std::string& text) { value = parse_count(text, key); };
  return field;
}

FieldRef make_field(std::string_view name, std::optional<double>& value, std::string_view help) {
  FieldRef field = start_optional(name, help, "NUMBER", value);
  field.set = [&value, key = std::string(name)](const std::string& text) { value = parse_number(text, key); };
  return field;
}

Json collect_fields(const std::vector<FieldRef>& fields) {
  Json out = Json::object();
  for (const FieldRef& field : fields) out[field.name] = field.json();
  return out;
}

}  // namespace detail

std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::string best;
  size_t best_distance = std::max<size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    std::vector<size_t> row(candidate.size() + 1);  // Levenshtein 1966, one row at a time
    std::iota(row.begin(), row.end(), size_t{0});
    for (size_t i = 0; i < word.size(); ++i) {
      size_t diagonal = row[0];
      row[0] = i + 1;
      for (size_t j = 0; j < candidate.size(); ++j) {
        const size_t substituted = diagonal + (word[i] == candidate[j] ? 0 : 1);
        diagonal = row[j + 1];
        row[j + 1] = std::min({substituted, row[j + 1] + 1, row[j] + 1});
      }
    }
    if (row.back() < best_distance) {
      best_distance = row.back();
      best = candidate;
    }
  }
  return best;
}

}  // namespace loam
