#include "loam/stages/collect/page_names.h"

#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <unordered_set>

namespace loam {
namespace {

/// Words of class and id lists. They are matched whole; one that ends in '*' matches the beginning of a word.
constexpr std::string_view kAroundWords[] = {
    "nav*", "menu*", "breadcrumb*", "sidebar*", "side", "footer*", "foot", "masthead", "banner*", "toolbar", "topbar", "share*", "sharing*", "social*", "sociable", "addthis*", "related*",
    "recommend*", "suggest*", "outbrain*", "taboola*", "promo*", "sponsor*", "advert*", "ad", "ads", "adsense", "adbox", "werbung", "anzeige", "comment*", "kommentar*", "comentario*", "disqus*", "respond",
    "newsletter*", "subscribe*", "subscription*", "signup", "login*", "cookie*", "consent*", "gdpr", "popup*", "modal*", "overlay*", "pager*", "paginat*", "paging", "tags", "tag-list", "tagcloud", "taglist",
    "keywords", "schlagwort*", "schlagworte", "widget*", "skip", "copyright*", "headerlink", "toc", "sphinxsidebar", "rss", "most", "mostread", "popular*", "trending*", "teasers", "noprint",
    "editsection", "catlinks", "jump", "rating*", "vote*", "poll", "carousel*", "facebook*", "twitter*", "linkedin*", "whatsapp*", "pinterest*", "telegram*", "instagram*", "likes", "read-more", "readmore*",
    "readalso", "moreon", "recirc*", "upsell", "paywall-*", "subscribe-*", "search*", "backtotop", "dropdown*", "accordion-nav", "hidden-print", "sr-only", "visually-hidden", "screen-reader-text", "visuallyhidden",
    "read-time", "readtime", "reading-time", "readingtime", "follow*", "donate*", "donation*", "imprint", "disclaimer*", "interesting*", "citation-info", "printfooter", "postnavi*", "post-nav*",
    "adjacent*", "prevnext", "nextprev", "next-post*", "prev-post*", "nextstory", "mehr-zum-thema", "kaufberater", "bookmark*", "feedback*", "contact-form*", "wpcf7*", "faq-nav", "tooltip*", "loading*", "currentissue",
    "current-issue*", "recipe-actions", "listing-nav", "indicated*", "veja-tambem", "view-more", "seealso", "see-also"};

constexpr std::string_view kPerhapsWords[] = {
    "teaser*", "byline*", "dateline", "author*", "autor*", "bio", "meta", "postmeta*", "metadata", "credits", "credit", "slideshow*", "slide*", "gallery*", "snippet*", "timestamp*", "pubdate*", "published-date*",
    "date", "posted-on", "entry-date", "entry-meta", "entry-footer", "post-footer", "postinfo", "post-info", "infoline", "kicker", "rubrik", "category", "categories", "options", "buttons", "button*", "factbox", "infobox*",
    "asideblock", "box-info", "pullquote*", "profile*", "user-info", "sabox*", "saboxplugin*", "print", "hidden", "cta*", "call-to-action", "list-item", "item-list", "avatar", "update", "appendix", "marginal*", "video*",
    "source", "sources", "extra*", "linkbox*", "more-link", "morelink"};

constexpr std::string_view kCaptionWords[] = {"caption*", "wp-caption*", "imagedescription", "image-description", "img-metadata*", "image-subtitle", "image-caption*", "imagecaption*", "figcaption*", "legend", "bildunterschrift",
                                              "bu", "photo-credit*", "image-credit*", "img-caption*", "picture-caption*", "media-caption*", "photocaption", "photo-caption", "bildtext", "fotocredit", "image-legend", "imginline"};

constexpr std::string_view kLeadWords[] = {"lead", "lede", "intro*", "abstract", "standfirst", "dek", "deck", "perex", "vorspann", "sapo", "chapo", "chapeau", "entradilla", "bajada", "excerpt", "summary", "subline", "subheadline",
                                           "anons", "ingress", "teasertext", "teaser-text", "lead-text", "leadtext", "article-lead", "story-lead", "post-lead", "subtitle*", "unterzeile", "anleser", "zajawka"};

/// Names that say it so plainly that no counting is needed.
constexpr std::string_view kBodyNames[] = {
    "article-body", "articlebody", "article__body", "article_body", "article-content", "article__content", "article_content", "articlecontent", "article-text", "article__text", "article_text", "articletext", "story-body",
    "storybody", "story-content", "story__body", "story_body", "story-text", "entry-content", "entrycontent", "entry-body", "post-content", "post__content", "post_content", "postcontent", "post-body", "postbody", "post-entry",
    "post-text", "blog-content", "body-content", "td-post-content", "mw-parser-output", "mw-content-text", "field-name-body", "field--name-body", "news-content", "news-text", "newstext", "newsbody", "newscontent", "bodycopy",
    "body-copy", "text-content", "single-content", "single__content", "article__main", "article-main", "content__body", "content-body", "contentbody", "artikeltext", "artikel-text", "article-copy", "copytext", "note-text",
    "cuerpo-nota", "nota-cuerpo", "articulo-cuerpo", "article-detail", "news-detail", "articledetail", "detail-text", "body-text", "bodytext", "inner-post-entry", "rich-text", "richtext", "post-inner", "entry-text"};
constexpr std::string_view kBodyLooseNames[] = {"page-content", "main-content", "maincontent", "content-main", "content", "main", "maintext", "article", "post", "story", "entry", "text", "body", "content-area", "blogpost"};

void add_lower(std::string& out, std::string_view text) {
  for (const char c : text) out += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c == '\t' || c == '\n' || c == '\r' || c == '\f' ? ' ' : c;
}

bool separates(char c) { return c == ' ' || c == '-' || c == '_' || c == ':' || c == '/' || c == '.'; }

/// Words in a table: whole ones, and those that are beginnings.
struct Vocabulary {
  template <size_t N>
  explicit Vocabulary(const std::string_view (&words)[N]) {
    for (const std::string_view word : words) {
      if (word.ends_with('*')) {
        beginnings.push_back(word.substr(0, word.size() - 1));
      } else {
        whole.insert(word);
      }
    }
  }
  bool has(std::string_view word) const {
    if (whole.contains(word)) return true;
    return std::any_of(beginnings.begin(), beginnings.end(), [&](std::string_view each) { return word.starts_with(each); });
  }
  std::unordered_set<std::string_view> whole;
  std::vector<std::string_view> beginnings;
};

/// Every word of a name, and every run from a word to its name's end: "post-nav-links" gives post-nav-links, post,
/// nav-links, nav, links.
template <typename Use>
void each_word(std::string_view names, Use use) {
  for (size_t at = 0; at < names.size();) {
    const size_t name_end = std::min(names.find(' ', at), names.size());
    const std::string_view name = names.substr(at, name_end - at);
    for (size_t from = 0; from < name.size();) {
      size_t end = from;
      while (end < name.size() && !separates(name[end])) ++end;
      if (end > from) {
        use(name.substr(from, end - from));
        if (end < name.size()) use(name.substr(from));
      }
      from = end + 1;
    }
    at = name_end + 1;
  }
}

bool holds_name(std::string_view names, std::string_view known) {
  for (size_t at = names.find(known); at != std::string_view::npos; at = names.find(known, at + 1)) {
    const size_t end = at + known.size();
    if ((at == 0 || separates(names[at - 1])) && (end == names.size() || names[end] == ' ')) return true;
  }
  return false;
}

uint8_t roles_of_names(std::string_view names) {
  static const Vocabulary around(kAroundWords), perhaps(kPerhapsWords), caption(kCaptionWords), lead(kLeadWords), loose(kBodyLooseNames);
  uint8_t roles = 0;
  each_word(names, [&](std::string_view word) {
    if (around.has(word)) roles |= kAround;
    if (perhaps.has(word)) roles |= kPerhaps;
    if (caption.has(word)) roles |= kCaption;
    if (lead.has(word)) roles |= kLead;
    if (loose.has(word)) roles |= kBodyLoose;
  });
  for (const std::string_view known : kBodyNames) {
    if (holds_name(names, known)) roles |= kBody;
  }
  return roles;
}

}  // namespace

PageNames::PageNames(const HtmlTree& page) : roles_(static_cast<size_t>(page.size()), 0) {
  std::unordered_map<std::string, uint8_t> known;  // pages repeat their names
  std::string names;
  for (int32_t i = 0; i < page.size(); ++i) {
    const Tag tag = page[i].tag;
    if (tag == Tag::text) continue;
    uint8_t& roles = roles_[static_cast<size_t>(i)];
    const bool heading = tag >= Tag::h1 && tag <= Tag::h6;  // their ids are made from their words
    if (page[i].attribute_count > 0) {
      names.clear();
      add_lower(names, page.attribute(i, "class"));
      if (!heading) {
        names += ' ';
        add_lower(names, page.attribute(i, "id"));
      }
      if (names.size() > 1 && names.size() < 400) {
        const auto it = known.find(names);
        roles = it != known.end() ? it->second : known.emplace(names, roles_of_names(names)).first->second;
      }
      names.clear();
      add_lower(names, page.attribute(i, "itemprop"));
      if (names == "articlebody") roles |= kSchemaBody | kBody;
      if (names == "text") roles |= kBody;
      if (names == "description" || names == "abstract" || names == "alternativeheadline") roles |= kLead;
      if (names == "author" || names == "publisher" || names == "datepublished") roles |= kPerhaps;
      names.clear();
      add_lower(names, page.attribute(i, "role"));
      for (const char* each : {"navigation", "banner", "contentinfo", "complementary", "search", "dialog", "alert", "menu", "menubar", "toolbar"}) {
        if (names == each) roles |= kAround;
      }
    }
    switch (tag) {
      case Tag::nav: case Tag::footer: case Tag::aside: case Tag::form: case Tag::menu: case Tag::dialog: roles |= kAround; break;
      case Tag::figcaption: roles |= kCaption; break;
      case Tag::article: case Tag::main: case Tag::body: case Tag::html: case Tag::blockquote: roles &= static_cast<uint8_t>(~(kAround | kPerhaps | kCaption)); break;
      default: break;
    }
  }
}

namespace {

/// Beginnings of lines that point elsewhere, in lower case. Those with ':' want one behind them (or a line that ends there).
constexpr std::string_view kSignposts[] = {
    "read more", "read also", "read next", "also read", "see also", "related:", "related articles", "related stories", "related coverage", "related content", "related posts", "related news", "recommended", "more on this",
    "more from", "more stories", "most read", "most popular", "you may also like", "you might also like", "click here to", "sign up for", "subscribe to our", "subscribe now", "follow us", "share this", "share on", "advertisement",
    "continue reading", "story continues below", "like this story", "have a tip", "get the latest", "get our", "more great", "don't miss", "see more", "also on", "tell us what you think", "let our news", "sign up", "subscribe to", "want more", "follow him on", "follow her on", "follow us on", "for more information", "this article was originally", "this story was", "advert", "subscribe", "share your", "what do you think", "download the", "join our", "view comments", "show comments", "updated at", "last updated", "published:", "topics:", "topic:", "watch:", "listen:", "photo:", "photos:", "photo by", "photograph:", "image:", "images:", "image credit", "photo credit", "credit:", "picture:", "getty images", "tags:", "filed under",
    "das k\u00F6nnte sie auch interessieren", "das k\u00F6nnte dich auch interessieren", "das thema k\u00F6nnte dich", "auch interessant", "mehr zum thema", "mehr dazu", "lesen sie auch", "lesen sie mehr", "lies auch", "lesen sie hier", "\u00E4hnliche beitr\u00E4ge",
    "\u00E4hnliche artikel", "weitere artikel", "weitere beitr\u00E4ge", "weitere informationen", "weitere themen", "weitere aktuelle", "weiterlesen", "weiterf\u00FChrende", "meistgelesen", "meistdiskutiert", "zum thema", "themen im artikel", "schlagw\u00F6rter", "schlagworte", "stichw\u00F6rter",
    "foto:", "fotos:", "bild:", "bilder:", "quelle:", "quellen:", "titelbild:", "abbildung:", "grafik:", "(foto", "(bild", "beitragsbild", "anzeige", "werbung", "newsletter", "jetzt anmelden", "kommentar schreiben", "kommentieren sie", "teilen auf",
    "lire aussi", "\u00E0 lire aussi", "lire la suite", "voir aussi", "sur le m\u00EAme sujet", "articles li\u00E9s", "cr\u00E9dit photo", "cr\u00E9dits", "photo \u00A9", "publicit\u00E9", "partager",
    "lea tambi\u00E9n", "lea m\u00E1s", "lea:", "lee tambi\u00E9n", "leer m\u00E1s", "le puede interesar", "te puede interesar", "puede interesarle", "puedes ver", "mira:", "mira tambi\u00E9n", "vea tambi\u00E9n", "ver tambi\u00E9n", "temas relacionados", "noticias relacionadas",
    "otras noticias", "s\u00EDguenos", "siguenos", "compartir", "publicidad", "no te pierdas", "leia tamb\u00E9m", "leia mais", "veja tamb\u00E9m", "saiba mais", "not\u00EDcias relacionadas", "compartilhe", "leggi anche", "leggi di pi\u00F9", "vedi anche", "potrebbe interessarti", "articoli correlati",
    "czytaj tak\u017Ce", "czytaj te\u017C", "czytaj wi\u0119cej", "zobacz te\u017C", "zobacz tak\u017Ce", "przeczytaj tak\u017Ce", "dowiedz si\u0119 wi\u0119cej", "\u017Ar\u00F3d\u0142o:", "\u0447\u0438\u0442\u0430\u0439\u0442\u0435 \u0442\u0430\u043A\u0436\u0435", "\u0447\u0438\u0442\u0430\u0439\u0442\u0435 \u0442\u0430\u043A\u043E\u0436", "\u0441\u043C\u043E\u0442\u0440\u0438\u0442\u0435 \u0442\u0430\u043A\u0436\u0435",
    "\u0444\u043E\u0442\u043E:", "lees ook", "lees meer", "bekijk ook", "l\u00E4s ocks\u00E5", "les ogs\u00E5", "l\u00E6s ogs\u00E5"};

constexpr std::string_view kEnds[] = {
    "related", "related articles", "related stories", "related posts", "related content", "related news", "related coverage", "related topics", "recommended", "recommended for you", "you may also like", "you might also like", "more from", "more stories",
    "more news", "most read", "most popular", "trending", "latest news", "comments", "leave a comment", "leave a reply", "post a comment", "join the discussion", "about the author", "share this", "tags", "newsletter",
    "das k\u00F6nnte sie auch interessieren", "das k\u00F6nnte dich auch interessieren", "das k\u00F6nnte ihnen auch gefallen", "auch interessant", "mehr zum thema", "\u00E4hnliche beitr\u00E4ge", "\u00E4hnliche artikel", "weitere artikel", "weitere beitr\u00E4ge", "weitere themen", "weitere nachrichten", "meistgelesen", "meistgelesene artikel", "kommentare",
    "kommentar schreiben", "schreibe einen kommentar", "einen kommentar schreiben", "schreiben sie einen kommentar", "\u00FCber den autor", "\u00FCber die autorin", "schlagw\u00F6rter", "schlagworte", "neueste beitr\u00E4ge", "lesen sie auch", "themen im artikel", "teilen",
    "articles li\u00E9s", "\u00E0 lire aussi", "sur le m\u00EAme sujet", "commentaires", "laisser un commentaire", "temas relacionados", "noticias relacionadas", "otras noticias", "le puede interesar", "te puede interesar", "comentarios", "deja un comentario", "deja una respuesta",
    "veja tamb\u00E9m", "leia tamb\u00E9m", "coment\u00E1rios", "not\u00EDcias relacionadas", "articoli correlati", "commenti", "lascia un commento", "potrebbe interessarti", "zobacz tak\u017Ce", "komentarze", "czytaj tak\u017Ce", "reacties", "gerelateerd", "lees ook"};

/// Lower case for the letters these lists use: ASCII, Latin-1 and Cyrillic.
std::string small(std::string_view text, size_t limit) {
  std::string out;
  for (size_t i = 0; i < text.size() && out.size() < limit; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c + 32);
    } else if (c == 0xC3 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0x80 && static_cast<unsigned char>(text[i + 1]) <= 0x9E) {
      out += text[i];
      out += static_cast<char>(text[++i] + 0x20);
    } else if (c == 0xD0 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) >= 0x90 && static_cast<unsigned char>(text[i + 1]) <= 0xAF) {
      const auto low = static_cast<unsigned char>(text[++i]);
      out += low < 0xA0 ? '\xD0' : '\xD1';
      out += static_cast<char>(low < 0xA0 ? low + 0x20 : low - 0x20);
    } else {
      out += text[i];
    }
  }
  return out;
}

