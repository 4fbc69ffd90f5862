#include "loam/formats/wikitext.h"

#include <algorithm>
#include <cstdint>

#include "loam/base/characters.h"
#include "loam/formats/utf8.h"
#include "loam/formats/wikitext_marks.h"
#include "loam/formats/wikitext_templates.h"

namespace loam {
namespace {

using namespace std::string_view_literals;

constexpr int kDeepestMarkup = 100;
constexpr size_t kLongestTag = 2000, kLongestLabel = 2000;  // what is longer is no markup

class Renderer {
 public:
  Renderer(std::string_view source, const WikiContext& context) : s_(source), brackets_(source), context_(context) {}

  std::string render(size_t begin, size_t end, int depth) {
    std::string out;
    if (depth > kDeepestMarkup) return out;
    for (size_t i = begin; i < end;) {
      const char c = s_[i];
      if (brackets_.kinds[i] != Bracket::none && brackets_.ends[i] < end) {
        const size_t close = brackets_.ends[i];
        switch (brackets_.kinds[i]) {
          case Bracket::template_:
            out += templated(i + 2, close, depth);
            i = close + 2;
            break;
          case Bracket::parameter:
            out += parameter(i + 3, close, depth);
            i = close + 3;
            break;
          case Bracket::link:
            out += linked(i + 2, close, depth);
            i = close + 2;
            break;
          default:
            out += "\n" + table(i + 2, close, depth) + "\n";
            i = close + 2;
        }
        continue;
      }
      if (c == '\'' && i + 1 < end && s_[i + 1] == '\'') {
        while (i < end && s_[i] == '\'') ++i;
        continue;
      }
      if (c == '[' && is_address(i + 1, end)) {
        size_t p = i + 1;
        while (p < end && s_[p] != ' ' && s_[p] != ']' && s_[p] != '\n') ++p;
        size_t stop = p;
        for (const size_t limit = std::min(end, p + kLongestLabel); stop < limit && s_[stop] != ']' && s_[stop] != '\n';) stop = brackets_.kinds[stop] != Bracket::none && brackets_.ends[stop] < end ? brackets_.ends[stop] + 2 : stop + 1;
        if (stop < end && s_[stop] == ']') {
          if (p < stop) out += render(p + 1, stop, depth + 1);
          i = stop + 1;
          continue;
        }
      }
      if (c == '<') {
        if (const size_t tag = tag_end(i, end); tag != 0) {
          size_t from = i + 1 + (i + 1 < end && s_[i + 1] == '/');
          std::string name;
          while (from < tag && name.size() < 12 && ascii_lower(s_[from]) >= 'a' && ascii_lower(s_[from]) <= 'z') name += ascii_lower(s_[from++]);
          if (name == "br" || name == "p" || name == "div" || name == "blockquote" || name == "tr" || name == "poem") out += '\n';
          if (name == "li" && s_[i + 1] != '/') out += "\n* ";
          if (name == "td" || name == "th") out += ' ';
          if (name == "sup" && s_[i + 1] != '/') out += '^';
          i = tag;
          continue;
        }
      }
      if (c == '_' && i + 1 < end && s_[i + 1] == '_') {
        size_t p = i + 2;
        while (p < end && s_[p] >= 'A' && s_[p] <= 'Z') ++p;
        if (p > i + 4 && p + 1 < end && s_[p] == '_' && s_[p + 1] == '_') {
          i = p + 2;
          continue;
        }
      }
      out += c;
      ++i;
    }
    return out;
  }

 private:
  bool is_address(size_t at, size_t end) const {
    const std::string_view rest = s_.substr(at, std::min<size_t>(12, end - at));
    for (const std::string_view scheme : {"http://"sv, "https://"sv, "ftp://"sv, "//"sv, "mailto:"sv, "news:"sv, "irc://"sv}) {
      if (rest.starts_with(scheme)) return true;
    }
    return false;
  }

