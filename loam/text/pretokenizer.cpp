#include "loam/text/pretokenizer.h"

#include <array>
#include <bit>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "loam/base/error.h"
#include "loam/text/regex_split.h"
#include "loam/text/unicode.h"

namespace loam {
namespace detail {
namespace {

/// How many of the 16 bytes at `at` are ASCII letters before the first that is none.
inline int ascii_letters(const char* at) {
#ifdef __SSE2__
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
  // 'a'-'z' without their case moved to the lowest 26 of the signed bytes, where one comparison finds them.
  const __m128i low = _mm_add_epi8(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), _mm_set1_epi8(static_cast<char>(0x80 - 'a')));
  const auto others = static_cast<unsigned>(_mm_movemask_epi8(_mm_cmpgt_epi8(low, _mm_set1_epi8(-128 + 25))));
  return std::countr_zero(others | 1u << 16);
#else
  int n = 0;
  while (n < 16 && (class_of(static_cast<unsigned char>(at[n]) & 127) & kLetter) != 0 && static_cast<unsigned char>(at[n]) < 128) ++n;
  return n;
#endif
}

/// Where the run of characters with a class in `mask` ends.
const char* run_of(uint8_t mask, const char* at, const char* end) {
  while (at < end) {
    const Char c = read_char(at, end);
    if ((class_of(c.code) & mask) == 0) break;
    at += c.bytes;
  }
  return at;
}

/// Where the run of letters ends: words are what most text is made of.
inline const char* run_of_letters(const char* at, const char* end) {
  while (end - at >= 16) {
    const int n = ascii_letters(at);
    at += n;
    if (n == 16) continue;
    if (static_cast<unsigned char>(*at) < 128) return at;
    const Char c = read_char(at, end);
    if ((class_of(c.code) & kLetter) == 0) return at;
    at += c.bytes;
  }
  return run_of(kLetter, at, end);
}

/// Where the run of characters without any class in `mask` ends.
const char* run_outside(uint8_t mask, const char* at, const char* end) {
  while (at < end) {
    const Char c = read_char(at, end);
    if ((class_of(c.code) & mask) != 0) break;
    at += c.bytes;
  }
  return at;
}

constexpr uint8_t kWordy = kLetter | kNumber | kSpace;  // [^\s\p{L}\p{N}] is what has none of these

/// \s+(?!\S)|\s+ at white space: all but the last of a run, so that the next piece takes that one; all at the end.
const char* space_piece(const char* at, const char* end) {
  const char* last = at;
  const char* stop = at;
  while (stop < end) {
    const Char c = read_char(stop, end);
    if ((class_of(c.code) & kSpace) == 0) return last == at ? stop : last;
    last = stop;
    stop += c.bytes;
  }
  return stop;
}

/// The end of an English contraction at the apostrophe `at`, or `at`. Without case: (?i:'s|'t|'re|'ve|'m|'ll|'d), where
/// the long s (U+017F) is an s.
const char* contraction(const char* at, const char* end, bool any_case) {
  if (end - at < 2 || *at != '\'') return at;
  const auto lower = [any_case](char c) { return any_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  const char a = lower(at[1]);
  if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
  if (end - at < 3) return at;
  if (any_case && at[1] == '\xc5' && at[2] == '\xbf') return at + 3;
  const char b = lower(at[2]);
  if ((a == 'l' && b == 'l') || ((a == 'v' || a == 'r') && b == 'e')) return at + 3;
  return at;
}

/// \s*[\r\n]+|\s+(?!\S)|\s+ at white space.
const char* line_or_space_piece(const char* at, const char* end) {
  const char* after_line_end = nullptr;
  for (const char* stop = at; stop < end;) {
    const Char c = read_char(stop, end);
    const uint8_t kind = class_of(c.code);
    if ((kind & kSpace) == 0) break;
    stop += c.bytes;
    if ((kind & kLineEnd) != 0) after_line_end = stop;
  }
  return after_line_end != nullptr ? after_line_end : space_piece(at, end);
}

/// \p{N}{1,max}
const char* number_piece(const char* at, const char* end, int max_digits) {
  for (int i = 0; i < max_digits && at < end; ++i) {
    const Char c = read_char(at, end);
    if ((class_of(c.code) & kNumber) == 0) break;
    at += c.bytes;
  }
  return at;
}

/// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+ from `at`, or `at` if it does not match.
const char* lower_word(const char* at, const char* end) {
  const char* after_both = at;  // behind the last character that is in both sets: where backtracking stops
  const char* stop = at;
  while (stop < end) {
    const Char c = read_char(stop, end);
    const uint8_t kind = class_of(c.code);
    if ((kind & kUpperish) == 0) break;
    stop += c.bytes;
    if ((kind & kLowerish) != 0) after_both = stop;
  }
  const char* lower = run_of(kLowerish, stop, end);
  return lower > stop ? lower : after_both;
}

}  // namespace

// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
const char* gpt2_piece(const char* at, const char* end) {
  if (const char* stop = contraction(at, end, false); stop > at) return stop;
  const char* first = *at == ' ' && end - at > 1 ? at + 1 : at;
  if (const char* stop = run_of_letters(first, end); stop > first) return stop;
  const uint8_t kind = class_of(read_char(first, end).code);
  if ((kind & kNumber) != 0) return run_of(kNumber, first, end);
  if ((kind & kSpace) == 0) return run_outside(kWordy, first, end);
  return space_piece(at, end);
}

// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* cl100k_piece(const char* at, const char* end, int max_digits) {
  if (const char* stop = contraction(at, end, true); stop > at) return stop;
  const Char c = read_char(at, end);
  const uint8_t kind = class_of(c.code);
  if ((kind & kLetter) != 0) return run_of_letters(at + c.bytes, end);
  if ((kind & kNumber) != 0) return number_piece(at, end, max_digits);
  const char* second = at + c.bytes;
  const uint8_t next = second < end ? class_of(read_char(second, end).code) : static_cast<uint8_t>(kSpace);
  if ((kind & kLineEnd) == 0 && (next & kLetter) != 0) return run_of_letters(second, end);
  if ((kind & kSpace) == 0 || (c.code == ' ' && (next & kWordy) == 0)) {
    const char* stop = run_outside(kWordy, second, end);
    return run_of(kLineEnd, stop, end);
  }
  return line_or_space_piece(at, end);
}

// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
// |[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?
// |\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+
const char* o200k_piece(const char* at, const char* end) {
  const Char c = read_char(at, end);
  const uint8_t kind = class_of(c.code);
  if ((kind & kNumber) != 0) return number_piece(at, end, 3);
  const char* second = at + c.bytes;
  const bool may_lead = (kind & (kLineEnd | kLetter)) == 0;
  // The first form with the leading character, without it, then the second form likewise.
  if (may_lead) {
    if (const char* stop = lower_word(second, end); stop > second) return contraction(stop, end, true);
  }
  if (const char* stop = lower_word(at, end); stop > at) return contraction(stop, end, true);
  if (may_lead) {
    if (const char* stop = run_of(kUpperish, second, end); stop > second) return contraction(stop, end, true);
  }
  if (const char* stop = run_of(kUpperish, at, end); stop > at) return contraction(stop, end, true);
  const uint8_t next = second < end ? class_of(read_char(second, end).code) : static_cast<uint8_t>(kSpace);
  if ((kind & kSpace) == 0 || (c.code == ' ' && (next & kWordy) == 0)) {
    const char* stop = run_outside(kWordy, second, end);
    while (stop < end && (*stop == '\r' || *stop == '\n' || *stop == '/')) ++stop;
    return stop;
  }
  return line_or_space_piece(at, end);
}

const char* digit_piece(const char* at, const char* end) {
  const Char c = read_char(at, end);
  if ((class_of(c.code) & kNumber) != 0) return at + c.bytes;
  return run_outside(kNumber, at, end);
}

}  // namespace detail

