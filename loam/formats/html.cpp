#include "loam/formats/html.h"

#include <algorithm>

#include "loam/base/characters.h"
#include "loam/formats/dates.h"

namespace loam {
namespace {

bool is_html_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f'; }

/// White space runs, no-break spaces included, as one space; ends trimmed.
std::string collapsed(std::string_view text) {
  std::string out;
  bool gap = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool no_break = text[i] == '\xC2' && i + 1 < text.size() && text[i + 1] == '\xA0';
    if (no_break || is_html_space(text[i])) {
      gap = true;
      i += no_break;
      continue;
    }
    if (gap && !out.empty()) out += ' ';
    gap = false;
    out += text[i];
  }
  return out;
}

/// How an element stands in the flow: within a line, on lines of its own, or apart by an empty line.
enum class Flow { line, block, apart };

Flow flow_of(Tag tag) {
  switch (tag) {
    case Tag::p: case Tag::h1: case Tag::h2: case Tag::h3: case Tag::h4: case Tag::h5: case Tag::h6: case Tag::blockquote: case Tag::pre:
    case Tag::listing: case Tag::xmp: case Tag::plaintext: case Tag::table: case Tag::article: case Tag::section: case Tag::dl: case Tag::hr: case Tag::figure:
    case Tag::details: case Tag::main:
      return Flow::apart;
    case Tag::div: case Tag::li: case Tag::ul: case Tag::ol: case Tag::menu: case Tag::dt: case Tag::dd: case Tag::tr: case Tag::caption: case Tag::figcaption:
    case Tag::summary: case Tag::legend: case Tag::fieldset: case Tag::form: case Tag::header: case Tag::footer: case Tag::nav: case Tag::aside:
    case Tag::address: case Tag::center: case Tag::body: case Tag::thead: case Tag::tbody: case Tag::tfoot: case Tag::dialog:
      return Flow::block;
    default:
      return Flow::line;
  }
}

bool is_preformatted(Tag tag) { return tag == Tag::pre || tag == Tag::listing || tag == Tag::xmp || tag == Tag::plaintext; }

/// A table that lays the page out: its cells hold blocks or tables.
bool is_layout(const HtmlTree& page, int32_t table) {
  bool in_cell = false;
  int64_t cells = 0;
  for (int32_t i = table + 1; i < page[table].end; ++i) {
    const Tag tag = page[i].tag;
    if (tag == Tag::td || tag == Tag::th) {
      in_cell = true;
      ++cells;
    }
    if (in_cell && (tag == Tag::table || tag == Tag::div || tag == Tag::ul || tag == Tag::ol || (tag >= Tag::h1 && tag <= Tag::h6))) return true;
  }
  return cells <= 1;
}

class TextWriter {
 public:
  TextWriter(const HtmlTree& page, const std::vector<uint8_t>* skipped) : page_(page), skipped_(skipped) {}

  std::string write(int32_t root) {
    // Open elements with their ends, in place of recursion.
    for (int32_t i = root; i < page_[root].end;) {
      while (!open_.empty() && open_.back().end <= i) leave();
      const HtmlNode& node = page_[i];
      if (node.tag == Tag::text) {
        if (preformatted_ > 0) {
          verbatim(node.text);
        } else {
          words(node.text);
        }
        ++i;
        continue;
      }
      if ((skipped_ != nullptr && (*skipped_)[static_cast<size_t>(i)] != 0) || html_invisible(page_, i)) {
        i = node.end;
        continue;
      }
      enter(i);
      ++i;
    }
    while (!open_.empty()) leave();
    while (!out_.empty() && (out_.back() == '\n' || out_.back() == ' ')) out_.pop_back();
    const size_t first = out_.find_first_not_of('\n');  // code at the very beginning
    return first == 0 || first == std::string::npos ? std::move(out_) : out_.substr(first);
  }

 private:
  struct Open {
    int32_t end;
    Tag tag;
    bool layout;
    int64_t items;  // of a list, or cells of a row
  };

