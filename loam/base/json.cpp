#include "loam/base/json.h"


#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

const Json& member(const Json& object, const char* key) {
  require_input(object.is_object(), "wanted a JSON object with \"", key, "\", found ", object.type_name());
  const auto it = object.find(key);
  require_input(it != object.end() && !it->is_null(), "\"", key, "\" is missing");
  return *it;
}

bool absent(const Json& object, const char* key) {
  return !object.is_object() || !object.contains(key) || object.at(key).is_null();
}

}  // namespace

Json parse_json(std::string_view text, std::string_view where) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, where, " is not valid JSON: ", e.what());
  }
}

Json read_json(const std::filesystem::path& file, int64_t limit_bytes) {
  return parse_json(read_file(file, limit_bytes), file.string());
}

std::string to_line(const Json& value) { return value.dump(-1, ' ', false, Json::error_handler_t::replace); }
std::string to_pretty(const Json& value) { return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  out.reserve(out.size() + text.size() + text.size() / 32 + 2);
  out += '"';
  size_t from = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.data() + from, i - from);
    from = i + 1;
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default:
        out += "\\u00";
        out += kDigits[c >> 4];
        out += kDigits[c & 15];
    }
  }
  out.append(text.data() + from, text.size() - from);
  out += '"';
}

int64_t get_int(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require_input(value.is_number_integer(), "\"", key, "\" is ", to_line(value), ", not a whole number");
  return value.get<int64_t>();
}

double get_number(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require_input(value.is_number(), "\"", key, "\" is ", to_line(value), ", not a number");
  return value.get<double>();
}

std::string get_string(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require_input(value.is_string(), "\"", key, "\" is ", to_line(value), ", not a string");
  return value.get<std::string>();
}

bool get_bool(const Json& object, const char* key) {
  const Json& value = member(object, key);
  require_input(value.is_boolean(), "\"", key, "\" is ", to_line(value), ", not true or false");
  return value.get<bool>();
}

int64_t get_int(const Json& object, const char* key, int64_t otherwise) {
  return absent(object, key) ? otherwise : get_int(object, key);
}
double get_number(const Json& object, const char* key, double otherwise) {
  return absent(object, key) ? otherwise : get_number(object, key);
}
std::string get_string(const Json& object, const char* key, const std::string& otherwise) {
  return absent(object, key) ? otherwise : get_string(object, key);
}
bool get_bool(const Json& object, const char* key, bool otherwise) {
  return absent(object, key) ? otherwise : get_bool(object, key);
}

}  // namespace loam