namespace {

constexpr const char* kGpt2 = R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kGpt2Short = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s)";
constexpr const char* kGpt2Shorter = R"('(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr const char* kCl100kHead = R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|)";
constexpr const char* kCl100kTail = R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kCl100kPossessive =
    R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s)";
constexpr const char* kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|)"
    R"(\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// cl100k's pattern with its digits in groups of up to `max_digits` (Qwen: 1; others: 2).
std::string cl100k_regex(int max_digits) {
  const std::string digits = max_digits == 1 ? "\\p{N}" : cat("\\p{N}{1,", max_digits, "}");
  return kCl100kHead + digits + kCl100kTail;
}

}  // namespace

const std::vector<std::string>& PreTokenizer::names() {
  static const std::vector<std::string> kNames = {"gpt2", "cl100k", "o200k", "llama3"};
  return kNames;
}

PreTokenizer::Step PreTokenizer::step_of(const std::string& regex) {
  if (regex == kGpt2 || regex == kGpt2Short || regex == kGpt2Shorter) return {Step::gpt2, 0, regex, nullptr};
  if (regex == kCl100kPossessive) return {Step::cl100k, 3, regex, nullptr};
  for (int digits = 1; digits <= 3; ++digits) {
    if (regex == cl100k_regex(digits)) return {Step::cl100k, digits, regex, nullptr};
  }
  if (regex == kO200k) return {Step::o200k, 3, regex, nullptr};
  return {Step::other, 0, regex, std::make_shared<const detail::RegexSplit>(regex)};
}

