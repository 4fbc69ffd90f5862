// XML as a stream of tags and text, for dumps and book packages: no tree, no document types, no entities but the five.
//
//   XmlReader xml(open_bytes("dump.xml.bz2"));
//   XmlEvent e;
//   while (xml.next(e)) if (e.kind == XmlEvent::start && e.name == "page") ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "loam/formats/bytes.h"

namespace loam {

struct XmlEvent {
  enum Kind { start, end, text } kind = text;
  std::string name;                                             ///< as written, prefix and all
  std::vector<std::pair<std::string, std::string>> attributes;  ///< of a start
  bool empty = false;                                           ///< <name/>: no end follows
  std::string content;                                          ///< of a text: a piece of it, references resolved

  const std::string* attribute(std::string_view key) const;
};

/// Holds one tag (at most 64 KiB) and a block, whatever the file's size. Comments, processing instructions and document
/// types are passed over: what these define is not expanded. Tags need not match.
class XmlReader {
 public:
  explicit XmlReader(ReadBytes source) : source_(std::move(source)) {}
  /// False at the end. Throws Error{input} for a tag or reference that does not end; what the source throws passes through.
  bool next(XmlEvent& event);
  int64_t position() const { return passed_ + static_cast<int64_t>(at_); }  ///< bytes read

 private:
  bool fill();
  bool starts(std::string_view mark);
  bool skip_past(std::string_view mark);
  void skip_type();
  void read_tag(XmlEvent& event);
  ReadBytes source_;
  std::string buffer_;
  size_t at_ = 0;
  int64_t passed_ = 0;
  bool ended_ = false, literal_ = false;  // literal_: inside <![CDATA[
};

/// &amp; &lt; &gt; &quot; &apos; and &#...; resolved; others stay as they are.
std::string xml_text(std::string_view raw);

}  // namespace loam
