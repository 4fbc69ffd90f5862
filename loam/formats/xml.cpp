#include "loam/formats/xml.h"

#include <algorithm>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr size_t kXmlBlock = 64 << 10, kLongestXmlTag = 64 << 10;

bool space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

}  // namespace

const std::string* XmlEvent::attribute(std::string_view key) const {
  for (const auto& [name_of, value] : attributes) {
    if (name_of == key) return &value;
  }
  return nullptr;
}

std::string xml_text(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  for (size_t at = 0; at < raw.size();) {
    const size_t amp = std::min(raw.find('&', at), raw.size());
    out += raw.substr(at, amp - at);
    at = amp;
    if (at == raw.size()) break;
    const size_t end = raw.substr(at, 12).find(';');
    const std::string_view name = end == std::string_view::npos ? std::string_view() : raw.substr(at + 1, end - 1);
    static constexpr std::pair<std::string_view, char> kNames[] = {{"amp", '&'}, {"lt", '<'}, {"gt", '>'}, {"quot", '"'}, {"apos", '\''}};
    const auto* known = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& each) { return each.first == name; });
    if (known != std::end(kNames)) {
      out += known->second;
      at += end + 1;
      continue;
    }
    if (name.size() > 1 && name[0] == '#') {
      const bool hex = name[1] == 'x' || name[1] == 'X';
      uint32_t code = 0;
      bool good = name.size() > (hex ? 2u : 1u);
      for (const char c : name.substr(hex ? 2 : 1)) {
        const int digit = c >= '0' && c <= '9' ? c - '0' : hex && (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
        good = good && digit >= 0;
        if (good) code = std::min<uint32_t>(0x110000, code * (hex ? 16 : 10) + static_cast<uint32_t>(digit));
      }
      if (good) {
        append_utf8(out, code == 0 ? 0xFFFD : code);
        at += end + 1;
        continue;
      }
    }
    out += raw[at++];
  }
  return out;
}

bool XmlReader::fill() {
  if (ended_) return false;
  if (at_ > kXmlBlock) {
    buffer_.erase(0, at_);
    passed_ += static_cast<int64_t>(at_);
    at_ = 0;
  }
  const size_t had = buffer_.size();
  buffer_.resize(had + kXmlBlock);
  const int64_t n = source_(buffer_.data() + had, static_cast<int64_t>(kXmlBlock));
  buffer_.resize(had + static_cast<size_t>(n));
  ended_ = n == 0;
  return n > 0;
}

bool XmlReader::starts(std::string_view mark) {
  while (buffer_.size() - at_ < mark.size() && fill()) {
  }
  return std::string_view(buffer_).substr(at_).starts_with(mark);
}

bool XmlReader::skip_past(std::string_view mark) {
  for (;;) {
    const size_t found = buffer_.find(mark, at_);
    if (found != std::string::npos) {
      at_ = found + mark.size();
      return true;
    }
    at_ = std::max(at_, buffer_.size() - std::min(buffer_.size(), mark.size() - 1));
    if (!fill()) return false;
  }
}

/// <!DOCTYPE name [ ... ]>: up to the ">" outside its brackets and quotes.
void XmlReader::skip_type() {
  int depth = 0;
  char quote = 0;
  for (;;) {
    if (at_ == buffer_.size() && !fill()) fail(ErrorKind::input, "the document type does not end");
    if (quote == 0 && buffer_[at_] == '<' && starts("<!--")) {
      if (!skip_past("-->")) fail(ErrorKind::input, "a comment in the document type does not end");
      continue;
    }
    const char c = buffer_[at_++];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[') {
      ++depth;
    } else if (c == ']') {
      --depth;
    } else if (c == '>' && depth <= 0) {
      return;
    }
  }
}

void XmlReader::read_tag(XmlEvent& event) {
  char quote = 0;
  size_t end = at_ + 1;
  for (;; ++end) {
    if (end == buffer_.size()) {
      const size_t length = end - at_;
      require_input(length < kLongestXmlTag, "XML: the tag at byte ", position(), " is longer than ", kLongestXmlTag, " bytes");
      require_input(fill(), "XML: the tag at byte ", position(), " does not end");
      end = at_ + length;
    }
    const char c = buffer_[end];
    if (quote != 0) {
      if (c == quote) quote = 0;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '>') {
      break;
    }
    require_input(end - at_ < kLongestXmlTag, "XML: the tag at byte ", position(), " is longer than ", kLongestXmlTag, " bytes");
  }
  std::string_view tag = std::string_view(buffer_).substr(at_ + 1, end - at_ - 1);
  at_ = end + 1;
  event.kind = XmlEvent::start;
  if (tag.starts_with('/')) {
    event.kind = XmlEvent::end;
    tag.remove_prefix(1);
  }
  if (tag.ends_with('/')) {
    event.empty = true;
    tag.remove_suffix(1);
  }
  size_t p = 0;
  while (p < tag.size() && !space(tag[p])) ++p;
  event.name = tag.substr(0, p);
  while (p < tag.size() && event.attributes.size() < 1000) {
    while (p < tag.size() && space(tag[p])) ++p;
    const size_t name = p;
    while (p < tag.size() && tag[p] != '=' && !space(tag[p])) ++p;
    const std::string_view key = tag.substr(name, p - name);
    while (p < tag.size() && space(tag[p])) ++p;
    if (p == tag.size() || tag[p] != '=') {
      if (p == name) break;
      continue;
    }
    ++p;
    while (p < tag.size() && space(tag[p])) ++p;
    if (p == tag.size()) break;
    const bool quoted = tag[p] == '"' || tag[p] == '\'';
    const size_t from = quoted ? p + 1 : p;
    size_t to = from;
    while (to < tag.size() && (quoted ? tag[to] != tag[p] : !space(tag[to]))) ++to;
    event.attributes.emplace_back(key, xml_text(tag.substr(from, to - from)));
    p = std::min(tag.size(), to + (quoted ? 1 : 0));
  }
}

bool XmlReader::next(XmlEvent& event) {
  event = XmlEvent();
  for (;;) {
    if (at_ == buffer_.size() && !fill()) return false;
    if (literal_) {
      while (buffer_.size() - at_ < 3 && fill()) {
      }
      const size_t end = buffer_.find("]]>", at_);
      const size_t to = end != std::string::npos ? end : ended_ ? buffer_.size() : buffer_.size() - 2;
      event.content = buffer_.substr(at_, to - at_);
      at_ = to;
      if (end != std::string::npos) {
        at_ += 3;
        literal_ = false;
      }
      if (!event.content.empty()) return true;
      continue;
    }
    if (buffer_[at_] != '<') {
      size_t end = buffer_.find('<', at_);
      if (end == std::string::npos) {
        // A reference may go on in the next block.
        end = buffer_.size();
        const size_t amp = buffer_.rfind('&');
        if (!ended_ && amp != std::string::npos && amp >= at_ && end - amp < 12 && buffer_.find(';', amp) == std::string::npos) {
          end = amp;
          if (end == at_) {
            if (fill()) continue;
            end = buffer_.size();
          }
        }
      }
      event.content = xml_text(std::string_view(buffer_).substr(at_, end - at_));
      at_ = end;
      return true;
    }
    if (starts("<!--")) {
      if (!skip_past("-->")) return false;
    } else if (starts("<![CDATA[")) {
      at_ += 9;
      literal_ = true;
    } else if (starts("<?")) {
      if (!skip_past("?>")) return false;
    } else if (starts("<!")) {
      at_ += 2;
      skip_type();
    } else {
      read_tag(event);
      return true;
    }
  }
}

}  // namespace loam
