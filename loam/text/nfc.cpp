#include "loam/text/nfc.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>

#include <algorithm>

#include "loam/base/error.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

const icu::Normalizer2& form_c() {
  UErrorCode code = U_ZERO_ERROR;
  const icu::Normalizer2* form = icu::Normalizer2::getNFCInstance(code);
  if (U_FAILURE(code)) fail(ErrorKind::internal, "ICU has no normalization form C: ", u_errorName(code));
  return *form;
}

bool ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

icu::StringPiece piece(std::string_view text) { return {text.data(), static_cast<int32_t>(text.size())}; }

}  // namespace

bool is_nfc(std::string_view text) {
  if (ascii(text)) return true;
  require_input(text.size() < INT32_MAX, "a text of ", text.size(), " bytes cannot be normalized; the most is ", INT32_MAX);
  UErrorCode code = U_ZERO_ERROR;
  return !is_utf8(text) || form_c().isNormalizedUTF8(piece(text), code);
}

std::string to_nfc(std::string_view text) {
  if (is_nfc(text)) return std::string(text);
  std::string out;
  icu::StringByteSink<std::string> sink(&out);
  UErrorCode code = U_ZERO_ERROR;
  form_c().normalizeUTF8(0, piece(text), sink, nullptr, code);
  if (U_FAILURE(code)) fail(ErrorKind::internal, "ICU cannot normalize a text: ", u_errorName(code));
  return out;
}

}  // namespace loam
