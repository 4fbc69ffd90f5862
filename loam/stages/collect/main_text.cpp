#include "loam/stages/collect/main_text.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "loam/formats/html.h"

namespace loam {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

/// Whether one of `words` begins a word of a class or id list ("post-body entry" has the words post, body, entry).
bool has_word(std::string_view names, const std::vector<std::string_view>& words) {
  for (size_t at = 0; at < names.size();) {
    const size_t end = std::min(names.find_first_of(" -_:/.", at), names.size());
    const std::string_view word = names.substr(at, end - at);
    for (const std::string_view known : words) {
      if (word == known || (known.size() >= 5 && word.starts_with(known))) return true;
    }
    at = end + 1;
  }
  return false;
}

/// What content systems call the things around an article.
const std::vector<std::string_view> kAround = {
    "nav", "navbar", "navigation", "menu", "menus", "breadcrumb", "breadcrumbs", "sidebar", "side", "sidebars", "footer", "foot", "masthead", "banner", "toolbar", "topbar", "share",
    "sharing", "sharebar", "social", "socials", "addthis", "related", "recommend", "recommended", "recommendations", "outbrain", "taboola", "promo", "promos", "promotion", "sponsor", "sponsored",
    "advert", "advertisement", "ad", "ads", "adsense", "comment", "comments", "disqus", "respond", "newsletter", "subscribe", "subscription", "signup", "login", "cookie", "cookies",
    "consent", "gdpr", "popup", "modal", "overlay", "pager", "pagination", "paging", "tags", "tagcloud", "taglist", "widget", "widgets", "skip", "print", "copyright", "headerlink", "toc",
    "sphinxsidebar", "navheader", "navfooter", "hidden", "rss", "most", "mostread", "popular", "trending", "teaser", "teasers", "byline", "dateline", "author", "meta", "postmeta", "credits", "noprint",
    "mw-editsection", "editsection", "catlinks", "jump", "infobox-nav", "rating", "vote", "poll", "carousel", "slideshow", "gallery", "caption", "facebook", "twitter", "linkedin", "whatsapp", "pinterest"};

/// What they call the article.
const std::vector<std::string_view> kArticle = {"articlebody", "article", "content", "entry", "post", "story", "main", "body", "text", "blog", "news", "page", "document", "section", "chapter", "bodytext", "prose"};

/// Names that say it so plainly that no counting is needed.
bool names_main(const HtmlTree& page, int32_t i) {
  const std::string item = lower(page.attribute(i, "itemprop"));
  if (item == "articlebody" || item == "text") return true;
  const std::string names = lower(std::string(page.attribute(i, "class")) + " " + std::string(page.attribute(i, "id")));
  for (const std::string_view known :
       {"article-body", "articlebody", "article__body", "article_body", "article-content", "article__content", "articlecontent", "article-text", "articletext", "story-body", "storybody", "story-content",
        "story__body", "entry-content", "entrycontent", "post-content", "postcontent", "post-body", "postbody", "post-entry", "blog-content", "body-content", "page-content", "td-post-content", "mw-parser-output",
        "mw-content-text", "field-name-body", "field--name-body", "news-content", "newsbody", "content-body", "contentbody", "main-content", "maincontent", "text-content", "rich-text", "single-content", "content__body", "article__main", "article-main", "post__content", "post_content", "entry-body", "bodycopy", "articletext"}) {
    for (size_t at = names.find(known); at != std::string::npos; at = names.find(known, at + 1)) {
      const bool begins = at == 0 || names[at - 1] == ' ' || names[at - 1] == '-' || names[at - 1] == '_';
      const size_t end = at + known.size();
      if (begins && (end == names.size() || names[end] == ' ')) return true;
    }
  }
  return false;
}

class MainText {
 public:
  explicit MainText(const HtmlTree& page) : page_(page), skipped_(static_cast<size_t>(page.size()), 0), counts_(static_cast<size_t>(page.size())) {}

  std::string find() {
    body_ = page_.find(Tag::body);
    if (body_ < 0) body_ = 0;
    if (page_.simple()) return html_text(page_, body_);
    count();
    mark_around();
    count();
    const int32_t root = choose();
    prune(root);
    std::string text = html_text(page_, root, &skipped_);
    if (text.size() < 200) {
      // Nothing to speak of: a page of links or labels. All that is visible is better than a stray line of it.
      std::string all = html_text(page_, body_);
      if (text.size() * 5 < all.size()) return all;
    }
    return text;
  }

 private:
  struct Counts {
    int32_t text = 0, link = 0;  // bytes of words, and of those inside links
    int32_t running = 0;         // of those in paragraphs that read as prose
    int32_t commas = 0, paragraphs = 0;
  };
  Counts& at(int32_t i) { return counts_[static_cast<size_t>(i)]; }

