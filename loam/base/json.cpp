#include "loam/base/json.h"

#include <algorithm>
#include <numeric>
#include <vector>

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

/// Builds values by appending. The library's own builder looks through all members of an object for each new one, which
/// takes hours for a file with a million of them; and copies, prints and frees what is nested by recursion.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Json root;
  std::string error;

  bool null() override { return put(Json()); }
  bool boolean(bool value) override { return put(Json(value)); }
  bool number_integer(number_integer_t value) override { return put(Json(value)); }
  bool number_unsigned(number_unsigned_t value) override { return put(Json(value)); }
  bool number_float(number_float_t value, const string_t&) override { return put(Json(value)); }
  bool string(string_t& value) override { return put(Json(std::move(value))); }
  bool binary(binary_t& value) override { return put(Json(std::move(value))); }
  bool key(string_t& value) override {
    key_ = std::move(value);
    return true;
  }
  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override {
    last_of_equals(open_.back()->get_ref<Json::object_t&>());
    return end_array();
  }
  bool end_array() override {
    open_.pop_back();
    return true;
  }
  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    error = e.what();
    return false;
  }

 private:
  static constexpr size_t kDeepest = 1000;
  using Members = std::vector<std::pair<const std::string, Json>>;

  bool put(Json value) { return place(std::move(value)) != nullptr; }
  bool open(Json value) {
    if (open_.size() == kDeepest) {
      error = cat("it nests deeper than ", kDeepest, " levels");
      return false;
    }
    open_.push_back(place(std::move(value)));
    return true;
  }
  Json* place(Json value) {
    if (open_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *open_.back();
    if (parent.is_array()) {
      auto& list = parent.get_ref<Json::array_t&>();
      list.push_back(std::move(value));
      return &list.back();
    }
    Members& members = parent.get_ref<Json::object_t&>();
    members.emplace_back(std::move(key_), std::move(value));
    return &members.back().second;
  }
  /// Of members with one key the last value counts, in the first one's place.
  static void last_of_equals(Json::object_t& object) {
    Members& members = object;
    std::vector<size_t> order(members.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return std::pair(std::string_view(members[a].first), a) < std::pair(std::string_view(members[b].first), b); });
    std::vector<bool> gone(members.size());
    bool any = false;
    for (size_t i = 0; i < order.size();) {
      size_t end = i + 1;
      while (end < order.size() && members[order[end]].first == members[order[i]].first) gone[order[end++]] = any = true;
      if (end > i + 1) members[order[i]].second = std::move(members[order[end - 1]].second);
      i = end;
    }
    if (!any) return;
    Json::object_t kept;
    Members& list = kept;
    for (size_t i = 0; i < members.size(); ++i) {
      if (!gone[i]) list.emplace_back(members[i].first, std::move(members[i].second));
    }
    object = std::move(kept);
  }

  std::vector<Json*> open_;  ///< a container stays where it is while it is filled: nothing is added beside it meanwhile
  std::string key_;
};

}  // namespace

// Time is n log n in the members of an object. Nesting deeper than 1000 levels is refused.
Json parse_json(std::string_view text, std::string_view where) {
  Builder builder;
  const bool whole = Json::sax_parse(text, &builder);
  require_input(whole, where, " is not valid JSON: ", builder.error);
  return std::move(builder.root);
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
  require_input(!value.is_number_unsigned() || value.get<uint64_t>() <= static_cast<uint64_t>(INT64_MAX), "\"", key, "\" is ", to_line(value), ", over 2^63 - 1");
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