PreTokenizer PreTokenizer::from_pattern(const std::string& name_or_regex) {
  require(!name_or_regex.empty(), "the pattern is empty; wanted gpt2, cl100k, o200k, llama3 or a regular expression");
  PreTokenizer out;
  const std::string& name = name_or_regex;
  out.steps_.push_back(step_of(name == "gpt2" ? kGpt2 : name == "cl100k" || name == "llama3" ? cl100k_regex(3) : name == "o200k" ? kO200k : name));
  return out;
}

PreTokenizer PreTokenizer::from_json(const Json& json) {
  PreTokenizer out;
  bool byte_level = false;
  const auto add = [&](auto&& self, const Json& step) -> void {
    const std::string type = get_string(step, "type");
    require_input(!byte_level, "pre_tokenizer has a step ", type, " after ByteLevel");
    if (type == "Sequence") {
      require_input(step.contains("pretokenizers") && step["pretokenizers"].is_array(), "pre_tokenizer Sequence has no list \"pretokenizers\"");
      for (const Json& part : step["pretokenizers"]) self(self, part);
    } else if (type == "ByteLevel") {
      require_input(!get_bool(step, "add_prefix_space", true), "pre_tokenizer ByteLevel has add_prefix_space: loam reads text as it is");
      if (get_bool(step, "use_regex", true)) out.steps_.push_back(step_of(kGpt2));
      byte_level = true;
    } else if (type == "Digits") {
      require_input(get_bool(step, "individual_digits", false), "pre_tokenizer Digits without individual_digits is not supported");
      out.steps_.push_back({Step::digits, 0, "", nullptr});
    } else if (type == "Split") {
      require_input(step.contains("pattern") && step["pattern"].is_object(), "pre_tokenizer Split has no pattern");
      const Json& pattern = step["pattern"];
      const std::string behavior = get_string(step, "behavior", "Isolated");
      require_input(behavior == "Isolated" || (behavior == "Removed" && get_bool(step, "invert", false)),
                    "pre_tokenizer Split has the behavior ", behavior, "; loam reads Isolated, and Removed with invert");
      if (pattern.contains("Regex")) {
        try {
          out.steps_.push_back(step_of(get_string(pattern, "Regex")));
        } catch (const Error& e) {
          fail(ErrorKind::input, e.what());
        }
      } else {
        out.steps_.push_back(step_of(detail::quoted_regex(get_string(pattern, "String"))));
      }
    } else {
      fail(ErrorKind::input, "pre_tokenizer ", type, " is not supported; loam reads ByteLevel, Split, Digits and sequences of them");
    }
  };
  add(add, json);
  require_input(byte_level, "its pre_tokenizer has no ByteLevel step: only byte-level BPE is read");
  return out;
}

Json PreTokenizer::to_json() const {
  const auto byte_level = [](bool use_regex) {
    return Json{{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", use_regex}};
  };
  if (steps_.empty()) return byte_level(false);
  if (steps_.size() == 1 && steps_[0].kind == Step::gpt2) return byte_level(true);
  Json list = Json::array();
  for (const Step& step : steps_) {
    if (step.kind == Step::digits) {
      list.push_back({{"type", "Digits"}, {"individual_digits", true}});
    } else {
      list.push_back({{"type", "Split"}, {"pattern", {{"Regex", step.pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
    }
  }
  list.push_back(byte_level(false));
  return {{"type", "Sequence"}, {"pretokenizers", list}};
}

std::string PreTokenizer::regex() const { return steps_.size() == 1 ? steps_[0].pattern : ""; }

}  // namespace loam