  static bool is_block(Tag tag) {
    switch (tag) {
      case Tag::p: case Tag::div: case Tag::td: case Tag::th: case Tag::li: case Tag::dd: case Tag::dt: case Tag::blockquote: case Tag::pre: case Tag::section: case Tag::article: case Tag::main:
      case Tag::body: case Tag::table: case Tag::tr: case Tag::tbody: case Tag::ul: case Tag::ol: case Tag::dl: case Tag::h1: case Tag::h2: case Tag::h3: case Tag::h4: case Tag::h5: case Tag::h6:
      case Tag::center: case Tag::figure: case Tag::figcaption: case Tag::aside: case Tag::nav: case Tag::header: case Tag::footer: case Tag::form: case Tag::fieldset: case Tag::details:
        return true;
      default: return false;
    }
  }

  /// What a page is laid out with; lists and paragraphs belong to the text around them.
  static bool is_container(Tag tag) {
    switch (tag) {
      case Tag::div: case Tag::section: case Tag::article: case Tag::main: case Tag::center: case Tag::form: case Tag::table: case Tag::tbody: case Tag::tr: case Tag::td: return true;
      default: return false;
    }
  }

  /// Fills counts_ from the leaves up, leaving out what is skipped.
  void count() {
    std::fill(counts_.begin(), counts_.end(), Counts());
    for (int32_t i = 0; i < page_.size();) {
      if (skipped_[static_cast<size_t>(i)] != 0 || html_invisible(page_, i)) {
        skipped_[static_cast<size_t>(i)] = 1;
        i = page_[i].end;
        continue;
      }
      if (page_[i].tag == Tag::text) {
        Counts& c = at(i);
        for (const char each : page_[i].text) {
          c.text += each != ' ' && each != '\n' && each != '\t' && each != '\r';
          c.commas += each == ',';
        }
      }
      ++i;
    }
    for (int32_t i = page_.size() - 1; i > 0; --i) {
      if (skipped_[static_cast<size_t>(i)] != 0) continue;
      Counts& c = at(i);
      if (page_[i].tag == Tag::a) c.link = c.text;
      // Prose: enough words outside links, and no blocks inside that have it already.
      if (is_block(page_[i].tag)) {
        const int32_t own = c.text - c.link - own_running(i);
        if (c.running == 0 && own >= 60 && c.link * 2 < c.text) {
          c.running = c.text - c.link;
          c.paragraphs = 1;
        } else if (c.running > 0 && own - block_text(i) > 100) {
          c.running += own - block_text(i);  // text between its blocks, cut by <br>
        }
      }
      const int32_t parent = page_[i].parent;
      if (parent < 0) continue;
      Counts& p = at(parent);
      p.text += c.text;
      p.link += c.link;
      p.running += c.running;
      p.commas += c.commas;
      p.paragraphs += c.paragraphs;
    }
  }

  int32_t own_running(int32_t i) { return at(i).running; }

  /// Words in blocks directly below that are no prose themselves.
  int32_t block_text(int32_t i) {
    int32_t total = 0;
    for (int32_t child = i + 1; child < page_[i].end; child = page_[child].end) {
      if (skipped_[static_cast<size_t>(child)] == 0 && is_block(page_[child].tag)) total += at(child).text - at(child).link - at(child).running;
    }
    return total;
  }

  void mark_around() {
    // What holds the page's own article is not around it, whatever it is called ("left-side").
    std::vector<uint8_t> holds_article(counts_.size(), 0);
    for (int32_t i = page_.size() - 1; i > 0; --i) {
      if (page_[i].attribute_count > 0 && lower(page_.attribute(i, "itemprop")) == "articlebody") holds_article[static_cast<size_t>(i)] = 1;
      if (holds_article[static_cast<size_t>(i)] != 0 && page_[i].parent >= 0) holds_article[static_cast<size_t>(page_[i].parent)] = 1;
    }
    const int32_t total = std::max(1, at(body_).running);
    for (int32_t i = body_ + 1; i < page_[body_].end;) {
      if (page_[i].tag == Tag::text || skipped_[static_cast<size_t>(i)] != 0) {
        i = page_[i].tag == Tag::text ? i + 1 : page_[i].end;
        continue;
      }
      if (is_around(i) && at(i).running * 2 < total && holds_article[static_cast<size_t>(i)] == 0) {
        skipped_[static_cast<size_t>(i)] = 1;
        i = page_[i].end;
      } else {
        ++i;
      }
    }
  }