  /// One past the ">" of a tag that begins at `at`; 0 if none does.
  size_t tag_end(size_t at, size_t end) const {
    size_t p = at + 1;
    if (p < end && s_[p] == '/') ++p;
    if (p >= end || ascii_lower(s_[p]) < 'a' || ascii_lower(s_[p]) > 'z') return 0;
    for (const size_t limit = std::min(end, at + kLongestTag); p < limit; ++p) {
      if (s_[p] == '>') return p + 1;
      if (s_[p] == '<') return 0;
    }
    return 0;
  }

  /// Pieces of [begin, end) between `mark`s that are in no bracket.
  std::vector<std::pair<size_t, size_t>> pieces(size_t begin, size_t end, char mark) const {
    std::vector<std::pair<size_t, size_t>> out;
    size_t from = begin;
    for (size_t i = begin; i < end;) {
      if (brackets_.kinds[i] != Bracket::none && brackets_.ends[i] < end) {
        i = brackets_.ends[i] + (brackets_.kinds[i] == Bracket::parameter ? 3 : 2);
      } else if (s_[i] == mark) {
        out.emplace_back(from, i);
        from = ++i;
      } else {
        ++i;
      }
    }
    out.emplace_back(from, end);
    return out;
  }

  std::string parameter(size_t begin, size_t end, int depth) {
    const auto parts = pieces(begin, end, '|');
    return parts.size() < 2 ? "" : render(parts[1].first, parts[1].second, depth + 1);
  }

  std::string templated(size_t begin, size_t end, int depth) {
    const auto parts = pieces(begin, end, '|');
    WikiTemplate t;
    const std::string whole = render(parts[0].first, parts[0].second, depth + 1);
    t.name = ascii_lower(trimmed(whole, kBlanks));
    std::replace(t.name.begin(), t.name.end(), '_', ' ');
    if (t.name.size() > 4000) return "";
    const size_t colon = t.name.find(':');
    const bool function = colon != std::string::npos && t.name.find(' ') > colon;
    if (function) t.arguments.emplace_back("", whole.substr(whole.find(':') + 1));  // keeps its case
    // Most templates have no text: their arguments need not be looked at.
    static constexpr std::string_view kSilent[] = {"infobox", "cite", "citation", "reflist", "efn", "sfn", "navbox", "main", "see also", "use ", "short description", "authority control", "coord", "taxobox", "speciesbox", "harv"};
    for (const std::string_view silent : kSilent) {
      if (t.name.starts_with(silent)) return "";
    }
    for (size_t i = 1; i < parts.size() && i < 2000; ++i) {
      const auto named = pieces(parts[i].first, parts[i].second, '=');
      if (named.size() > 1 && !function) {
        t.arguments.emplace_back(std::string(trimmed(render(named[0].first, named[0].second, depth + 1), kBlanks)), render(named[1].first, parts[i].second, depth + 1));
      } else {
        t.arguments.emplace_back("", render(parts[i].first, parts[i].second, depth + 1));
      }
    }
    return template_text(t, context_.title);
  }

  std::string linked(size_t begin, size_t end, int depth) {
    const auto parts = pieces(begin, end, '|');
    std::string target(trimmed(s_.substr(parts[0].first, parts[0].second - parts[0].first), kBlanks));
    bool shown = false;
    if (target.starts_with(':')) {
      shown = true;
      target.erase(0, 1);
    }
    const size_t colon = target.find(':');
    if (!shown && colon != std::string::npos && colon > 0) {
      const std::string space = ascii_lower(trimmed(std::string_view(target).substr(0, colon), kBlanks));
      static constexpr std::string_view kUnlinked[] = {"file", "image", "media", "category", "datei", "bild", "kategorie", "fichier", "catégorie", "archivo", "imagen", "categoría", "immagine", "categoria", "bestand", "afbeelding", "categorie",
                                                       "plik", "grafika", "kategoria", "ficheiro", "imagem", "файл", "изображение", "категория", "ファイル", "画像", "カテゴリ", "fil", "kategori", "tiedosto", "luokka", "文件", "图像", "分类"};
      if (std::find(std::begin(kUnlinked), std::end(kUnlinked), space) != std::end(kUnlinked)) return "";
      for (const std::string& name : context_.unlinked) {
        if (ascii_lower(name) == space) return "";
      }
      // Another language's page: "fr:Ada Lovelace".
      const bool code = space.size() >= 2 && space.size() <= 3 && std::all_of(space.begin(), space.end(), [](char c) { return c >= 'a' && c <= 'z'; });
      if (code && parts.size() == 1 && space != "tv" && colon + 1 < target.size() && target[colon + 1] != ' ') return "";
    }
    if (parts.size() > 1) {
      std::string label = render(parts[1].first, end, depth + 1);
      if (!trimmed(label, kBlanks).empty()) return label;
      // The pipe trick: without namespace and what is in brackets.
      std::string bare = colon == std::string::npos ? target : target.substr(colon + 1);
      if (const size_t bracket = bare.find(" ("); bracket != std::string::npos) bare.resize(bracket);
      return bare;
    }
    std::string text = render(parts[0].first, parts[0].second, depth + 1);
    if (text.starts_with(':')) text.erase(0, 1);
    return text;
  }

