#include "loam/text/english_words.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "loam/text/english_classes.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

using namespace english;

/// One word between white space, its characters and where each begins.
struct Chunk {
  std::string_view text;
  int64_t begin = 0;                 ///< of the chunk in the whole text
  std::vector<char32_t> codes;
  std::vector<uint32_t> offsets;     ///< one more than codes

  void read(std::string_view bytes, int64_t at) {
    text = bytes;
    begin = at;
    codes.clear();
    offsets.clear();
    for (const char *p = bytes.data(), *end = p + bytes.size(); p < end;) {
      const Char c = read_char(p, end);
      codes.push_back(c.code == kInvalid ? 0xFFFD : c.code);
      offsets.push_back(static_cast<uint32_t>(p - bytes.data()));
      p += c.bytes;
    }
    offsets.push_back(static_cast<uint32_t>(bytes.size()));
  }
  int size() const { return static_cast<int>(codes.size()); }
  std::string_view part(int from, int to) const {
    return text.substr(offsets[static_cast<size_t>(from)], offsets[static_cast<size_t>(to)] - offsets[static_cast<size_t>(from)]);
  }
};

struct Piece {
  int from, to;  // characters of the chunk
};

class Splitter {
 public:
  Splitter(const Chunk& chunk, bool exceptions, std::vector<Piece>& scratch) : c_(chunk), exceptions_(exceptions), suffixes_(scratch) {}

  void split(std::vector<Piece>& out) {
    int from = 0, to = c_.size();
    suffixes_.clear();
    if (special(from, to) == nullptr) cut_ends(from, to, out);
    if (from < to) {
      if (const Exception* e = special(from, to)) {
        int at = from;
        for (int i = 0; i < e->pieces; ++i) {
          const int begin = at;
          for (uint32_t bytes = e->bytes[i], start = offset(begin); offset(at) - start < bytes;) ++at;
          out.push_back({begin, at});
        }
      } else if (address(from, to)) {
        out.push_back({from, to});
      } else {
        cut_inside(from, to, out);
      }
    }
    out.insert(out.end(), suffixes_.rbegin(), suffixes_.rend());
  }

 private:
  char32_t code(int i) const { return c_.codes[static_cast<size_t>(i)]; }
  uint32_t offset(int i) const { return c_.offsets[static_cast<size_t>(i)]; }
  int bits(int i) const { return english_class(code(i)); }
  const Exception* special(int from, int to) const { return exceptions_ && offset(to) - offset(from) <= kLongestException ? find_exception(c_.part(from, to)) : nullptr; }

  void cut_ends(int& from, int& to, std::vector<Piece>& out) {
    int last = -1;
    while (from < to && to - from != last) {
      if (special(from, to) != nullptr) return;
      last = to - from;
      const int before = prefix(from, to);
      if (before != 0 && from + before < to && special(from + before, to) != nullptr) {
        out.push_back({from, from + before});
        from += before;
        return;
      }
      const int behind = suffix(from + before, to);
      if (behind != 0 && to - behind > from && special(from, to - behind) != nullptr) {
        suffixes_.push_back({to - behind, to});
        to -= behind;
        return;
      }
      if (before != 0) {
        out.push_back({from, from + before});
        from += before;
      }
      if (behind != 0) {
        suffixes_.push_back({to - behind, to});
        to -= behind;
      }
    }
  }

  int prefix(int from, int to) const {
    const char32_t c = code(from);
    if ((bits(from) & kCutsBefore) != 0) return 1;
    if (c == '+') return from + 1 == to || (bits(from + 1) & kDigit) == 0 ? 1 : 0;
    if (c == '.') {
      int n = 1;
      while (from + n < to && code(from + n) == '.') ++n;
      return n >= 2 ? n : 0;
    }
    if (c == 'U' && from + 2 < to && code(from + 1) == 'S' && code(from + 2) == '$') return 3;
    if ((c == 'C' || c == 'A') && from + 1 < to && code(from + 1) == '$') return 2;
    return 0;
  }

