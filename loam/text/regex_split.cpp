#include "loam/text/regex_split.h"

#include <unicode/regex.h>
#include <unicode/utext.h>

#include <memory>

#include "loam/base/error.h"

namespace loam::detail {
namespace {

constexpr int32_t kMatchTimeLimit = 2000;  // ICU's unit, about a millisecond each: seconds for one piece
constexpr int32_t kStackBytes = 64 << 20;

void check(UErrorCode code, const std::string& pattern) {
  if (U_SUCCESS(code)) return;
  fail(ErrorKind::input, "the pattern ", pattern, " failed on a text: ",
       code == U_REGEX_TIME_OUT ? "it backtracks too long" : code == U_REGEX_STACK_OVERFLOW ? "it backtracks too deep" : u_errorName(code));
}

}  // namespace

RegexSplit::RegexSplit(const std::string& pattern) : compiled_(nullptr), pattern_(pattern) {
  UErrorCode code = U_ZERO_ERROR;
  UParseError place = {};
  compiled_ = icu::RegexPattern::compile(icu::UnicodeString::fromUTF8(pattern), 0, place, code);
  if (U_FAILURE(code)) {
    delete static_cast<icu::RegexPattern*>(compiled_);
    fail(ErrorKind::usage, "the pattern \"", pattern, "\" is no regular expression: ", u_errorName(code), " at character ", place.offset);
  }
}

RegexSplit::~RegexSplit() { delete static_cast<icu::RegexPattern*>(compiled_); }

void regex_split(const RegexSplit& regex, std::string_view text, const std::function<void(std::string_view)>& piece) {
  UErrorCode code = U_ZERO_ERROR;
  UText* opened = utext_openUTF8(nullptr, text.data(), static_cast<int64_t>(text.size()), &code);
  check(code, regex.pattern_);
  const std::unique_ptr<UText, void (*)(UText*)> source(opened, [](UText* t) { utext_close(t); });
  const std::unique_ptr<icu::RegexMatcher> matcher(static_cast<icu::RegexPattern*>(regex.compiled_)->matcher(code));
  check(code, regex.pattern_);
  matcher->setTimeLimit(kMatchTimeLimit, code);
  matcher->setStackLimit(kStackBytes, code);
  matcher->reset(opened);
  int64_t done = 0;
  const auto give = [&](int64_t end) {
    if (end > done) piece(text.substr(static_cast<size_t>(done), static_cast<size_t>(end - done)));
    done = std::max(done, end);
  };
  while (matcher->find(code)) {
    give(matcher->start64(code));
    give(matcher->end64(code));
  }
  check(code, regex.pattern_);
  give(static_cast<int64_t>(text.size()));
}

std::string quoted_regex(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\\^$.|?*+()[]{}-&/#").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

}  // namespace loam::detail
