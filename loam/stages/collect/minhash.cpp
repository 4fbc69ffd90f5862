#include "loam/stages/collect/minhash.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>

#include <algorithm>
#include <cmath>

#include "loam/base/xxh64.h"
#include "loam/text/english_words.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

/// The generator of Matsumoto and Nishimura 1998 with its 32-bit seeding of 2002; next64() puts the first word on top.
class MersenneTwister {
 public:
  explicit MersenneTwister(uint32_t seed) {
    state_[0] = seed;
    for (uint32_t i = 1; i < kWords; ++i) state_[i] = 1812433253u * (state_[i - 1] ^ state_[i - 1] >> 30) + i;
  }
  uint64_t next64() {
    const uint64_t high = next();
    return high << 32 | next();
  }

 private:
  static constexpr uint32_t kWords = 624, kMiddle = 397;
  uint32_t next() {
    if (at_ == kWords) {
      for (uint32_t i = 0; i < kWords; ++i) {
        const uint32_t y = (state_[i] & 0x80000000u) | (state_[(i + 1) % kWords] & 0x7fffffffu);
        state_[i] = state_[(i + kMiddle) % kWords] ^ y >> 1 ^ ((y & 1u) != 0 ? 0x9908b0dfu : 0u);
      }
      at_ = 0;
    }
    uint32_t y = state_[at_++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
  }
  std::array<uint32_t, kWords> state_;
  uint32_t at_ = kWords;
};

bool is_decimal(char32_t c) { return c < 0x80 ? c >= '0' && c <= '9' : u_charType(static_cast<UChar32>(c)) == U_DECIMAL_DIGIT_NUMBER; }
bool is_decimal_point(char32_t c) { return c == '.' || c == ',' || c == 0x60C || c == 0x66B || c == 0x2396 || c == 0x2397 || c == 0x2398; }

bool all_ascii(std::string_view text) {
  unsigned char bits = 0;
  for (const char c : text) bits |= static_cast<unsigned char>(c);
  return bits < 0x80;
}

/// What becomes of an ASCII character: 0 a space, else itself in lower case.
constexpr std::array<char, 128> kAscii = [] {
  std::array<char, 128> table = {};
  for (int c = 0; c < 128; ++c) {
    const bool kept = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
    const bool upper = c >= 'A' && c <= 'Z';
    table[static_cast<size_t>(c)] = kept ? static_cast<char>(c) : upper ? static_cast<char>(c + 32) : '\0';
  }
  return table;
}();

// What comes out is never longer than what goes in: it is written to its place, for a push_back() a character is most of
// the time otherwise.
std::string ascii_text(std::string_view text) {
  std::string out(text.size(), '\0');
  char* const begin = out.data();
  char* to = begin;
  bool space = false;
  for (const char *p = text.data(), *const end = p + text.size(); p < end;) {
    const char c = kAscii[static_cast<unsigned char>(*p)];
    if (c == '\0') {
      space = true;
      ++p;
      continue;
    }
    if (space && to != begin) *to++ = ' ';
    space = false;
    if (c > '9') {
      do *to++ = kAscii[static_cast<unsigned char>(*p++)];
      while (p < end && kAscii[static_cast<unsigned char>(*p)] > '9');
      continue;
    }
    *to++ = '0';
    auto digit = [end](const char* at) { return at < end && *at >= '0' && *at <= '9'; };
    while (digit(p)) ++p;
    if (p < end && (*p == '.' || *p == ',') && digit(p + 1)) {
      ++p;
      while (digit(p)) ++p;
    }
  }
  out.resize(static_cast<size_t>(to - begin));
  return out;
}

/// Without the marks that NFD sets apart.
std::string without_marks(std::string_view text) {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* decomposer = icu::Normalizer2::getNFDInstance(code);
  std::string apart;
  icu::StringByteSink<std::string> sink(&apart, static_cast<int32_t>(text.size()));
  decomposer->normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<int32_t>(text.size())), sink, nullptr, code);
  char* to = apart.data();
  for (const char *p = apart.data(), *const end = p + apart.size(); p < end;) {
    if (static_cast<unsigned char>(*p) < 0x80) {
      *to++ = *p++;
      continue;
    }
    const Char c = read_char(p, end);
    if (c.code < 0x300 || c.code == kInvalid || u_charType(static_cast<UChar32>(c.code)) != U_NON_SPACING_MARK) to = std::copy(p, p + c.bytes, to);
    p += c.bytes;
  }
  apart.resize(static_cast<size_t>(to - apart.data()));
  return apart;
}

}  // namespace