  int suffix(int from, int to) const {
    if (from >= to) return 0;
    const int last = to - 1;
    const char32_t c = code(last);
    int best = (bits(last) & kCutsBehind) != 0 ? 1 : 0;
    auto before = [&](int i) { return last - i >= from ? code(last - i) : U'\0'; };
    auto bits_before = [&](int i) { return last - i >= from ? bits(last - i) : 0; };
    if (c == U'…' && before(1) == U'…') return 2;
    if ((c == 's' || c == 'S') && (before(1) == '\'' || before(1) == U'’')) return 2;
    if (c == '.') {
      int n = 1;
      while (before(n) == '.') ++n;
      if (n >= 2) return n;
      const char32_t b = before(1);
      if (before(2) == U'°' && (b == 'F' || b == 'f' || b == 'C' || b == 'c' || b == 'K' || b == 'k')) return 1;
      if ((bits_before(1) & kBeforeStop) != 0) return 1;
      if ((bits_before(1) & kUpper) != 0 && (bits_before(2) & kUpper) != 0) return 1;
      return 0;
    }
    if (c == '+' && (bits_before(1) & kDigit) != 0) return 1;
    if ((bits(last) & kCurrency) != 0) {
      if (c == '$' && before(1) == 'S' && before(2) == 'U' && (bits_before(3) & kDigit) != 0) return 3;
      if (c == '$' && (before(1) == 'C' || before(1) == 'A') && (bits_before(2) & kDigit) != 0) return 2;
      if ((bits_before(1) & kDigit) != 0) best = std::max(best, 1);
    }
    if (c == '%' || (bits(last) & kAlpha) != 0 || c == U'²' || c == U'³') {
      // Only what has a digit in its last characters can end in a unit.
      bool digit = false;
      for (int i = 1; i <= 6; ++i) digit = digit || (bits_before(i) & kDigit) != 0;
      if (digit) best = std::max(best, unit_characters(c_.codes.data() + from, c_.codes.data() + to));
    }
    return best;
  }

  /// Length of a separator that stands at `i` inside [from, to); 0 if none does.
  int infix(int i, int from, int to) const {
    const char32_t c = code(i);
    const int here = bits(i);
    auto bits_at = [&](int at) { return at >= from && at < to ? bits(at) : 0; };
    auto code_at = [&](int at) { return at >= from && at < to ? code(at) : U'\0'; };
    if (c == '.') {
      int n = 1;
      while (code_at(i + n) == '.') ++n;
      if (n >= 2) return n;
      return (bits_at(i - 1) & (kLower | kQuote)) != 0 && (bits_at(i + 1) & (kUpper | kQuote)) != 0 ? 1 : 0;
    }
    if (c == U'…' || (here & kIcon) != 0) return 1;
    if ((c == '+' || c == '-' || c == '*' || c == '^') && (bits_at(i - 1) & kDigit) != 0 && ((bits_at(i + 1) & kDigit) != 0 || code_at(i + 1) == '-')) return 1;
    if (c == ',') return (bits_at(i - 1) & kAlpha) != 0 && (bits_at(i + 1) & kAlpha) != 0 ? 1 : 0;
    const bool word_before = (bits_at(i - 1) & (kAlpha | kDigit)) != 0;
    if (!word_before) return 0;
    if (c == '-') {
      for (int n = 1; n <= 3; ++n) {
        if (n > 1 && code_at(i + n - 1) != '-') break;
        if ((bits_at(i + n) & kAlpha) != 0) return n;
      }
      return 0;
    }
    if (c == U'–' || c == '~' || c == U'—') {
      if ((bits_at(i + 1) & kAlpha) != 0) return 1;
      return c == U'—' && code_at(i + 1) == U'—' && (bits_at(i + 2) & kAlpha) != 0 ? 2 : 0;
    }
    if (c == ':' || c == '<' || c == '>' || c == '=' || c == '/') return (bits_at(i + 1) & kAlpha) != 0 ? 1 : 0;
    return 0;
  }

  void cut_inside(int from, int to, std::vector<Piece>& out) const {
    int start = from;
    for (int i = from; i < to;) {
      const int n = infix(i, from, to);
      if (n == 0) {
        ++i;
        continue;
      }
      if (i != from) {
        if (i != start) out.push_back({start, i});
        out.push_back({i, i + n});
        start = i + n;
      }
      i += n;
    }
    if (start < to) out.push_back({start, to});
  }

