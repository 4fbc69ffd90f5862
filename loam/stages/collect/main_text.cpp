#include "loam/stages/collect/main_text.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/formats/html.h"
#include "loam/stages/collect/page_names.h"
#include "loam/stages/collect/schema_text.h"

namespace loam {
namespace {

// Bytes of words. A page's prose comes in pieces this long or longer.
constexpr int32_t kProse = 60;
constexpr int32_t kArticle = 250;      // an article's body has that much
constexpr int32_t kPerhapsLimit = 300; // boxes whose names say little are left out up to this much text

bool is_block(Tag tag) {
  switch (tag) {
    case Tag::p: case Tag::div: case Tag::td: case Tag::th: case Tag::li: case Tag::dd: case Tag::dt: case Tag::blockquote: case Tag::pre: case Tag::section: case Tag::article: case Tag::main:
    case Tag::body: case Tag::table: case Tag::tr: case Tag::tbody: case Tag::ul: case Tag::ol: case Tag::dl: case Tag::h1: case Tag::h2: case Tag::h3: case Tag::h4: case Tag::h5: case Tag::h6:
    case Tag::center: case Tag::figure: case Tag::figcaption: case Tag::aside: case Tag::nav: case Tag::header: case Tag::footer: case Tag::form: case Tag::fieldset: case Tag::details:
      return true;
    default: return false;
  }
}

/// What a page is laid out with; lists and paragraphs belong to the text around them.
bool is_container(Tag tag) {
  switch (tag) {
    case Tag::div: case Tag::section: case Tag::article: case Tag::main: case Tag::center: case Tag::form: case Tag::table: case Tag::tbody: case Tag::tr: case Tag::td: return true;
    default: return false;
  }
}

bool is_heading(Tag tag) { return tag >= Tag::h1 && tag <= Tag::h6; }

class MainText {
 public:
  MainText(const HtmlTree& page, TextMode mode) : page_(page), mode_(mode), names_(page), skipped_(static_cast<size_t>(page.size()), 0), counts_(static_cast<size_t>(page.size())) {}

  std::string find() {
    body_ = std::max(0, page_.find(Tag::body));
    if (page_.simple()) return html_text(page_, body_);
    count();
    mark_around();
    count();
    root_ = mode_ == TextMode::recall ? body_ : choose();
    if (mode_ != TextMode::recall) grow();
    prune();
    std::string text = html_text(page_, root_, &skipped_);
    if (mode_ == TextMode::balanced) text = lead() + text;
    return rescued(std::move(text));
  }

 private:
  struct Counts {
    int32_t text = 0, link = 0;  // bytes of words, and of those inside links
    int32_t running = 0;         // of those in paragraphs that read as prose
    bool blocks = false;         // there are block elements below
  };
  Counts& at(int32_t i) { return counts_[static_cast<size_t>(i)]; }
  bool skipped(int32_t i) const { return skipped_[static_cast<size_t>(i)] != 0; }

  /// Fills counts_ from the leaves up, leaving out what is skipped.
  void count() {
    std::fill(counts_.begin(), counts_.end(), Counts());
    for (int32_t i = 0; i < page_.size();) {
      if (skipped(i) || html_invisible(page_, i)) {
        skipped_[static_cast<size_t>(i)] = 1;
        i = page_[i].end;
        continue;
      }
      if (page_[i].tag == Tag::text) {
        int32_t words = 0;
        for (const char each : page_[i].text) words += each != ' ' && each != '\n' && each != '\t' && each != '\r';
        at(i).text = words;
      }
      ++i;
    }
    for (int32_t i = page_.size() - 1; i > 0; --i) {
      if (skipped(i)) continue;
      Counts& c = at(i);
      const Tag tag = page_[i].tag;
      if (tag == Tag::a) c.link = c.text;
      // Prose: enough words outside links, and no blocks inside that have it already.
      if (is_block(tag)) {
        const int32_t own = c.text - c.link - c.running;
        if (c.running == 0 && own >= kProse && c.link * 2 < c.text) {
          c.running = c.text - c.link;
        } else if (c.running > 0 && own > 100) {
          const int32_t loose = own - block_text(i);
          if (loose > 100) c.running += loose;  // text between its blocks, cut by <br>
        }
      }
      const int32_t parent = page_[i].parent;
      if (parent < 0) continue;
      Counts& p = at(parent);
      p.text += c.text;
      p.link += c.link;
      p.running += c.running;
      p.blocks = p.blocks || c.blocks || is_block(tag);
    }
  }