const MinhashFunctions& minhash_functions() {
  static const MinhashFunctions functions = [] {
    MersenneTwister random(1);
    MinhashFunctions f;
    // Masked rejection, as RandomState does it: numbers over the range are thrown away.
    auto below = [&random](uint64_t limit) {
      uint64_t value;
      do value = random.next64() & kMinhashPrime;
      while (value >= limit);
      return value;
    };
    for (uint64_t& a : f.a) a = 1 + below(kMinhashPrime - 1);
    for (uint64_t& b : f.b) b = below(kMinhashPrime);
    return f;
  }();
  return functions;
}

std::string minhash_text(std::string_view text) {
  if (all_ascii(text)) return ascii_text(text);
  const std::string lower = lowered(text);
  std::string out(lower.size(), '\0');
  char* const to_begin = out.data();
  char* to = to_begin;
  bool space = false;
  for (const char *p = lower.data(), *const end = p + lower.size(); p < end;) {
    const char* const begin = p;
    const Char c = read_char(p, end);
    p += c.bytes;
    if (c.code < 0x80 ? kAscii[c.code] == '\0' : is_python_space(c.code) || is_listed_punctuation(c.code)) {
      space = true;
      continue;
    }
    if (space && to != to_begin) *to++ = ' ';
    space = false;
    if (c.code > '9' && c.code < 0x80) {  // ASCII letters, for the most part
      *to++ = static_cast<char>(c.code);
      while (p < end && static_cast<unsigned char>(*p) < 0x80 && *p > '9' && kAscii[static_cast<unsigned char>(*p)] == *p) *to++ = *p++;
      continue;
    }
    if (c.code == kInvalid || !is_decimal(c.code)) {
      to = std::copy(begin, p, to);
      continue;
    }
    *to++ = '0';
    auto digits = [&] {
      bool any = false;
      while (p < end) {
        const Char d = read_char(p, end);
        if (d.code == kInvalid || !is_decimal(d.code)) break;
        p += d.bytes;
        any = true;
      }
      return any;
    };
    digits();
    if (p < end) {
      const char* const before = p;
      const Char point = read_char(p, end);
      p += point.bytes;
      if (!is_decimal_point(point.code) || !digits()) p = before;
    }
  }
  out.resize(static_cast<size_t>(to - to_begin));
  return std::string(stripped(without_marks(out)));
}

std::vector<uint64_t> minhash_shingles(std::string_view text) {
  const std::string normal = minhash_text(text);
  thread_local std::vector<Word> words;
  english_words(normal, words);
  std::vector<uint64_t> out;
  const auto n = static_cast<size_t>(kMinhashWords);
  if (words.size() < n) return out;
  // Words with one space between: those that were apart in the text already stand so.
  std::string joined(normal.size() + words.size(), '\0');
  std::vector<size_t> begins;
  begins.reserve(words.size() + 1);
  char* to = joined.data();
  for (const Word& word : words) {
    begins.push_back(static_cast<size_t>(to - joined.data()));
    const char* const from = normal.data() + word.begin;
    to = std::copy(from, from + word.bytes, to);
    *to++ = ' ';
  }
  begins.push_back(static_cast<size_t>(to - joined.data()));
  out.reserve(words.size() - n + 1);
  for (size_t i = 0; i + n < begins.size(); ++i) out.push_back(xxh64(std::string_view(joined).substr(begins[i], begins[i + n] - 1 - begins[i])));
  return out;
}

// Where the processor has 64-bit vector products the loop over the functions takes a quarter of the time. g++ makes a
// function for each kind of processor and chooses when the program starts; other compilers make the plain one.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#endif
static void take_least(uint64_t* least, const uint64_t* shingles, size_t count, const uint64_t* a, const uint64_t* b) {
  constexpr auto kValues = static_cast<size_t>(kMinhashValues);
  for (size_t s = 0; s < count; ++s) {
    const uint64_t h = shingles[s];
    for (size_t i = 0; i < kValues; ++i) {
      const uint64_t x = h * a[i] + b[i];
      uint64_t folded = (x & kMinhashPrime) + (x >> 61);
      const uint64_t less = folded - kMinhashPrime;  // wraps around where folded is below the prime
      folded = less < folded ? less : folded;
      least[i] = folded < least[i] ? folded : least[i];
    }
  }
}

std::vector<uint64_t> minhash_signature(const std::vector<uint64_t>& shingles) {
  if (shingles.empty()) return {};
  const MinhashFunctions& f = minhash_functions();
  std::vector<uint64_t> least(static_cast<size_t>(kMinhashValues), ~uint64_t{0});
  take_least(least.data(), shingles.data(), shingles.size(), f.a.data(), f.b.data());
  return least;
}

double minhash_chance(double s) { return 1 - std::pow(1 - std::pow(s, static_cast<double>(kMinhashRows)), static_cast<double>(kMinhashBuckets)); }

}  // namespace loam
