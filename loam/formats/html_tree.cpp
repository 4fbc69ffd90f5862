#include "loam/formats/html_tree.h"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csetjmp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <unordered_map>

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr const char* kTagNames[] = {
    "#text", "", "a", "abbr", "address", "article", "aside", "audio", "b", "base", "blockquote", "body", "br", "button", "canvas",
    "caption", "center", "cite", "code", "dd", "del", "details", "dialog", "div", "dl", "dt", "em", "embed", "fieldset", "figcaption",
    "figure", "font", "footer", "form", "frameset", "h1", "h2", "h3", "h4", "h5", "h6", "head", "header", "hr", "html", "i", "iframe",
    "img", "input", "kbd", "label", "legend", "li", "link", "listing", "main", "map", "math", "menu", "meta", "nav", "noscript", "object",
    "ol", "optgroup", "option", "p", "plaintext", "pre", "q", "rt", "rp", "ruby", "s", "samp", "script", "section", "select", "small",
    "span", "strong", "style", "sub", "summary", "sup", "svg", "table", "tbody", "td", "template", "textarea", "tfoot", "th", "thead",
    "time", "title", "tr", "tt", "u", "ul", "var", "video", "wbr", "xmp"};
static_assert(std::size(kTagNames) == static_cast<size_t>(Tag::xmp) + 1);

Tag tag_of(std::string_view name) {
  static const auto* const table = [] {
    auto* names = new std::unordered_map<std::string_view, Tag>;
    for (size_t i = 2; i < std::size(kTagNames); ++i) names->emplace(kTagNames[i], static_cast<Tag>(i));
    return names;
  }();
  const auto it = table->find(name);
  return it == table->end() ? Tag::other : it->second;
}

/// Our name for each of the parser's.
Tag tag_of(GumboTag tag) {
  static const auto table = [] {
    std::array<Tag, GUMBO_TAG_LAST + 1> out = {};
    for (int i = 0; i <= GUMBO_TAG_LAST; ++i) {
      out[static_cast<size_t>(i)] = i >= GUMBO_TAG_UNKNOWN ? Tag::other : tag_of(gumbo_normalized_tagname(static_cast<GumboTag>(i)));
    }
    return out;
  }();
  return table[static_cast<size_t>(tag)];
}

constexpr int kDeepestTag = 3000;                       // the parser's time for a tag grows with the depth it stands at
constexpr size_t kMostBytes = size_t{512} << 20;     // unclosed formatting elements can multiply nodes without bound
constexpr int32_t kMostNodes = 1 << 26;