  /// Words in blocks directly below that are no prose themselves.
  int32_t block_text(int32_t i) {
    int32_t total = 0;
    for (int32_t child = i + 1; child < page_[i].end; child = page_[child].end) {
      if (!skipped(child) && is_block(page_[child].tag)) total += at(child).text - at(child).link - at(child).running;
    }
    return total;
  }

  /// Calls `use` for each element below `root` that is not skipped; where it returns true the element is skipped.
  template <typename Use>
  void skip_where(int32_t root, Use use) {
    for (int32_t i = root + 1; i < page_[root].end;) {
      if (page_[i].tag == Tag::text) {
        ++i;
      } else if (skipped(i) || use(i)) {
        skipped_[static_cast<size_t>(i)] = 1;
        i = page_[i].end;
      } else {
        ++i;
      }
    }
  }

  void mark_around() {
    // What holds the page's own article is not around it, whatever it is called ("left-side").
    std::vector<uint8_t> holds(counts_.size(), 0);
    for (int32_t i = page_.size() - 1; i > 0; --i) {
      const bool body = names_.is(i, kSchemaBody) && at(i).text >= 140;
      if (body) holds[static_cast<size_t>(i)] |= 1;
      if (page_[i].tag == Tag::h1 && !skipped(i)) holds[static_cast<size_t>(i)] |= 2;
      if (holds[static_cast<size_t>(i)] != 0 && page_[i].parent >= 0) holds[static_cast<size_t>(page_[i].parent)] |= holds[static_cast<size_t>(i)];
    }
    const int32_t total = std::max(1, at(body_).running);
    skip_where(body_, [&](int32_t i) {
      const uint8_t held = holds[static_cast<size_t>(i)];
      if ((held & 1) != 0 || at(i).running * 2 >= total || (held != 0 && at(i).running >= 2 * kArticle && page_[i].tag != Tag::aside)) return false;
      if (page_[i].tag == Tag::header) return !inside_article(i);
      if (names_.is(i, kAround)) return !names_.is(i, kBody) || at(i).running < kArticle;
      if (mode_ == TextMode::recall) return false;
      if (names_.is(i, kCaption)) return true;
      if (names_.is(i, kPerhaps)) {
        if (names_.is(i, kBody) || is_heading(page_[i].tag)) return false;
        if (names_.is(i, kLead) && at(i).link * 3 < at(i).text) return false;
        return at(i).running < kPerhapsLimit;
      }
      return false;
    });
  }

  bool inside_article(int32_t i) const {
    for (int32_t up = page_[i].parent; up >= 0; up = page_[up].parent) {
      if (page_[up].tag == Tag::article || page_[up].tag == Tag::main) return true;
    }
    return false;
  }

  /// The element with the most running text among those `fits` takes, and how much the next has that is not inside it.
  template <typename Fits>
  int32_t largest(Fits fits, int32_t* second = nullptr) {
    int32_t best = -1, next = 0;
    for (int32_t i = body_ + 1; i < page_[body_].end; ++i) {
      if (skipped(i)) {
        i = page_[i].end - 1;
        continue;
      }
      if (page_[i].tag == Tag::text || !fits(i)) continue;
      if (best < 0 || at(i).running > at(best).running) {
        if (best >= 0) next = std::max(next, at(best).running);
        best = i;
      } else if (i >= page_[best].end) {
        next = std::max(next, at(i).running);
      }
    }
    if (second != nullptr) *second = next;
    return best;
  }

  int32_t choose() {
    const int32_t total = at(body_).running;
    int32_t best = largest([&](int32_t i) { return names_.is(i, kSchemaBody) && at(i).text >= 140; });
    if (best >= 0) return best;
    if (total == 0) return body_;
    best = largest([&](int32_t i) { return names_.is(i, kBody) && at(i).running >= kArticle && at(i).running * 4 >= total; });
    if (best >= 0) return best;
    int32_t second = 0;
    // The article with the page's only main heading in it.
    int32_t headings = 0;
    for (int32_t i = body_; i < page_[body_].end; ++i) headings += page_[i].tag == Tag::h1 && !skipped(i);
    if (headings == 1) {
      best = largest([&](int32_t i) {
        if (page_[i].tag != Tag::article || at(i).running < 200) return false;
        const int32_t h1 = page_.find(Tag::h1, i);
        return h1 > 0 && h1 < page_[i].end;
      });
      if (best >= 0 && at(best).running * 8 > total) return narrowed(best);
    }
    best = largest([&](int32_t i) { return page_[i].tag == Tag::article && at(i).running >= 200; }, &second);
    // One among many is the page's own if it stands out; a list of teasers has none.
    if (best >= 0 && (at(best).running * (second == 0 ? 3 : 2) > total || (at(best).running > 3 * second && at(best).running * 8 > total))) return narrowed(best);
    best = largest([&](int32_t i) { return page_[i].tag == Tag::main && at(i).running * 3 > total; });
    return narrowed(best >= 0 ? best : body_);
  }

