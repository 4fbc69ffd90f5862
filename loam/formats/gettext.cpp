#include "loam/formats/gettext.h"

#include <algorithm>
#include <cstring>

#include "loam/base/error.h"
#include "loam/formats/encoding.h"

namespace loam {
namespace {

/// "Name: value" lines of the entry with the empty source.
std::map<std::string, std::string> header_of(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    out.emplace(line.substr(0, colon), value);
  }
  return out;
}

std::string charset_of(const std::map<std::string, std::string>& header) {
  const auto it = header.find("Content-Type");
  if (it == header.end()) return "";
  const size_t at = it->second.find("charset=");
  if (at == std::string::npos) return "";
  const std::string name = it->second.substr(at + 8);
  return name == "CHARSET" ? "" : name.substr(0, name.find_first_of("; \t"));  // a template's placeholder
}

/// One entry as the file has it: forms of source and translation divided by NULs, the context before an EOT.
void add_entry(GettextCatalogue& out, std::string_view source, std::string_view target, const std::string& charset) {
  auto utf8 = [&](std::string_view bytes) { return decode_text(bytes, charset).text; };
  GettextPair pair;
  if (const size_t eot = source.find('\x04'); eot != std::string_view::npos) {
    pair.context = utf8(source.substr(0, eot));
    source.remove_prefix(eot + 1);
  }
  if (const size_t nul = source.find('\0'); nul != std::string_view::npos) {
    pair.source_plural = utf8(source.substr(nul + 1));
    source = source.substr(0, nul);
  }
  if (source.empty() && pair.context.empty()) {
    if (out.header.empty()) {
      out.header = header_of(utf8(target));
      const auto language = out.header.find("Language");
      if (language != out.header.end()) out.language = language->second;
    }
    return;
  }
  pair.source = utf8(source);
  for (bool more = true; more;) {
    const size_t nul = target.find('\0');
    more = nul != std::string_view::npos;
    pair.targets.push_back(utf8(target.substr(0, nul)));
    if (more) target.remove_prefix(nul + 1);
  }
  pair.target = pair.targets.front();
  if (pair.targets.size() == 1) pair.targets.clear();
  out.pairs.push_back(std::move(pair));
}

/// A quoted string of a .po line, appended. `line` is what stands after the keyword.
void append_quoted(std::string& out, std::string_view line, int64_t number) {
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
  require_input(line.size() >= 2 && line.front() == '"' && line.back() == '"', "line ", number, ": wanted a text in quotes, found ", line.substr(0, 40));
  line = line.substr(1, line.size() - 2);
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] != '\\' || i + 1 == line.size()) {
      out += line[i];
      continue;
    }
    const char c = line[++i];
    static constexpr std::string_view kNames = "ntrabfv", kMeant = "\n\t\r\a\b\f\v";
    if (const size_t at = kNames.find(c); at != std::string_view::npos) {
      out += kMeant[at];
    } else if (c >= '0' && c <= '7') {
      int value = c - '0';
      for (int more = 0; more < 2 && i + 1 < line.size() && line[i + 1] >= '0' && line[i + 1] <= '7'; ++more) value = value * 8 + line[++i] - '0';
      out += static_cast<char>(value);
    } else {
      out += c;
    }
  }
}

}  // namespace

GettextCatalogue read_mo(std::string_view bytes) {
  auto byte = [&](uint64_t at) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[at])); };
  require_input(bytes.size() >= 28, "a .mo file has at least 28 bytes, this one ", bytes.size());
  const uint32_t magic = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
  require_input(magic == 0x950412deu || magic == 0xde120495u, "its first four bytes are not those of a .mo file");
  const bool big = magic == 0xde120495u;
  auto word = [&](uint64_t at) -> uint64_t {
    require_input(at + 4 <= bytes.size(), "a table reaches past the end, byte ", at, " of ", bytes.size());
    return big ? byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3) : byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | byte(at + 3) << 24;
  };
  require_input((word(4) >> 16) <= 1, "its format has major version ", word(4) >> 16, ", wanted 0 or 1");
  const uint64_t count = word(8), sources = word(12), targets = word(16);
  require_input(count <= bytes.size() / 16, "it claims ", count, " entries in ", bytes.size(), " bytes");
  auto text = [&](uint64_t entry) {
    const uint64_t length = word(entry), at = word(entry + 4);
    require_input(at <= bytes.size() && length <= bytes.size() - at, "a text reaches past the end: ", length, " bytes at ", at);
    return bytes.substr(at, length);
  };
  GettextCatalogue out;
  std::string charset;
  // Overlapping texts could make a small file endless: no honest one holds more than its size.
  uint64_t total = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string_view source = text(sources + 8 * i), target = text(targets + 8 * i);
    total += source.size() + target.size();
    require_input(total <= 4 * bytes.size(), "its texts overlap");
    add_entry(out, source, target, charset);
    if (i == 0) charset = charset_of(out.header);
  }
  return out;
}

GettextCatalogue read_po(std::string_view text) {
  GettextCatalogue out;
  std::string charset, source, target, context;
  bool fuzzy = false, has_context = false, has_source = false, has_target = false;
  std::string* into = nullptr;
  int64_t number = 0;
  auto flush = [&] {
    if (has_source && has_target) {
      if (fuzzy && !(source.empty() && !has_context)) {
        ++out.fuzzy;
      } else {
        add_entry(out, has_context ? context + '\x04' + source : source, target, charset);
        if (charset.empty()) charset = charset_of(out.header);
      }
      fuzzy = false;
    }
    has_context = has_source = has_target = false;
    source.clear();
    target.clear();
    context.clear();
    into = nullptr;
  };
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    ++number;
    while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
    while (!line.empty() && (line.back() == ' ' || line.back() == '\t' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.front() == '#') {
      if (has_target) flush();
      if (line.starts_with("#,") && line.find("fuzzy") != std::string_view::npos) fuzzy = true;
      if (line.starts_with("#~")) fuzzy = false;
      continue;
    }
    if (line.front() == '"') {
      require_input(into != nullptr, "line ", number, ": a text in quotes that belongs to no entry");
      append_quoted(*into, line, number);
      continue;
    }
    auto keyword = [&](std::string_view name) {
      if (!line.starts_with(name) || line.size() == name.size() || (line[name.size()] != ' ' && line[name.size()] != '\t' && line[name.size()] != '"')) return false;
      line.remove_prefix(name.size());
      return true;
    };
    if (keyword("msgctxt")) {
      if (has_source) flush();
      has_context = true;
      into = &context;
    } else if (keyword("msgid_plural")) {
      require_input(has_source && !has_target, "line ", number, ": msgid_plural without msgid");
      source += '\0';
      into = &source;
    } else if (keyword("msgid")) {
      if (has_source) flush();
      has_source = true;
      into = &source;
    } else if (line.starts_with("msgstr[")) {
      require_input(has_source, "line ", number, ": msgstr without msgid");
      const size_t close = line.find(']');
      require_input(close != std::string_view::npos, "line ", number, ": msgstr[ without ]");
      line.remove_prefix(close + 1);
      if (has_target) target += '\0';
      has_target = true;
      into = &target;
    } else if (keyword("msgstr")) {
      require_input(has_source, "line ", number, ": msgstr without msgid");
      has_target = true;
      into = &target;
    } else {
      fail(ErrorKind::input, "line ", number, ": wanted msgid, msgstr or a comment, found ", line.substr(0, 40));
    }
    append_quoted(*into, line, number);
  }
  flush();
  return out;
}

}  // namespace loam