  bool is_around(int32_t i) {
    const Tag tag = page_[i].tag;
    if (tag == Tag::nav || tag == Tag::footer || tag == Tag::aside || tag == Tag::form || tag == Tag::menu || tag == Tag::dialog) return true;
    if (tag == Tag::header) return !inside_article(i);  // an article's own holds its first lines
    if (tag == Tag::figcaption) return true;
    if (page_[i].attribute_count == 0 || tag == Tag::article || tag == Tag::main || tag == Tag::body || tag == Tag::html || tag == Tag::blockquote) return false;
    const std::string role = lower(page_.attribute(i, "role"));
    for (const char* known : {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alert", "menu", "menubar", "toolbar"}) {
      if (role == known) return true;
    }
    if (role == "main" || names_main(page_, i)) return false;
    const std::string names = lower(std::string(page_.attribute(i, "class")) + " " + std::string(page_.attribute(i, "id")));
    return names.size() > 1 && names.size() < 300 && has_word(names, kAround) && !has_word(names, {"article", "articlebody", "content", "entry", "main", "body", "story"});
  }

  bool inside_article(int32_t i) const {
    for (int32_t up = page_[i].parent; up >= 0; up = page_[up].parent) {
      if (page_[up].tag == Tag::article || page_[up].tag == Tag::main) return true;
    }
    return false;
  }

  int32_t choose() {
    const int32_t total = at(body_).running;
    if (total == 0) return body_;
    // What the page itself says.
    int32_t best = -1;
    for (int32_t i = body_ + 1; i < page_[body_].end; ++i) {
      if (skipped_[static_cast<size_t>(i)] != 0) {
        i = page_[i].end - 1;
        continue;
      }
      const Tag tag = page_[i].tag;
      if (tag == Tag::text || at(i).text < 140) continue;
      if (page_[i].attribute_count > 0 && lower(page_.attribute(i, "itemprop")) == "articlebody") return i;
      if (at(i).running < 250 || at(i).running * 4 < total) continue;
      if ((page_[i].attribute_count > 0 && names_main(page_, i)) && (best < 0 || at(i).running > at(best).running)) best = i;
    }
    if (best >= 0) return best;
    int32_t article = -1, second = 0;  // the longest, and the running text of the next
    for (int32_t i = body_ + 1; i < page_[body_].end; ++i) {
      if (skipped_[static_cast<size_t>(i)] != 0) {
        i = page_[i].end - 1;
        continue;
      }
      if (page_[i].tag != Tag::article || at(i).running < 200) continue;
      if (article < 0 || at(i).running > at(article).running) {
        second = article < 0 ? 0 : at(article).running;
        article = i;
      } else {
        second = std::max(second, at(i).running);
      }
    }
    // One among many is the page's own if it stands out; a list of teasers has none.
    if (article >= 0 && (at(article).running * (second == 0 ? 3 : 2) > total || (at(article).running > 3 * second && at(article).running * 8 > total))) return article;
    int32_t from = body_;
    for (int32_t i = body_ + 1; i < page_[body_].end; ++i) {
      if (skipped_[static_cast<size_t>(i)] != 0) {
        i = page_[i].end - 1;
        continue;
      }
      const bool main = page_[i].tag == Tag::main || lower(page_.attribute(i, "role")) == "main";
      if (main && at(i).running * 3 > total) {
        from = i;
        break;
      }
    }
    // The smallest element with most of the running text.
    for (;;) {
      int32_t next = -1;
      for (int32_t child = from + 1; child < page_[from].end; child = page_[child].end) {
        if (page_[child].tag != Tag::text && at(child).running * 100 >= at(from).running * 80) next = child;
      }
      if (next < 0 || !is_container(page_[next].tag)) return from;
      from = next;
    }
  }

  /// Inside the chosen part: boxes of links, and what is named as being around.
  void prune(int32_t root) {
    for (int32_t i = root + 1; i < page_[root].end;) {
      if (page_[i].tag == Tag::text) {
        ++i;
        continue;
      }
      const Counts& c = at(i);
      bool drop = skipped_[static_cast<size_t>(i)] != 0;
      if (!drop && is_block(page_[i].tag) && c.text > 0) {
        const Tag tag = page_[i].tag;
        const bool list = tag == Tag::ul || tag == Tag::ol || tag == Tag::table || tag == Tag::div || tag == Tag::section || tag == Tag::p || tag == Tag::dl;
        drop = list && c.link * 10 > c.text * (tag == Tag::p ? 9 : 6) && c.text < 2000 && c.running == 0 && (tag != Tag::p || c.text < 80);
      }
      if (drop) {
        skipped_[static_cast<size_t>(i)] = 1;
        i = page_[i].end;
      } else {
        ++i;
      }
    }
  }

  const HtmlTree& page_;
  std::vector<uint8_t> skipped_;
  std::vector<Counts> counts_;
  int32_t body_ = 0;
};

}  // namespace

std::string main_text(const HtmlTree& page) { return MainText(page).find(); }

}  // namespace loam