  /// A cell without its attributes: what stands before a single "|", if that looks like them.
  std::string cell(size_t begin, size_t end, int depth) {
    const auto parts = pieces(begin, end, '|');
    if (parts.size() > 1) {
      const std::string_view before = s_.substr(parts[0].first, parts[0].second - parts[0].first);
      if (before.find('=') != std::string_view::npos || trimmed(before, kBlanks).empty()) begin = parts[1].first;
    }
    std::string out = render(begin, end, depth + 1);
    // One line: cells of a row stand beside each other.
    std::string flat;
    for (const char c : trimmed(out, kBlanks)) {
      if (c == '\n') {
        if (!flat.ends_with(' ')) flat += ' ';
      } else {
        flat += c;
      }
    }
    return flat;
  }

  std::string table(size_t begin, size_t end, int depth) {
    std::string out, row;
    bool any = false, in_row = false;
    auto end_row = [&] {
      if (any) out += row + "\n";
      row.clear();
      any = in_row = false;
    };
    auto add = [&](size_t from, size_t to) {
      const std::string text = cell(from, to, depth);
      if (in_row) row += " | ";
      row += text;
      in_row = true;
      any = any || !text.empty();
    };
    // Lines that begin with "|" or "!" begin something; a cell goes on over the lines behind it.
    struct Mark {
      size_t at;
      char kind;      // '|' or '!' a cell, '-' a row, '+' a caption
      size_t length;
    };
    std::vector<Mark> marks;
    bool line = false, header = false;
    for (size_t i = begin; i < end;) {
      if (brackets_.kinds[i] != Bracket::none && brackets_.ends[i] < end) {
        i = brackets_.ends[i] + (brackets_.kinds[i] == Bracket::parameter ? 3 : 2);
        line = false;
        continue;
      }
      const char c = s_[i];
      if (line && (c == '|' || c == '!')) {
        const char next = i + 1 < end ? s_[i + 1] : '\0';
        if (c == '|' && next == '-') {
          marks.push_back({i, '-', 2});
        } else if (c == '|' && next == '+') {
          marks.push_back({i, '+', 2});
        } else {
          marks.push_back({i, c, 1});
        }
        header = c == '!';
        i += marks.back().length;
        line = false;
        continue;
      }
      if ((c == '|' && i + 1 < end && s_[i + 1] == '|') || (header && c == '!' && i + 1 < end && s_[i + 1] == '!')) {
        marks.push_back({i, c, 2});
        i += 2;
        continue;
      }
      if (c == '\n') {
        line = true;
        header = false;
      } else if (c != ' ' && c != '\t') {
        line = false;
      }
      ++i;
    }
    for (size_t m = 0; m < marks.size(); ++m) {
      const size_t from = marks[m].at + marks[m].length, to = m + 1 < marks.size() ? marks[m + 1].at : end;
      if (marks[m].kind == '-') {
        end_row();  // what stands behind it on its line are attributes
      } else if (marks[m].kind == '+') {
        const std::string caption = cell(from, to, depth);
        if (!caption.empty()) out += caption + "\n";
      } else {
        add(from, to);
      }
    }
    end_row();
    return out;
  }

