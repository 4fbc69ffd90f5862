// A config is a struct with one list of its fields; the list feeds flags, files, help, manifests and docs.
//
//   struct ChatConfig {
//     int64_t max_tokens = 256;
//     static void fields(auto&& f) { f("max_tokens", &ChatConfig::max_tokens, "longest answer, in tokens"); }
//     void validate() const { require(max_tokens > 0, "chat.max_tokens = ", max_tokens, " must be at least 1"); }
//   };
//   for (FieldRef& field : bind_fields(config)) ...
//   Json saved = fields_to_json(config);
//
// Field types: bool, int64_t, double, std::string, std::vector<std::string>, and std::optional of the numbers (unset:
// the program decides; JSON null).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"

namespace loam {

/// One field of one config object, for whoever reads flags or files. Holds a pointer into the object.
struct FieldRef {
  std::string name;                            ///< with underscores; the flag has dashes
  std::string help;                            ///< with the unit; no default in it
  const char* type;                            ///< "INT", "NUMBER", "TEXT", "" for a switch
  bool is_switch = false, is_list = false;
  std::function<void(const std::string&)> set; ///< parses; throws Error{usage} naming field and text. A list appends.
  std::function<std::string()> show;           ///< the value as text; "" if unset
  std::function<Json()> json;
};

namespace detail {
FieldRef make_field(std::string_view name, bool& value, std::string_view help);
FieldRef make_field(std::string_view name, int64_t& value, std::string_view help);
FieldRef make_field(std::string_view name, double& value, std::string_view help);
FieldRef make_field(std::string_view name, std::string& value, std::string_view help);
FieldRef make_field(std::string_view name, std::vector<std::string>& value, std::string_view help);
FieldRef make_field(std::string_view name, std::optional<int64_t>& value, std::string_view help);
FieldRef make_field(std::string_view name, std::optional<double>& value, std::string_view help);
Json collect_fields(const std::vector<FieldRef>& fields);
}  // namespace detail

template <class Config>
std::vector<FieldRef> bind_fields(Config& config) {
  std::vector<FieldRef> out;
  Config::fields([&](std::string_view name, auto member, std::string_view help) {
    out.push_back(detail::make_field(name, config.*member, help));
  });
  return out;
}

/// {"name": value, ...} in the order of the list.
template <class Config>
Json fields_to_json(const Config& config) {
  return detail::collect_fields(bind_fields(const_cast<Config&>(config)));
}

/// Numbers as people write them: "4096", "64k", "1.5M", "300e9". Throws Error{usage} naming `what`.
int64_t parse_count(const std::string& text, std::string_view what);
double parse_number(const std::string& text, std::string_view what);
bool parse_switch(const std::string& text, std::string_view what);  ///< true/false, yes/no, on/off, 1/0

/// The candidate nearest to `word` by edit distance, if near enough to be a slip of the fingers; else "".
std::string nearest_name(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace loam