std::string_view bare(std::string_view text) {
  for (const std::string_view mark : {" ", "\n", ">", "\u00BB", "\u2192", "\u25BA", "\u2022", "-", "*", "\u25B6", "[", "(", "+"}) {
    while (text.starts_with(mark)) text.remove_prefix(mark.size());
  }
  return text;
}

}  // namespace

bool is_signpost(std::string_view text) {
  const std::string start = small(bare(text), 64);
  if (start.empty() || start.starts_with("\u00A9")) return true;
  for (const std::string_view known : kSignposts) {
    if (!start.starts_with(known)) continue;
    if (known.ends_with(':')) return true;
    // A whole word: "related" is not the beginning of "relatedness".
    const size_t end = known.size();
    if (end == start.size()) return true;
    const auto next = static_cast<unsigned char>(start[end]);
    if (!((next >= 'a' && next <= 'z') || next >= 0x80)) return true;
  }
  return false;
}

bool ends_article(std::string_view heading) {
  std::string start = small(bare(heading), 80);
  while (!start.empty() && (start.back() == ':' || start.back() == ' ' || start.back() == '!' || start.back() == '.' || (start.back() >= '0' && start.back() <= '9') || start.back() == ')' || start.back() == '(')) start.pop_back();
  return std::find(std::begin(kEnds), std::end(kEnds), start) != std::end(kEnds);
}

}  // namespace loam
