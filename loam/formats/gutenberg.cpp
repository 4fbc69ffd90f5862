#include "loam/formats/gutenberg.h"

#include <algorithm>

#include "loam/base/characters.h"

namespace loam {
namespace {

constexpr size_t kHeaderBytes = 40 << 10;  // no header is longer; the small print of old files has 20 KB
constexpr size_t kFooterBytes = 60 << 10;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
  }
  return out;
}

/// "***START OF THE PROJECT..." and "*** START OF THIS PROJECT..." as "***START OF THIS PROJECT..."; the line without spaces behind its asterisks.
bool is_mark(const std::string& line, std::string_view what) {
  size_t at = 0;
  while (at < line.size() && (line[at] == '*' || line[at] == ' ')) ++at;
  return at > 0 && line[0] == '*' && std::string_view(line).substr(at).starts_with(what);
}

bool starts_book(const std::string& line) {
  return is_mark(line, "START OF TH") || is_mark(line, "START OF PROJECT GUTENBERG") || (line.starts_with("*END") && line.find("SMALL PRINT") != std::string::npos) ||
         (line.starts_with("*END THE SMALL PRINT")) || (line.ends_with("*END*") && line.find("SMALL PRINT") != std::string::npos);
}

bool ends_book(const std::string& line) {
  if (is_mark(line, "END OF TH") || is_mark(line, "END OF PROJECT GUTENBERG") || is_mark(line, "START: FULL LICENSE")) return true;
  return line.starts_with("END OF PROJECT GUTENBERG") || line.starts_with("END OF THE PROJECT GUTENBERG") || line.starts_with("END OF THIS PROJECT GUTENBERG");
}

std::string field(std::string_view header, std::string_view name) {
  size_t at = 0;
  while ((at = header.find(name, at)) != std::string_view::npos) {
    if (at == 0 || header[at - 1] == '\n') break;
    ++at;
  }
  if (at == std::string_view::npos) return "";
  // A long title goes on in indented lines.
  std::string out(trimmed(header.substr(at + name.size(), header.find('\n', at) - at - name.size())));
  size_t line = header.find('\n', at);
  while (line != std::string_view::npos && line + 1 < header.size() && header[line + 1] == ' ') {
    const size_t end = std::min(header.find('\n', line + 1), header.size());
    const std::string_view more = trimmed(header.substr(line + 1, end - line - 1));
    if (more.empty()) break;
    out += ' ';
    out += more;
    line = end;
  }
  return out;
}

}  // namespace

bool begins_as_gutenberg(std::string_view head) {
  const std::string start = upper(head.substr(0, 4096));
  const size_t named = start.find("PROJECT GUTENBERG");
  if (named == std::string::npos || named > 3000) return false;
  const std::string all = upper(head.substr(0, kHeaderBytes));
  for (size_t at = 0; at < all.size();) {
    const size_t end = std::min(all.find('\n', at), all.size());
    if (starts_book(std::string(trimmed(std::string_view(all).substr(at, end - at))))) return true;
    at = end + 1;
  }
  return false;
}

GutenbergBook read_gutenberg(std::string text) {
  GutenbergBook book;
  // The header ends with the last line that starts a book: old files have small print behind a first one.
  size_t begin = 0;
  for (size_t at = 0; at < std::min(text.size(), kHeaderBytes);) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string line = upper(trimmed(std::string_view(text).substr(at, end - at)));
    at = std::min(text.size(), end + 1);
    if (ends_book(line) && !starts_book(line)) break;
    if (starts_book(line)) begin = at;
  }
  const std::string_view header = std::string_view(text).substr(0, begin);
  book.title = field(header, "Title:");
  book.author = field(header, "Author:");
  book.language = field(header, "Language:");
  book.released = field(header, "Release Date:");
  if (book.released.empty()) book.released = field(header, "Posting Date:");
  for (const std::string_view mark : {"[EBook #", "[eBook #", "[Etext #", "[EText #"}) {
    const size_t at = header.find(mark);
    if (at == std::string_view::npos || !book.number.empty()) continue;
    for (size_t p = at + mark.size(); p < header.size() && header[p] >= '0' && header[p] <= '9' && book.number.size() < 9; ++p) book.number += header[p];
  }
  if (const size_t bracket = book.released.find('['); bracket != std::string::npos) book.released = std::string(trimmed(std::string_view(book.released).substr(0, bracket)));
  size_t end = text.size();
  size_t at = std::max(begin, text.size() - std::min(text.size(), kFooterBytes));
  if (at > begin) at = std::min(text.size(), text.find('\n', at - 1) == std::string::npos ? at : text.find('\n', at - 1) + 1);
  for (; at < text.size();) {
    const size_t stop = std::min(text.find('\n', at), text.size());
    if (ends_book(upper(trimmed(std::string_view(text).substr(at, stop - at))))) {
      end = at;
      break;
    }
    at = stop + 1;
  }
  std::string_view body = trimmed(std::string_view(text).substr(begin, end - begin));
  // "Produced by ..." up to the next empty line.
  if (begin > 0) {
    const std::string first = upper(body.substr(0, 100));
    if (first.starts_with("PRODUCED BY") || first.starts_with("E-TEXT PREPARED BY") || first.starts_with("THIS ETEXT WAS PREPARED BY") || first.starts_with("THIS EBOOK WAS PRODUCED BY")) {
      const size_t gap = body.find("\n\n");
      if (gap != std::string_view::npos && gap < 2000) body = trimmed(body.substr(gap));
    }
  }
  book.text = std::string(body);
  if (!book.text.empty()) book.text += '\n';
  return book;
}

}  // namespace loam
