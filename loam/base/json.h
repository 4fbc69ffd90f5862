// JSON values that keep their key order, and reading them from files with the place of a mistake named.
//
//   Json config = read_json(folder / "config.json");
//   int64_t layers = get_int(config, "n_layer");        // Error{input} names the key if it is absent or no integer
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace loam {

using Json = nlohmann::ordered_json;

/// Throws Error{input} with the byte position if `text` is not one JSON value; `where` names its origin.
Json parse_json(std::string_view text, std::string_view where);
/// The JSON value a file holds. Throws Error{input} if it cannot be read or parsed, or is over `limit_bytes`.
Json read_json(const std::filesystem::path& file, int64_t limit_bytes = int64_t{1} << 30);
/// One line; invalid UTF-8 becomes U+FFFD.
std::string to_line(const Json& value);
/// Appends `text` as a JSON string, quotes included; only what JSON demands is escaped. `text` must be UTF-8.
void append_json_string(std::string& out, std::string_view text);
/// Two spaces of indent and a line end at the end.
std::string to_pretty(const Json& value);

/// Members of an object; Error{input} names the key, and says what was found, if absent or of another type.
int64_t get_int(const Json& object, const char* key);
double get_number(const Json& object, const char* key);
std::string get_string(const Json& object, const char* key);
bool get_bool(const Json& object, const char* key);
/// The same with a default for an absent or null member.
int64_t get_int(const Json& object, const char* key, int64_t otherwise);
double get_number(const Json& object, const char* key, double otherwise);
std::string get_string(const Json& object, const char* key, const std::string& otherwise);
bool get_bool(const Json& object, const char* key, bool otherwise);

}  // namespace loam
