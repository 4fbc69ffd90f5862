// What the elements of a page are called, and what that says about them: content systems name the article and the things
// around it in much the same words everywhere.
//
//   const PageNames names(page);
//   if (names.is(i, kAround)) ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/formats/html_tree.h"

namespace loam {

/// What a node's class, id, role, itemprop and tag say of it; a node may be several.
enum PageRole : uint8_t {
  kAround = 1,       ///< navigation, sharing, comments, related pages, advertisements: never part of the article
  kPerhaps = 2,      ///< author boxes, teasers, captions, metadata: around it, unless there is a lot of text in them
  kLead = 4,         ///< the article's first lines, where they stand apart
  kBody = 8,         ///< the article's body, said plainly ("article-body", itemprop="articleBody")
  kBodyLoose = 16,   ///< perhaps its body, perhaps more ("content", "main-content")
  kSchemaBody = 32,  ///< itemprop="articleBody" itself
  kCaption = 64,     ///< words about a picture
};

class PageNames {
 public:
  explicit PageNames(const HtmlTree& page);
  bool is(int32_t node, uint8_t roles) const { return (roles_[static_cast<size_t>(node)] & roles) != 0; }

 private:
  std::vector<uint8_t> roles_;
};

/// Whether a short piece of text is not the article's but says what comes next or whose a picture is: "Read more: ...",
/// "Related articles", "Photo: ...", in the languages most of the web is written in.
bool is_signpost(std::string_view text);

/// Whether a heading ends the article: what follows are other articles, comments, tags.
bool ends_article(std::string_view heading);

}  // namespace loam