  /// A web or mail address: [scheme://][user@]host.name[:port][/path].
  bool address(int from, int to) const {
    bool stop = false;
    for (int i = from + 1; i + 2 < to && !stop; ++i) stop = code(i) == '.';
    if (!stop) return false;
    for (int i = from; i + 2 < to; ++i) {
      const char32_t c = code(i);
      if (c == ':') {
        if (i - from >= 2 && code(i + 1) == '/' && code(i + 2) == '/' && host(i + 3, to, true)) return true;
        break;
      }
      const bool scheme = c == '_' || c == '+' || c == '-' || c == '.' || (c < 0x80 ? (bits(i) & kHost) != 0 : u_isalnum(static_cast<UChar32>(c)) != 0);
      if (!scheme) break;
    }
    return host(from, to, true);
  }

  bool host(int from, int to, bool users) const {
    if (from >= to) return false;
    if (users) {
      for (int i = from + 1; i < to; ++i) {
        if (code(i) == '@' && host(i + 1, to, false)) return true;
      }
    }
    int end = from;
    while (end < to && code(end) != ':' && code(end) != '/' && code(end) != '?' && code(end) != '#') ++end;
    if (!names(from, end) && !numbers(from, end)) return false;
    if (end < to && code(end) == ':') {
      int digits = 0;
      while (end + 1 + digits < to && (bits(end + 1 + digits) & kDigit) != 0) ++digits;
      if (digits < 2 || digits > 5) return false;
      end += 1 + digits;
    }
    return end == to || code(end) == '/' || code(end) == '?' || code(end) == '#';
  }

  bool names(int from, int to) const {
    int dot = -1;
    for (int i = to - 1; i >= from && dot < 0; --i) {
      if (code(i) == '.') dot = i;
    }
    if (dot < 0 || to - dot - 1 < 2 || to - dot - 1 > 63) return false;
    for (int i = dot + 1; i < to; ++i) {
      if ((bits(i) & kLower) == 0) return false;
    }
    for (int label = from; label <= dot;) {
      int end = label;
      while (end < dot && code(end) != '.') ++end;
      if (end == label || end - label > 64) return false;
      for (int i = label; i < end; ++i) {
        const bool inner = i > label && i + 1 < end;
        if ((bits(i) & kHost) == 0 && !(inner && (code(i) == '-' || code(i) == '_'))) return false;
      }
      label = end + 1;
    }
    return true;
  }

  /// A dotted address of four numbers that is in no private network.
  bool numbers(int from, int to) const {
    int values[4] = {}, parts = 0;
    for (int i = from; i < to;) {
      int value = 0, digits = 0;
      while (i < to && (bits(i) & kDigit) != 0 && digits < 4) {
        value = value * 10 + static_cast<int>(code(i) - '0');
        ++i;
        ++digits;
      }
      if (digits == 0 || digits > 3 || parts == 4) return false;
      values[parts++] = value;
      if (i == to) break;
      if (code(i) != '.') return false;
      ++i;
    }
    if (parts != 4 || values[0] < 1 || values[0] > 223 || values[3] < 1 || values[3] > 254 || values[1] > 255 || values[2] > 255) return false;
    const int a = values[0], b = values[1];
    return a != 10 && a != 127 && !(a == 169 && b == 254) && !(a == 192 && b == 168) && !(a == 172 && b >= 16 && b <= 31);
  }

  const Chunk& c_;
  const bool exceptions_;
  std::vector<Piece>& suffixes_;
};