  std::string_view s_;
  Brackets brackets_;
  const WikiContext& context_;
};

/// "()" and "(; born" are left where a template had no text.
std::string without_gaps(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    if ((c == ',' || c == ';' || c == ' ') && !out.empty() && out.back() == '(') continue;
    if (c == ')' && !out.empty() && out.back() == '(') {
      out.pop_back();
      if (out.ends_with(' ') && (i + 1 == line.size() || line[i + 1] == ' ' || line[i + 1] == ',' || line[i + 1] == '.')) out.pop_back();
      continue;
    }
    if (c == ')') {
      while (out.ends_with(' ') || out.ends_with(';') || out.ends_with(',')) out.pop_back();
    }
    if ((c == ',' || c == '.') && out.ends_with(' ') && i > 0 && !(i + 1 < line.size() && line[i + 1] == '.')) out.pop_back();
    out += c;
  }
  while (out.ends_with(' ') || out.ends_with('\t')) out.pop_back();
  return out;
}

struct TextLine {
  std::string text;
  int heading = 0;  // its level
};

/// Lines with their marks made plain; headings without text below them are gone.
std::string arranged(std::string_view text) {
  std::vector<TextLine> lines;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string_view raw = text.substr(at, end - at);
    at = end + 1;
    TextLine line;
    const std::string_view bare = trimmed(raw, kBlanks);
    if (bare.size() >= 3 && bare.front() == '=' && bare.back() == '=') {
      size_t level = 0;
      while (level < 6 && 2 * level + 2 < bare.size() && bare[level] == '=' && bare[bare.size() - 1 - level] == '=') ++level;
      if (level > 0) {
        line.heading = static_cast<int>(level);
        line.text = without_gaps(trimmed(bare.substr(level, bare.size() - 2 * level), kBlanks));
        lines.push_back(std::move(line));
        continue;
      }
    }
    size_t marks = 0;
    while (marks < raw.size() && (raw[marks] == '*' || raw[marks] == '#' || raw[marks] == ':' || raw[marks] == ';')) ++marks;
    if (marks > 0) {
      const char last = raw[marks - 1];
      const std::string item = without_gaps(trimmed(raw.substr(marks), kBlanks));
      if (item.empty()) continue;
      if (last == '*' || last == '#') line.text = std::string(2 * (marks - 1), ' ') + "- ";
      line.text += item;
    } else if (bare.starts_with("----")) {
      continue;
    } else {
      line.text = without_gaps(raw);
    }
    lines.push_back(std::move(line));
  }
  // From the end: a heading stays if there is text below it, or a heading of a lower level that stays.
  std::vector<bool> keep(lines.size(), true);
  bool text_below = false;
  int lowest = 99;  // level of the heading that stays right below
  for (size_t i = lines.size(); i-- > 0;) {
    if (lines[i].heading == 0) {
      text_below = text_below || !lines[i].text.empty();
      continue;
    }
    keep[i] = !lines[i].text.empty() && (text_below || (lowest != 99 && lowest > lines[i].heading));
    if (keep[i]) lowest = lines[i].heading;
    if (!keep[i] && text_below) continue;  // an empty heading: its text belongs to the one above
    text_below = false;
  }
  std::string out;
  int empty = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!keep[i]) continue;
    if (lines[i].text.empty()) {
      ++empty;
      continue;
    }
    if (!out.empty()) out += empty > 0 || lines[i].heading > 0 ? "\n\n" : "\n";
    empty = lines[i].heading > 0 ? 1 : 0;
    out += lines[i].text;
  }
  return out;
}

}  // namespace

std::string wikitext_text(std::string_view markup, const WikiContext& context) {
  const std::string whole = valid_utf8(markup) ? std::string(markup) : repaired_utf8(markup);
  const std::string plain = without_hidden(whole);
  if (plain.size() > UINT32_MAX) return "";
  Renderer renderer(plain, context);
  const std::string text = arranged(without_references(renderer.render(0, plain.size(), 0)));
  return with_literals(text);
}

}  // namespace loam