  void enter(int32_t i) {
    const HtmlNode& node = page_[i];
    bool layout = false;
    switch (node.tag) {
      case Tag::br: lines(1, /*add=*/true); break;
      case Tag::li: {
        lines(1);
        Open* list = nearest(Tag::ul, Tag::ol, Tag::menu);
        int64_t depth = -1;
        for (const Open& each : open_) depth += each.tag == Tag::ul || each.tag == Tag::ol || each.tag == Tag::menu;
        marker_ = std::string(static_cast<size_t>(std::clamp<int64_t>(depth, 0, 8)) * 2, ' ');
        if (list != nullptr && list->tag == Tag::ol) {
          marker_ += std::to_string(++list->items) + ". ";
        } else {
          marker_ += "- ";
        }
        break;
      }
      case Tag::ul: case Tag::ol: case Tag::menu:
        lines(nearest(Tag::ul, Tag::ol, Tag::menu) == nullptr ? 2 : 1);
        break;
      case Tag::table:
        layout = is_layout(page_, i);
        lines(2);
        break;
      case Tag::td: case Tag::th: {
        const Open* table = nearest(Tag::table, Tag::table, Tag::table);
        Open* row = nearest(Tag::tr, Tag::tr, Tag::tr);
        if (table == nullptr || table->layout || row == nullptr) {
          lines(1);
        } else {
          if (row->items++ > 0 && !out_.empty() && pending_lines_ == 0) cell_ = true;
        }
        break;
      }
      case Tag::q: words("\""); break;
      default:
        if (const Flow flow = flow_of(node.tag); flow != Flow::line) lines(in_cell() ? (flow == Flow::apart && node.tag != Tag::p ? 1 : 0) : flow == Flow::apart ? 2 : 1);
    }
    if (is_preformatted(node.tag)) ++preformatted_;
    open_.push_back({node.end, node.tag, layout, 0});
  }

  void leave() {
    const Open closed = open_.back();
    open_.pop_back();
    switch (closed.tag) {
      case Tag::ul: case Tag::ol: case Tag::menu:
        lines(nearest(Tag::ul, Tag::ol, Tag::menu) == nullptr ? 2 : 1);
        break;
      case Tag::li: marker_.clear(); lines(1); break;
      case Tag::q: attach("\""); break;
      case Tag::br: case Tag::td: case Tag::th: break;
      default:
        if (const Flow flow = flow_of(closed.tag); flow != Flow::line) {
          if (in_cell()) {
            gap_ = true;
          } else {
            lines(flow == Flow::apart ? 2 : 1);
          }
        }
    }
    if (is_preformatted(closed.tag)) --preformatted_;
  }

  /// Inside a cell of a table that is no layout: blocks there do not break its row.
  bool in_cell() const {
    for (auto it = open_.rbegin(); it != open_.rend(); ++it) {
      if (it->tag == Tag::table) return false;
      if (it->tag == Tag::td || it->tag == Tag::th) {
        for (; it != open_.rend(); ++it) {
          if (it->tag == Tag::table) return !it->layout;
        }
        return false;
      }
    }
    return false;
  }

  Open* nearest(Tag a, Tag b, Tag c) {
    for (auto it = open_.rbegin(); it != open_.rend(); ++it) {
      if (it->tag == a || it->tag == b || it->tag == c) return &*it;
      if ((it->tag == Tag::td || it->tag == Tag::th) && a == Tag::ul) return nullptr;  // a list outside the table
    }
    return nullptr;
  }

  void lines(int count, bool add = false) {
    if (add && preformatted_ > 0) {
      verbatim("\n");
      return;
    }
    if (!marker_.empty() && !add) return;  // an item's first block stands behind its marker
    pending_lines_ = add ? std::min(2, pending_lines_ + count) : std::max(pending_lines_, count);
    cell_ = false;
  }

  /// What stands between the last text and the next.
  void separate() {
    if (pending_lines_ > 0) {
      while (!out_.empty() && out_.back() == ' ') out_.pop_back();
      if (!out_.empty()) {
        size_t there = 0;
        while (there < out_.size() && there < 2 && out_[out_.size() - 1 - there] == '\n') ++there;
        for (; there < static_cast<size_t>(pending_lines_); ++there) out_ += '\n';
      }
    } else if (cell_) {
      out_ += " | ";
    } else if (gap_ && !out_.empty() && out_.back() != ' ' && out_.back() != '\n') {
      out_ += ' ';
    }
    pending_lines_ = 0;
    cell_ = gap_ = false;
    if (!marker_.empty()) {
      out_ += marker_;
      marker_.clear();
    }
  }