/// Exceptions that the rules cut where they stood inside a longer word are put together again: "Mr.Smith" is "Mr." and
/// "Smith". The longest first, then the leftmost.
void refold(const Chunk& chunk, std::vector<Piece>& pieces) {
  struct Fold {
    size_t first, count;
  };
  std::vector<Fold> folds;
  for (size_t i = 0; i < pieces.size(); ++i) {
    for (size_t n = 2; n <= 8 && i + n <= pieces.size(); ++n) {
      const std::string_view text = chunk.part(pieces[i].from, pieces[i + n - 1].to);
      if (text.size() > kLongestException) break;
      if (find_exception(text) == nullptr) continue;
      Chunk alone;
      alone.read(text, 0);
      std::vector<Piece> cut, scratch;
      Splitter(alone, false, scratch).split(cut);
      bool same = cut.size() == n;
      for (size_t k = 0; same && k < n; ++k) same = cut[k].to == pieces[i + k].to - pieces[i].from;
      if (same) folds.push_back({i, n});
    }
  }
  if (folds.empty()) return;
  std::stable_sort(folds.begin(), folds.end(), [](const Fold& a, const Fold& b) { return a.count > b.count; });
  std::vector<bool> taken(pieces.size());
  std::vector<size_t> length(pieces.size());
  for (const Fold& fold : folds) {
    const bool free = !taken[fold.first] && !taken[fold.first + fold.count - 1];
    if (free) length[fold.first] = fold.count;
    for (size_t k = 0; k < fold.count; ++k) taken[fold.first + k] = true;
  }
  std::vector<Piece> out;
  for (size_t i = 0; i < pieces.size();) {
    if (length[i] == 0) {
      out.push_back(pieces[i++]);
      continue;
    }
    const int begin = pieces[i].from;
    const Exception* e = find_exception(chunk.part(begin, pieces[i + length[i] - 1].to));
    int at = begin;
    for (int k = 0; k < e->pieces; ++k) {
      const int from = at;
      while (chunk.offsets[static_cast<size_t>(at)] - chunk.offsets[static_cast<size_t>(from)] < e->bytes[k]) ++at;
      out.push_back({from, at});
    }
    i += length[i];
  }
  pieces = std::move(out);
}

/// The sentence terminals that spaCy's sentencizer lists: those of Unicode 10 without the Khmer, Samaritan and some others.
bool ends_english_sentence(char32_t c) {
  if (c < 0x80) return c == '.' || c == '!' || c == '?';
  if (!is_sentence_terminal(c)) return false;
  static constexpr char32_t kNotListed[] = {0x61D, 0x61E, 0x837, 0x839, 0x83D, 0x83E, 0x17D4, 0x17D5, 0x17D6, 0x17D9, 0x17DA, 0x1B7D, 0x1B7E, 0x2E53, 0x2E54, 0x10F55, 0x10F56, 0x10F57, 0x10F58, 0x10F59, 0x10F86, 0x10F87,
                                            0x10F88, 0x10F89, 0x11944, 0x11946, 0x11EF7, 0x11EF8, 0x11F43, 0x11F44, 0x16E98};
  return !std::binary_search(std::begin(kNotListed), std::end(kNotListed), c);
}

bool blank_byte(char c) { return static_cast<unsigned char>(c) < 0x80 && (kClasses[static_cast<unsigned char>(c)] & kBlank) != 0; }

/// How many ASCII letters stand at `p`, eight looked at together.
size_t leading_letters(const char* p, const char* end) {
  constexpr uint64_t kOnes = 0x0101010101010101ull, kHigh = 0x80 * kOnes;
  const char* const begin = p;
  for (; end - p >= 8; p += 8) {
    uint64_t bytes;
    std::memcpy(&bytes, p, 8);
    const uint64_t lower = (bytes & ~kHigh) | 0x20 * kOnes;   // 'A' as 'a'; what is no letter becomes none
    const uint64_t letters = (lower + (0x80 - 'a') * kOnes) & ~(lower + (0x7f - 'z') * kOnes) & ~bytes & kHigh;
    if (letters != kHigh) return static_cast<size_t>(p - begin) + static_cast<size_t>(__builtin_ctzll(letters ^ kHigh)) / 8;
  }
  while (p < end && static_cast<unsigned char>(*p) < 0x80 && (kClasses[static_cast<unsigned char>(*p)] & kAlpha) != 0) ++p;
  return static_cast<size_t>(p - begin);
}

/// Of letters alone: is the word one piece?
bool one_piece(std::string_view letters) {
  constexpr size_t kLongestLetters = 12;   // of the exceptions that are letters alone
  const Exception* e = letters.size() > kLongestLetters ? nullptr : find_exception(letters);
  return e == nullptr || e->pieces == 1;
}

