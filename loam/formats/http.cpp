#include "loam/formats/http.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "loam/base/characters.h"
#include "loam/formats/gzip_members.h"

namespace loam {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return ascii_lower(x) == ascii_lower(y); });
}

/// Chunks put together; nothing if the first of them is none.
bool unchunked(std::string_view body, size_t limit, std::string& out, bool& whole) {
  whole = false;
  bool any = false;
  while (out.size() < limit) {
    const size_t line_end = body.substr(0, 256).find('\n');
    if (line_end == std::string_view::npos) return any;
    const std::string_view line = trimmed(body.substr(0, line_end));
    uint64_t size = 0;
    const auto [end, code] = std::from_chars(line.data(), line.data() + line.size(), size, 16);
    if (code != std::errc() || (end != line.data() + line.size() && *end != ';' && *end != ' ')) return any;
    body.remove_prefix(line_end + 1);
    any = true;
    if (size == 0) {
      whole = true;
      return true;
    }
    if (size > body.size()) {
      out.append(body.substr(0, limit));
      return true;
    }
    out.append(body.substr(0, static_cast<size_t>(size)));
    body.remove_prefix(static_cast<size_t>(size));
    if (body.starts_with("\r\n")) {
      body.remove_prefix(2);
    } else if (body.starts_with("\n")) {
      body.remove_prefix(1);
    }
  }
  return any;
}

}  // namespace

std::string header_value(std::string_view block, std::string_view name) {
  while (!block.empty()) {
    size_t end = block.find('\n');
    if (end == std::string_view::npos) end = block.size();
    const std::string_view line = block.substr(0, end);
    const size_t colon = line.find(':');
    if (colon != std::string_view::npos && same_name(trimmed(line.substr(0, colon)), name) && line[0] != ' ' && line[0] != '\t') {
      std::string value(trimmed(line.substr(colon + 1)));
      for (size_t at = end + 1; at < block.size() && (block[at] == ' ' || block[at] == '\t');) {
        const size_t stop = std::min(block.find('\n', at), block.size());
        value += ' ';
        value += trimmed(block.substr(at, stop - at));
        at = stop + 1;
      }
      return value;
    }
    block.remove_prefix(std::min(block.size(), end + 1));
  }
  return "";
}

std::string media_type(std::string_view value, std::string* charset) {
  const size_t semicolon = std::min(value.find(';'), value.size());
  if (charset != nullptr) {
    charset->clear();
    const std::string parameters = ascii_lower(value.substr(semicolon));
    if (const size_t at = parameters.find("charset="); at != std::string::npos) {
      std::string_view name = value.substr(semicolon + at + 8);
      name = name.substr(0, name.find(';'));
      name = trimmed(name);
      while (!name.empty() && (name.front() == '"' || name.front() == '\'')) name.remove_prefix(1);
      while (!name.empty() && (name.back() == '"' || name.back() == '\'')) name.remove_suffix(1);
      *charset = name.substr(0, 64);
    }
  }
  return ascii_lower(trimmed(value.substr(0, semicolon)));
}

HttpAnswer read_http(std::string_view bytes) {
  HttpAnswer answer;
  if (!bytes.starts_with("HTTP/")) return answer;
  // The header ends at the first empty line, whatever its line ends are.
  size_t at = 0, head_end = std::string_view::npos;
  while (at < bytes.size()) {
    const size_t end = bytes.find('\n', at);
    if (end == std::string_view::npos) break;
    if (trimmed(bytes.substr(at, end - at)).empty()) {
      head_end = end + 1;
      break;
    }
    at = end + 1;
  }
  if (head_end == std::string_view::npos) head_end = bytes.size();
  answer.head_bytes = static_cast<int64_t>(head_end);
  const std::string_view head = bytes.substr(0, head_end);
  const size_t space = head.find(' ');
  if (space != std::string_view::npos) std::from_chars(head.data() + space + 1, head.data() + std::min(head.size(), space + 4), answer.status);
  const std::string_view fields = head.substr(std::min(head.size(), head.find('\n') + 1));
  answer.media = media_type(header_value(fields, "content-type"), &answer.charset);
  answer.transfer = ascii_lower(header_value(fields, "transfer-encoding"));
  answer.coding = ascii_lower(header_value(fields, "content-encoding"));
  answer.modified = header_value(fields, "last-modified");
  return answer;
}

std::string http_body(std::string_view body, const HttpAnswer& answer, int64_t limit, bool* whole) {
  bool all = true;
  std::string held;
  const auto most = static_cast<size_t>(limit);
  if (answer.transfer.find("chunked") != std::string::npos) {
    std::string joined;
    bool complete = false;
    if (unchunked(body, most, joined, complete)) {
      held = std::move(joined);
      body = held;
      all = complete;
    }
  }
  // Codings are listed in the order they were applied.
  std::vector<std::string> codings;
  for (size_t at = 0; at < answer.coding.size();) {
    const size_t end = std::min(answer.coding.find(',', at), answer.coding.size());
    codings.emplace_back(trimmed(std::string_view(answer.coding).substr(at, end - at)));
    at = end + 1;
  }
  if (codings.size() > 4) codings.clear();  // nobody means that
  for (auto coding = codings.rbegin(); coding != codings.rend(); ++coding) {
    if (*coding == "identity" || coding->empty()) continue;
    std::string unpacked;
    const bool good = unpack_bytes(body, *coding, limit, unpacked);
    // Many archives hold bodies already unpacked, with the header left as it came.
    if (!good && unpacked.empty()) break;
    all = all && good;
    held = std::move(unpacked);
    body = held;
  }
  if (whole != nullptr) *whole = all && body.size() < most;
  return std::string(body.substr(0, most));
}

}  // namespace loam