  /// The smallest element below with most of the running text.
  int32_t narrowed(int32_t from) {
    for (;;) {
      int32_t next = -1;
      for (int32_t child = from + 1; child < page_[from].end; child = page_[child].end) {
        if (page_[child].tag != Tag::text && at(child).running * 100 >= at(from).running * 80) next = child;
      }
      if (next < 0 || !is_container(page_[next].tag)) return from;
      from = next;
    }
  }

  /// Text that stands beside the chosen part and is as much prose as it: questions beside answers, modules of one page.
  void grow() {
    const int32_t chosen = root_;
    bool grown = false;
    for (int level = 0; level < 4; ++level) {
      const int32_t parent = page_[root_].parent;
      if (parent <= body_ || root_ == body_ || page_[root_].tag == Tag::article || page_[root_].tag == Tag::main) break;
      int32_t beside = 0;
      std::vector<int32_t> others;
      for (int32_t child = parent + 1; child < page_[parent].end; child = page_[child].end) {
        if (child == root_ || page_[child].tag == Tag::text || skipped(child)) continue;
        const bool good = at(child).running >= 150 && at(child).link * 4 < at(child).text && page_[child].tag != Tag::article;
        if (good) {
          beside += at(child).running;
        } else {
          others.push_back(child);
        }
      }
      const bool enough = beside * 5 >= at(root_).running * 2;
      if (enough) {
        for (const int32_t other : others) {
          if (!is_heading(page_[other].tag) && page_[other].tag != Tag::p) skipped_[static_cast<size_t>(other)] = 1;
        }
        root_ = parent;
        grown = true;
      } else if (at(parent).running > at(root_).running) {
        break;
      } else {
        root_ = parent;  // it adds nothing by itself: what is beside it is looked at
      }
    }
    if (!grown) root_ = chosen;
  }

  /// Inside the chosen part: boxes of links, lines that point elsewhere, and what follows the end of the article.
  void prune() {
    const bool recall = mode_ == TextMode::recall;
    if (!recall) cut_ends();
    skip_where(root_, [&](int32_t i) {
      const Counts& c = at(i);
      const Tag tag = page_[i].tag;
      if (c.text == 0 || !is_block(tag)) return false;
      const bool list = tag == Tag::ul || tag == Tag::ol || tag == Tag::table || tag == Tag::div || tag == Tag::section || tag == Tag::dl;
      if (list && c.running == 0 && c.link * 10 > c.text * 6 && c.text < 2000) return true;
      if (tag == Tag::p && c.link * 10 > c.text * 9 && c.text < 80 && !recall) return true;
      if (recall || c.blocks) return false;
      if (c.text < 220 && is_signpost(html_line(page_, i))) {
        return c.text < 90 || c.link * 3 > c.text;
      }
      if (mode_ == TextMode::precision && tag != Tag::li && !is_heading(tag) && tag != Tag::td && tag != Tag::th && c.text < 40) return true;
      return false;
    });
    if (!recall) trim();
  }

  /// Short lines without a sentence before the first prose and after the last: names, dates, labels.
  void trim() {
    std::vector<int32_t> leaves;
    int32_t first = -1, last = -1;
    for (int32_t i = root_ + 1; i < page_[root_].end; ++i) {
      if (skipped(i)) {
        i = page_[i].end - 1;
        continue;
      }
      if (page_[i].tag == Tag::text || !is_block(page_[i].tag) || at(i).blocks || at(i).text == 0) continue;
      leaves.push_back(i);
      if (at(i).running >= kProse) {
        if (first < 0) first = i;
        last = i;
      }
    }
    if (first < 0 || at(root_).running * 10 < at(root_).text * 6) return;
    for (const int32_t i : leaves) {
      const Tag tag = page_[i].tag;
      const bool plain = tag == Tag::p || tag == Tag::div || tag == Tag::section || tag == Tag::header || (is_heading(tag) && i > last);
      if ((i < first || i > last) && plain && at(i).text < 50 && !ends_sentence(html_line(page_, i))) skipped_[static_cast<size_t>(i)] = 1;
    }
  }

  static bool ends_sentence(std::string_view line) {
    for (const std::string_view mark : {".", "!", "?", "\"", "\u201D", "\u2026", ":", ")", "\u3002", "\u00BB"}) {
      if (line.ends_with(mark)) return true;
    }
    return false;
  }

