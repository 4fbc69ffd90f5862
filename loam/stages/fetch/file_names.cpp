#include "loam/stages/fetch/file_names.h"

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr size_t kLongestName = 180;
constexpr size_t kLongestEnding = 24;

void escape_byte(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += "0123456789ABCDEF"[byte >> 4];
  out += "0123456789ABCDEF"[byte & 15];
}

/// Where scheme, host and path lie; size 0 if it is no address of the web.
struct Parts {
  std::string_view scheme, authority, rest;
};
Parts parts_of(std::string_view url) {
  const size_t at = url.find("://");
  if (at == std::string_view::npos) return {};
  const std::string scheme = ascii_lower(url.substr(0, at));
  if (scheme != "http" && scheme != "https") return {};
  const std::string_view rest = url.substr(at + 3);
  const size_t end = rest.find_first_of("/?#");
  return {url.substr(0, at), rest.substr(0, end), end == std::string_view::npos ? std::string_view() : rest.substr(end)};
}

}  // namespace

std::string safe_name(std::string_view name) {
  std::string bytes;
  for (size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '%' && i + 2 < name.size() && hex_value(name[i + 1]) >= 0 && hex_value(name[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_value(name[i + 1]) * 16 + hex_value(name[i + 2]));
      i += 2;
    } else {
      bytes += name[i];
    }
  }
  std::string out;
  for (size_t at = 0; at < bytes.size();) {
    const size_t from = at;
    const char32_t c = next_code_point(bytes, at);
    const bool bad = c < 0x20 || (c >= 0x7f && c < 0xa0) || c == '/' || c == '\\' || c == 0xFFFD;
    out += bad ? "_" : bytes.substr(from, at - from);
  }
  if (out.starts_with('.')) out[0] = '_';
  if (out.size() > kLongestName) {
    const size_t dot = out.find('.', out.size() - kLongestEnding);
    const std::string ending = dot == std::string::npos ? "" : out.substr(dot);
    size_t cut = kLongestName - ending.size();
    while (cut > 0 && (static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;
    out = out.substr(0, cut) + ending;
  }
  if (out.empty() || out == "manifest.json" || out.ends_with(".tmp")) out += "_";
  return out;
}

std::string safe_path(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (!out.empty()) out += '/';
    out += safe_name(part);
  }
  return out.empty() ? "_" : out;
}

std::string name_of_address(std::string_view url) {
  const Parts parts = parts_of(url);
  std::string_view path = parts.rest.substr(0, parts.rest.find_first_of("?#"));
  while (path.ends_with('/')) path.remove_suffix(1);
  const size_t slash = path.rfind('/');
  const std::string_view last = slash == std::string_view::npos ? path : path.substr(slash + 1);
  return safe_name(last.empty() ? parts.authority : last);
}

std::string tidy_address(std::string_view url) {
  url = trimmed(url);
  const Parts parts = parts_of(url);
  if (parts.authority.empty() || url.size() > 8192) return "";
  for (const char c : parts.authority) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '"' || c == '<' || c == '>' || c == '\\') return "";
  }
  std::string out = ascii_lower(parts.scheme) + "://" + std::string(parts.authority);
  if (!parts.rest.starts_with('/')) out += '/';
  for (const char c : parts.rest.substr(0, parts.rest.find('#'))) {
    if (static_cast<unsigned char>(c) <= 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '"' || c == '<' || c == '>' || c == '\\' || c == '^' || c == '`' || c == '{' || c == '|' || c == '}') {
      escape_byte(out, c);
    } else {
      out += c;
    }
  }
  return out;
}

std::string origin_of(std::string_view url) {
  const Parts parts = parts_of(url);
  if (parts.authority.empty()) return "";
  const size_t at = parts.authority.rfind('@');
  return ascii_lower(parts.scheme) + "://" + ascii_lower(at == std::string_view::npos ? parts.authority : parts.authority.substr(at + 1));
}

std::string path_of(std::string_view url) {
  const std::string_view rest = parts_of(url).rest;
  const std::string path(rest.substr(0, rest.find('#')));
  return path.starts_with('/') ? path : "/" + path;
}

std::string escaped(std::string_view text, bool keep_slashes) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' || c == '_' || c == '~' || (keep_slashes && c == '/');
    if (plain) {
      out += c;
    } else {
      escape_byte(out, c);
    }
  }
  return out;
}

}  // namespace loam
