// MediaWiki XML dumps (export 0.3 to 0.11): pages with their wiki markup, one after the other.
//
//   WikiDumpReader dump(open_bytes("enwiki-pages-articles.xml.bz2"), 32 << 20);
//   WikiPage page;
//   while (dump.next(page)) if (page.space == 0 && !page.redirects) use(wikitext_text(page.text, ...));
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/xml.h"

namespace loam {

struct WikiPage {
  std::string title, id, time;  ///< time of the revision, ISO 8601
  std::string text;             ///< wiki markup of the last revision in the dump
  int64_t space = 0;            ///< namespace: 0 articles, 1 talk, 10 templates, 14 categories...
  bool redirects = false;       ///< to another page
  bool cut = false;             ///< the text is longer than the limit: its beginning
};

bool begins_as_wiki(std::string_view head);

class WikiDumpReader {
 public:
  /// `limit` bytes of a page's markup are kept.
  WikiDumpReader(ReadBytes source, int64_t limit) : xml_(std::move(source)), limit_(limit) {}
  /// False at the end. Throws Error{input} for XML that is none; what the source throws passes through.
  bool next(WikiPage& page);

  // What the dump says of itself before its first page.
  const std::string& language() const { return language_; }
  /// Where a page is on the web: "https://en.wikipedia.org/wiki/Ada_Lovelace"; "" if the dump does not say.
  std::string address(std::string_view title) const;
  /// The wiki's names of the namespaces whose links are no text: files, media and categories.
  std::shared_ptr<const std::vector<std::string>> unlinked() const { return unlinked_; }

 private:
  XmlReader xml_;
  int64_t limit_;
  std::string language_, base_;
  std::shared_ptr<std::vector<std::string>> unlinked_ = std::make_shared<std::vector<std::string>>();
};

}  // namespace loam