  /// From a heading such as "Related articles" on, what follows it inside its parent is left out.
  void cut_ends() {
    for (int32_t i = root_ + 1; i < page_[root_].end; ++i) {
      if (skipped(i)) {
        i = page_[i].end - 1;
        continue;
      }
      const Tag tag = page_[i].tag;
      const bool short_block = (is_heading(tag) || tag == Tag::p || tag == Tag::div) && !at(i).blocks && at(i).text > 2 && at(i).text < 60;
      if (!short_block || !ends_article(html_line(page_, i))) continue;
      const int32_t parent = page_[i].parent;
      int32_t behind = 0;
      for (int32_t child = page_[i].end; child < page_[parent].end; child = page_[child].end) behind += at(child).running;
      skipped_[static_cast<size_t>(i)] = 1;
      if (behind * 3 > at(root_).running) continue;  // most of the article cannot be what is around it
      for (int32_t child = page_[i].end; child < page_[parent].end; child = page_[child].end) {
        if (is_heading(tag) && is_heading(page_[child].tag) && page_[child].tag <= tag && !ends_article(html_line(page_, child))) break;
        skipped_[static_cast<size_t>(child)] = 1;
      }
    }
  }

  /// The first lines, where they stand between the heading and the chosen part.
  std::string lead() {
    int32_t heading = -1;
    for (int32_t i = body_ + 1; i < root_; ++i) {
      if (page_[i].tag == Tag::h1 && !html_invisible(page_, i)) heading = i;
    }
    std::string out;
    for (int32_t i = heading < 0 ? body_ + 1 : page_[heading].end; i < root_;) {
      const bool outside = page_[i].end <= root_;
      if (page_[i].tag == Tag::text || (outside && (html_invisible(page_, i) || (skipped(i) && !names_.is(i, kLead) && page_[i].tag != Tag::header)))) {
        i = outside ? page_[i].end : i + 1;
        continue;
      }
      if (outside && (heading >= 0 || names_.is(i, kLead)) && is_lead(i)) {
        const std::string text = html_text(page_, i);
        if (text.size() >= 50 && out.size() + text.size() < 1500 && out.find(text) == std::string::npos && out.size() < 900) out += text + "\n\n";
        i = page_[i].end;
        continue;
      }
      ++i;
    }
    return out;
  }

  bool is_lead(int32_t i) {
    const Tag tag = page_[i].tag;
    if (!is_block(tag) || names_.is(i, kCaption) || tag == Tag::li || tag == Tag::td) return false;
    int32_t text = 0, link = 0;
    for (int32_t n = i; n < page_[i].end; ++n) {
      if (page_[n].tag == Tag::text) {
        for (const char each : page_[n].text) text += each != ' ' && each != '\n' && each != '\t' && each != '\r';
      } else if (n != i && is_block(page_[n].tag) && !names_.is(i, kLead)) {
        return false;
      } else if (page_[n].tag == Tag::a) {
        link += static_cast<int32_t>(html_line(page_, n).size());
      }
    }
    if (text < 45 || text > 900 || link * 4 > text) return false;
    return names_.is(i, kLead) || text >= 80;
  }

  /// Where the markup gave little, what the page has elsewhere.
  std::string rescued(std::string text) {
    if (text.size() < (mode_ == TextMode::precision ? 200 : 2000)) {
      std::string schema = schema_article_text(page_);
      if (schema.size() >= 200 && schema.size() > text.size() + text.size() / 2) return schema;
    }
    if (text.size() < 200) {
      // Nothing to speak of: a page of links or labels. All that is visible is better than a stray line of it.
      std::string all = html_text(page_, body_);
      if (text.size() * 5 < all.size()) return all;
    }
    return text;
  }

  const HtmlTree& page_;
  TextMode mode_;
  PageNames names_;
  std::vector<uint8_t> skipped_;
  std::vector<Counts> counts_;
  int32_t body_ = 0, root_ = -1;
};

}  // namespace

TextMode text_mode_named(const std::string& name) {
  if (name == "balanced") return TextMode::balanced;
  if (name == "precision") return TextMode::precision;
  if (name == "recall") return TextMode::recall;
  const std::string near = nearest_name(name, {"balanced", "precision", "recall"});
  fail(ErrorKind::usage, "there is no way to find the main text called \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " Known: balanced, precision, recall");
}

std::string main_text(const HtmlTree& page, TextMode mode) { return MainText(page, mode).find(); }

}  // namespace loam