  void attach(std::string_view text) {
    gap_ = false;
    separate();
    out_ += text;
  }

  void words(std::string_view text) {
    for (size_t i = 0; i < text.size();) {
      const bool no_break = text[i] == '\xC2' && i + 1 < text.size() && text[i + 1] == '\xA0';
      if (no_break || is_html_space(text[i])) {
        gap_ = true;
        i += no_break ? 2 : 1;
        continue;
      }
      size_t end = i + 1;
      while (end < text.size() && !is_html_space(text[end]) && !(text[end] == '\xC2' && end + 1 < text.size() && text[end + 1] == '\xA0')) ++end;
      separate();
      out_.append(text.substr(i, end - i));
      i = end;
    }
  }

  void verbatim(std::string_view text) {
    if (text.empty()) return;
    if (pending_lines_ > 0 || gap_ || cell_) {
      if (text.find_first_not_of(" \n\t\r") == std::string_view::npos) return;
      separate();
    }
    out_ += text;
  }

  const HtmlTree& page_;
  const std::vector<uint8_t>* skipped_;
  std::string out_, marker_;
  std::vector<Open> open_;
  int pending_lines_ = 0, preformatted_ = 0;
  bool gap_ = false, cell_ = false;
};

/// The value of a key inside JSON text, found without parsing the rest: pages' JSON-LD is often broken.
std::string json_member(std::string_view text, std::string_view key) {
  const std::string quoted = "\"" + std::string(key) + "\"";
  size_t at = text.find(quoted);
  if (at == std::string_view::npos) return "";
  at += quoted.size();
  while (at < text.size() && (is_html_space(text[at]) || text[at] == ':')) ++at;
  if (at >= text.size() || text[at] != '"') return "";
  const size_t end = text.find('"', at + 1);
  return end == std::string_view::npos ? "" : std::string(text.substr(at + 1, end - at - 1));
}

bool web_address(std::string_view url) { return url.starts_with("http://") || url.starts_with("https://"); }

}  // namespace

std::string html_charset(std::string_view bytes) {
  const std::string head = ascii_lower(bytes.substr(0, 4096));
  auto value_at = [&](size_t at) {
    while (at < head.size() && (is_html_space(head[at]) || head[at] == '=' || head[at] == '"' || head[at] == '\'')) ++at;
    const size_t end = head.find_first_of(" \t\r\n\"'/>;?", at);
    return head.substr(at, (end == std::string::npos ? head.size() : end) - at);
  };
  if (head.starts_with("<?xml")) {
    const size_t end = head.find("?>"), at = head.find("encoding");
    if (at < end) return value_at(at + 8);
  }
  for (size_t meta = head.find("<meta"); meta != std::string::npos; meta = head.find("<meta", meta + 1)) {
    const size_t end = head.find('>', meta), at = head.find("charset", meta);
    if (at < end) return value_at(at + 7);
  }
  return "";
}

bool html_invisible(const HtmlTree& page, int32_t node) {
  switch (page[node].tag) {
    case Tag::script: case Tag::style: case Tag::noscript: case Tag::template_: case Tag::svg: case Tag::iframe: case Tag::object: case Tag::embed:
    case Tag::canvas: case Tag::audio: case Tag::video: case Tag::select: case Tag::button: case Tag::input: case Tag::textarea: case Tag::head:
    case Tag::title: case Tag::rp: case Tag::rt: case Tag::frameset: case Tag::map: case Tag::option: case Tag::optgroup:
      return true;
    case Tag::text: return false;
    default: break;
  }
  if (page[node].attribute_count == 0) return false;
  bool hidden = false;
  page.attribute(node, "hidden", &hidden);
  if (hidden || page.attribute(node, "aria-hidden") == "true") return true;
  const std::string_view style = page.attribute(node, "style");
  if (style.empty()) return false;
  std::string tight;
  for (const char c : ascii_lower(style)) {
    if (!is_html_space(c)) tight += c;
  }
  return tight.find("display:none") != std::string::npos || tight.find("visibility:hidden") != std::string::npos;
}