/// Of ASCII letters from `begin` and one character at `last`: is that cut off, if the whole is no exception?
bool cut_off_behind(const char* begin, const char* last) {
  const auto c = static_cast<unsigned char>(*last);
  if (c != '.') return c < 0x80 && (kClasses[c] & (kCutsBehind | kCurrency | kAlpha)) == kCutsBehind;
  auto bits = [&](int i) { return last - i >= begin ? kClasses[static_cast<unsigned char>(last[-i])] : 0; };
  return (bits(1) & kBeforeStop) != 0 || ((bits(1) & kUpper) != 0 && (bits(2) & kUpper) != 0);
}

}  // namespace

void english_words(std::string_view text, std::vector<Word>& out) {
  out.clear();
  thread_local Chunk chunk;
  thread_local std::vector<Piece> pieces, scratch;
  const char *p = text.data(), *const end = p + text.size();
  while (p < end) {
    // White space, and then a word up to the next. Most are letters alone, or letters and one sign behind them.
    const char* const begin = p;
    p += leading_letters(p, end);
    const auto letters = static_cast<int32_t>(p - begin);
    const int64_t at = begin - text.data();
    if (p == end || blank_byte(*p)) {
      if (letters == 0) {
        ++p;
        continue;
      }
      if (one_piece({begin, static_cast<size_t>(letters)})) {
        out.push_back({at, letters, letters});
        p += p < end;
        continue;
      }
    } else if (letters > 0 && (p + 1 == end || blank_byte(p[1])) && cut_off_behind(begin, p) && one_piece({begin, static_cast<size_t>(letters)}) &&
               find_exception({begin, static_cast<size_t>(letters) + 1}) == nullptr) {
      out.push_back({at, letters, letters});
      out.push_back({at + letters, 1, 1});
      p += p + 1 < end ? 2 : 1;
      continue;
    }
    bool space = false;
    while (p < end && !space) {
      const auto byte = static_cast<unsigned char>(*p);
      const Char c = byte < 0x80 ? Char{byte, 1} : read_char(p, end);
      space = c.code != kInvalid && (english_class(c.code) & kBlank) != 0;
      if (!space) p += c.bytes;
    }
    const std::string_view word(begin, static_cast<size_t>(p - begin));
    if (space) p += static_cast<unsigned char>(*p) < 0x80 ? 1 : read_char(p, end).bytes;
    if (word.empty()) continue;
    if (word.size() == static_cast<size_t>(letters) && one_piece(word)) {
      out.push_back({at, letters, letters});
      continue;
    }
    chunk.read(word, at);
    pieces.clear();
    Splitter(chunk, true, scratch).split(pieces);
    if (pieces.size() > 1) refold(chunk, pieces);
    for (const Piece& piece : pieces) {
      const uint32_t from = chunk.offsets[static_cast<size_t>(piece.from)], to = chunk.offsets[static_cast<size_t>(piece.to)];
      out.push_back({at + from, static_cast<int32_t>(to - from), piece.to - piece.from});
    }
  }
}

std::vector<Word> english_words(std::string_view text) {
  std::vector<Word> out;
  english_words(text, out);
  return out;
}

int64_t count_english_sentences(std::string_view text) {
  thread_local std::vector<Word> words;
  english_words(text, words);
  return count_english_sentences(text, words);
}

int64_t count_english_sentences(std::string_view text, std::span<const Word> words) {
  int64_t sentences = words.empty() ? 0 : 1;
  bool ended = false;
  for (const Word& word : words) {
    const char *p = text.data() + word.begin, *const end = p + word.bytes;
    if (word.characters == 1 && ends_english_sentence(read_char(p, end).code)) {
      ended = true;
      continue;
    }
    if (!ended) continue;
    bool punctuation = true;
    while (p < end && punctuation) {
      const Char c = read_char(p, end);
      punctuation = c.code != kInvalid && u_ispunct(static_cast<UChar32>(c.code));
      p += c.bytes;
    }
    if (punctuation) continue;
    ++sentences;
    ended = false;
  }
  return sentences;
}

}  // namespace loam
