// An HTML page as a flat tree: nodes in document order, a subtree is a range. Parsed by the rules browsers follow.
//
//   const HtmlTree page = HtmlTree::parse(utf8);
//   for (int32_t i = page[n].first(); i < page[n].end; i = page[i].end) ...   // children of n
//   for (int32_t i = n; i < page[n].end; ++i) if (page[i].tag == Tag::text) ... // all text below n
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace loam {

/// Elements that someone asks for by name; the rest is `other`. The order is that of kTagNames.
enum class Tag : uint8_t {
  text, other,
  a, abbr, address, article, aside, audio, b, base, blockquote, body, br, button, canvas, caption, center, cite, code,
  dd, del, details, dialog, div, dl, dt, em, embed, fieldset, figcaption, figure, font, footer, form, frameset, h1, h2, h3, h4, h5,
  h6, head, header, hr, html, i, iframe, img, input, kbd, label, legend, li, link, listing, main, map, math, menu, meta, nav,
  noscript, object, ol, optgroup, option, p, plaintext, pre, q, rt, rp, ruby, s, samp, script, section, select, small, span, strong, style, sub,
  summary, sup, svg, table, tbody, td, template_, textarea, tfoot, th, thead, time, title, tr, tt, u, ul, var, video, wbr, xmp,
};

std::string_view tag_name(Tag tag);

struct HtmlNode {
  Tag tag = Tag::other;
  int32_t parent = -1;
  int32_t end = 0;                ///< one past the last node below this one
  int32_t attributes = 0, attribute_count = 0;
  std::string_view text;          ///< of a text node, character references resolved
};

class HtmlTree {
 public:
  /// Never fails on account of what the page holds: one whose elements nest deeper than 3,000 or that would need more than
  /// 512 MiB is taken apart without a tree (simple() is then true): text nodes and block elements, all below one body.
  /// `html` is UTF-8 and may be let go afterwards.
  static HtmlTree parse(std::string_view html);
  HtmlTree(HtmlTree&&) noexcept;
  HtmlTree& operator=(HtmlTree&&) noexcept;
  ~HtmlTree();

  int32_t size() const { return static_cast<int32_t>(nodes_.size()); }
  const HtmlNode& operator[](int32_t i) const { return nodes_[static_cast<size_t>(i)]; }
  bool simple() const { return simple_; }

  /// An attribute's value; "" where there is none (`has`, if given, tells the two apart).
  std::string_view attribute(int32_t node, std::string_view name, bool* has = nullptr) const;
  /// The first element of a kind in document order, -1 if there is none.
  int32_t find(Tag tag, int32_t from = 0) const;
  /// All text below a node, white space as in the source.
  std::string raw_text(int32_t node) const;

 private:
  HtmlTree();
  friend class TreeBuilder;
  struct Arena;
  std::unique_ptr<Arena> arena_;  // what the views point into
  std::vector<HtmlNode> nodes_;
  std::vector<std::pair<std::string_view, std::string_view>> attributes_;
  bool simple_ = false;
};

}  // namespace loam