HtmlFacts html_facts(const HtmlTree& page) {
  HtmlFacts facts;
  std::string title, heading, og_title, locale, time, modified;
  auto take = [](std::string& to, std::string_view value) {
    if (to.empty()) to = collapsed(value);
  };
  auto take_date = [](std::string& to, std::string_view value) {
    if (to.empty()) to = iso_date(value);
  };
  for (int32_t i = 0; i < page.size(); ++i) {
    switch (page[i].tag) {
      case Tag::html: take(facts.language, page.attribute(i, "lang")); take(facts.language, page.attribute(i, "xml:lang")); break;
      case Tag::title: take(title, page.raw_text(i)); break;
      case Tag::h1: if (heading.empty()) heading = html_line(page, i); break;
      case Tag::link:
        if (ascii_lower(page.attribute(i, "rel")) == "canonical" && web_address(page.attribute(i, "href"))) take(facts.url, page.attribute(i, "href"));
        break;
      case Tag::meta: {
        std::string name = ascii_lower(page.attribute(i, "property"));
        if (name.empty()) name = ascii_lower(page.attribute(i, "name"));
        if (name.empty()) name = ascii_lower(page.attribute(i, "itemprop"));
        if (name.empty()) name = ascii_lower(page.attribute(i, "http-equiv"));
        const std::string_view value = page.attribute(i, "content");
        if (name == "og:title") take(og_title, value);
        if (name == "og:url" && web_address(value)) take(facts.url, value);
        if (name == "og:locale") take(locale, value);
        if (name == "content-language" || name == "language") take(facts.language, value);
        for (const char* known : {"article:published_time", "og:published_time", "datepublished", "date", "dc.date", "dc.date.issued", "dcterms.created", "dc.date.created",
                                  "pubdate", "publishdate", "publish-date", "publish_date", "parsely-pub-date", "sailthru.date", "article.published", "cxenseparse:recs:publishtime",
                                  "originalpublicationdate", "rnews:datepublished"}) {
          if (name == known) take_date(facts.date, value);
        }
        break;
      }
      case Tag::script:
        if (ascii_lower(page.attribute(i, "type")) == "application/ld+json") take_date(facts.date, json_member(page.raw_text(i), "datePublished"));
        break;
      case Tag::time: take_date(time, page.attribute(i, "datetime")); break;
      default:
        if (page[i].attribute_count > 0 && facts.date.empty() && ascii_lower(page.attribute(i, "itemprop")) == "datepublished") {
          take_date(facts.date, page.attribute(i, "content"));
          take_date(facts.date, page.attribute(i, "datetime"));
        }
    }
  }
  if (facts.date.empty()) facts.date = time;
  facts.title = !og_title.empty() ? og_title : !title.empty() ? title : heading;
  if (facts.language.empty()) facts.language = locale;
  std::replace(facts.language.begin(), facts.language.end(), '_', '-');
  if (facts.language.size() > 16) facts.language.clear();
  return facts;
}

std::string html_text(const HtmlTree& page, int32_t root, const std::vector<uint8_t>* skipped) {
  if (root < 0 || root >= page.size()) return "";
  return TextWriter(page, skipped).write(root);
}

std::string html_line(const HtmlTree& page, int32_t node) {
  std::string text;
  for (int32_t i = node; i < page[node].end;) {
    if (page[i].tag == Tag::text) {
      text += page[i].text;
    } else if (i != node && html_invisible(page, i)) {
      i = page[i].end;
      continue;
    } else if (page[i].tag == Tag::br || flow_of(page[i].tag) != Flow::line) {
      text += ' ';
    }
    ++i;
  }
  return collapsed(text);
}

std::vector<IdentifiedText> texts_with_id(std::string_view html, std::string_view prefix) {
  const HtmlTree page = HtmlTree::parse(html);
  std::vector<IdentifiedText> out;
  for (int32_t i = 0; i < page.size(); ++i) {
    bool has = false;
    const std::string_view id = page.attribute(i, "id", &has);
    if (has && id.starts_with(prefix)) out.push_back({std::string(id), html_line(page, i), page[i].tag});
  }
  return out;
}

}  // namespace loam