/// Elements that hold nothing, or that the next of their kind closes.
bool closes_itself(std::string_view name) {
  static constexpr std::string_view kNames[] = {"area", "base", "br", "col", "dd", "dt", "embed", "frame", "hr", "img", "input", "keygen", "li",
                                                "link", "meta", "option", "p", "param", "source", "tbody", "td", "tfoot", "th", "thead", "tr",
                                                "track", "wbr"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

/// The letters and digits of a tag's name at `at`.
std::string_view name_at(std::string_view html, size_t at) {
  size_t end = at;
  while (end < html.size() && (is_letter(html[end]) || is_digit(html[end]))) ++end;
  return html.substr(at, end - at);
}

/// No less than how deep elements nest, counted without a parser.
int nesting(std::string_view html) {
  int depth = 0, deepest = 0;
  for (size_t at = html.find('<'); at != std::string_view::npos && at + 1 < html.size(); at = html.find('<', at + 1)) {
    if (html[at + 1] == '/') {
      if (depth > 0) --depth;
    } else if (is_letter(html[at + 1])) {
      char small[16];
      const std::string_view name = name_at(html, at + 1).substr(0, sizeof small);
      std::transform(name.begin(), name.end(), small, [](char c) { return ascii_lower(c); });
      if (!closes_itself({small, name.size()})) deepest = std::max(deepest, ++depth);
    }
  }
  return deepest;
}

/// Character references to numbers past Unicode's last, which the parser adds up in an int until it overflows, made ones to
/// U+FFFD, which the standard has them be; in place, for they are long enough. False if there is none.
bool tame_references(std::string_view html, std::string& tamed) {
  for (size_t at = html.find("&#"); at != std::string_view::npos; at = html.find("&#", at + 2)) {
    const bool hex = at + 2 < html.size() && (html[at + 2] == 'x' || html[at + 2] == 'X');
    const auto digit = [&](size_t i) { return i < html.size() && (is_digit(html[i]) || (hex && ((html[i] | 0x20) >= 'a' && (html[i] | 0x20) <= 'f'))); };
    const size_t begin = at + 2 + hex;
    size_t first = begin, end = begin;
    while (digit(end)) ++end;
    while (first < end && html[first] == '0') ++first;
    uint32_t value = 0;
    if (end - first <= 7) std::from_chars(html.data() + first, html.data() + end, value, hex ? 16 : 10);
    if (end - first <= 7 && value <= 0x10FFFF) continue;
    if (tamed.empty()) tamed = html;
    const std::string_view instead = hex ? "fffd" : "65533";
    std::fill(tamed.begin() + static_cast<std::ptrdiff_t>(begin), tamed.begin() + static_cast<std::ptrdiff_t>(end - instead.size()), '0');
    tamed.replace(end - instead.size(), instead.size(), instead);
  }
  return !tamed.empty();
}

}  // namespace

std::string_view tag_name(Tag tag) { return kTagNames[static_cast<size_t>(tag)]; }

/// Memory of the parser and of everything the tree's views point at; given back in one go.
struct HtmlTree::Arena {
  static constexpr size_t kBlock = size_t{1} << 18;
  ~Arena() {
    for (void* block : blocks) std::free(block);
  }

  static void* allocate(void* self, size_t bytes) { return static_cast<Arena*>(self)->take(bytes); }
  static void release(void*, void*) {}

  void* take(size_t bytes) {
    bytes = (bytes + 15) & ~size_t{15};
    if (bytes > left) {
      const size_t want = std::max(bytes, std::min(std::max(kBlock, total / 2), size_t{16} << 20));
      void* block = total + want > kMostBytes ? nullptr : std::malloc(want);
      // The parser is C and cannot be told "no": it is left where it stands, which costs nothing but this arena.
      if (block == nullptr) std::longjmp(full, 1);
      blocks.push_back(block);
      total += want;
      next = static_cast<char*>(block);
      left = want;
    }
    void* out = next;
    next += bytes;
    left -= bytes;
    return out;
  }

  std::string source;  // what views point into, where that is not the caller's
  std::vector<void*> blocks;
  char* next = nullptr;
  size_t left = 0, total = 0;
  std::jmp_buf full;
};

HtmlTree::HtmlTree() : arena_(std::make_unique<Arena>()) {}
HtmlTree::HtmlTree(HtmlTree&&) noexcept = default;
HtmlTree& HtmlTree::operator=(HtmlTree&&) noexcept = default;
HtmlTree::~HtmlTree() = default;

class TreeBuilder {
 public:
  explicit TreeBuilder(HtmlTree& tree) : tree_(tree) {}

  bool parse(std::string_view html) {
    if (html.size() > kMostBytes / 8 || nesting(html) > kDeepestTag) return false;
    std::string& source = tree_.arena_->source;
    const GumboOutput* output = run(*tree_.arena_, tame_references(html, source) ? source : html);
    if (output == nullptr) return false;
    // Document order, without recursion: a stack of (node, next child).
    std::vector<std::pair<const GumboNode*, unsigned>> open;
    std::vector<int32_t> numbers;
    open.emplace_back(output->root, 0);
    numbers.push_back(add(output->root, -1));
    while (!open.empty()) {
      auto& [node, next] = open.back();
      const GumboVector& children = node->v.element.children;
      if (next == children.length) {
        tree_.nodes_[static_cast<size_t>(numbers.back())].end = tree_.size();
        open.pop_back();
        numbers.pop_back();
        continue;
      }
      const auto* child = static_cast<const GumboNode*>(children.data[next++]);
      if (child->type == GUMBO_NODE_COMMENT) continue;
      if (tree_.size() >= kMostNodes) return false;
      const int32_t number = add(child, numbers.back());
      if (child->type == GUMBO_NODE_ELEMENT || child->type == GUMBO_NODE_TEMPLATE) {
        open.emplace_back(child, 0);
        numbers.push_back(number);
      }
    }
    return true;
  }

  /// Text and block elements, found by scanning for tags.
  void scan(std::string_view html) {
    tree_.simple_ = true;
    tree_.nodes_.clear();
    tree_.attributes_.clear();
    tree_.arena_ = std::make_unique<HtmlTree::Arena>();
    tree_.arena_->source = html;
    const std::string_view source = tree_.arena_->source;
    auto node = [&](Tag tag, std::string_view text = {}) {
      HtmlNode n;
      n.tag = tag;
      n.parent = tree_.size() == 0 ? -1 : 0;
      n.text = text;
      n.end = tree_.size() + 1;
      tree_.nodes_.push_back(n);
    };
    node(Tag::body);
    size_t at = 0;
    while (at < source.size() && tree_.size() < kMostNodes) {
      const size_t tag = std::min(source.find('<', at), source.size());
      if (tag > at) node(Tag::text, resolved(source.substr(at, tag - at)));
      if (tag == source.size()) break;
      const bool closing = tag + 1 < source.size() && source[tag + 1] == '/';
      const std::string name = ascii_lower(name_at(source, tag + 1 + closing).substr(0, 16));
      size_t end = source.find('>', tag);
      if (source.substr(tag, 4) == "<!--") end = source.find("-->", tag);
      if (!closing && (name == "script" || name == "style")) {
        // To the closing tag, whatever stands between.
        size_t close = end;
        while (close != std::string_view::npos && ascii_lower(source.substr(std::min(close, source.size()), name.size() + 2)) != "</" + name) {
          close = source.find("</", close + 1);
        }
        end = close == std::string_view::npos ? close : source.find('>', close);
      } else if (!name.empty()) {
        const Tag kind = tag_of(std::string_view(name));
        if (kind == Tag::p || kind == Tag::div || kind == Tag::br || kind == Tag::li || kind == Tag::tr || (kind >= Tag::h1 && kind <= Tag::h6)) {
          node(kind == Tag::br ? Tag::br : Tag::p);
        }
      }
      at = end == std::string_view::npos ? source.size() : std::min(source.size(), source.find('>', end) + 1);
    }
    tree_.nodes_[0].end = tree_.size();
  }

 private:
  static const GumboOutput* run(HtmlTree::Arena& arena, std::string_view html) {
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = HtmlTree::Arena::allocate;
    options.deallocator = HtmlTree::Arena::release;
    options.userdata = &arena;
    options.max_errors = 0;
    if (setjmp(arena.full) != 0) return nullptr;
    return gumbo_parse_with_options(&options, html.data(), html.size());
  }

  int32_t add(const GumboNode* node, int32_t parent) {
    HtmlNode n;
    n.parent = parent;
    if (node->type == GUMBO_NODE_ELEMENT || node->type == GUMBO_NODE_TEMPLATE) {
      const GumboElement& element = node->v.element;
      n.tag = tag_of(element.tag);
      n.attributes = static_cast<int32_t>(tree_.attributes_.size());
      for (unsigned i = 0; i < element.attributes.length; ++i) {
        const auto* attribute = static_cast<const GumboAttribute*>(element.attributes.data[i]);
        tree_.attributes_.emplace_back(attribute->name, attribute->value);
      }
      n.attribute_count = static_cast<int32_t>(element.attributes.length);
    } else {
      n.tag = Tag::text;
      n.text = node->v.text.text;
    }
    n.end = tree_.size() + 1;
    tree_.nodes_.push_back(n);
    return tree_.size() - 1;
  }

  /// The commonest character references resolved; the result lives in the arena.
  std::string_view resolved(std::string_view text) {
    if (text.find('&') == std::string_view::npos) return text;
    static constexpr std::pair<std::string_view, std::string_view> kNames[] = {
        {"amp;", "&"}, {"lt;", "<"}, {"gt;", ">"}, {"quot;", "\""}, {"apos;", "'"}, {"nbsp;", "\u00A0"}, {"eacute;", "\u00E9"}, {"mdash;", "\u2014"}};
    std::string out;
    for (size_t at = 0; at < text.size();) {
      const size_t amp = std::min(text.find('&', at), text.size());
      out.append(text.substr(at, amp - at));
      if (amp == text.size()) break;
      at = amp + 1;
      if (text.substr(at, 1) == "#") {
        const bool hex = at + 1 < text.size() && (text[at + 1] == 'x' || text[at + 1] == 'X');
        uint32_t value = 0;
        const char* from = text.data() + std::min(text.size(), at + 1 + hex);
        const auto [end, code] = std::from_chars(from, text.data() + text.size(), value, hex ? 16 : 10);
        if (code == std::errc()) {
          append_utf8(out, static_cast<char32_t>(value));
          at = static_cast<size_t>(end - text.data());
          if (at < text.size() && text[at] == ';') ++at;
          continue;
        }
      }
      const auto* known = std::find_if(std::begin(kNames), std::end(kNames), [&](const auto& name) { return text.substr(at).starts_with(name.first); });
      if (known == std::end(kNames)) {
        out += '&';
      } else {
        out += known->second;
        at += known->first.size();
      }
    }
    char* kept = static_cast<char*>(std::malloc(out.size() + 1));
    if (kept == nullptr) throw std::bad_alloc();
    tree_.arena_->blocks.push_back(kept);
    std::memcpy(kept, out.data(), out.size());
    return {kept, out.size()};
  }

  HtmlTree& tree_;
};

HtmlTree HtmlTree::parse(std::string_view html) {
  HtmlTree tree;
  TreeBuilder builder(tree);
  if (!builder.parse(html)) builder.scan(html);
  return tree;
}

std::string_view HtmlTree::attribute(int32_t node, std::string_view name, bool* has) const {
  const HtmlNode& n = (*this)[node];
  for (int32_t i = 0; i < n.attribute_count; ++i) {
    const auto& [key, value] = attributes_[static_cast<size_t>(n.attributes + i)];
    if (key == name) {
      if (has != nullptr) *has = true;
      return value;
    }
  }
  if (has != nullptr) *has = false;
  return {};
}

int32_t HtmlTree::find(Tag tag, int32_t from) const {
  for (int32_t i = from; i < size(); ++i) {
    if ((*this)[i].tag == tag) return i;
  }
  return -1;
}

std::string HtmlTree::raw_text(int32_t node) const {
  std::string out;
  for (int32_t i = node; i < (*this)[node].end; ++i) {
    if ((*this)[i].tag == Tag::text) out += (*this)[i].text;
  }
  return out;
}

}  // namespace loam
