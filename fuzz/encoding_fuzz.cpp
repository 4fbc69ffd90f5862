// Bytes in any charset, whole and streamed: valid UTF-8 comes out; lines and JSON values are the same in any pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "loam/formats/encoding.h"
#include "loam/formats/json_values.h"
#include "loam/formats/lines.h"
#include "loam/formats/utf8.h"

namespace {

loam::ReadBytes in_steps(std::string_view text, int64_t step) {
  return [read = loam::read_text(text), step](char* into, int64_t limit) mutable { return read(into, std::min(limit, step)); };
}

std::vector<std::string> pieces(std::string_view text, int64_t step) {
  std::vector<std::string> out;
  loam::LineReader lines(in_steps(text, step), 50);
  std::string_view line;
  while (lines.next(line)) out.emplace_back(line);
  loam::JsonValues values(in_steps(text, step), 50);
  std::string value;
  while (values.next(value)) out.push_back(value);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static constexpr const char* kCharsets[] = {"", "utf-8", "utf-16", "utf-7", "iso-2022-jp", "gb18030", "big5", "hz-gb-2312", "shift_jis", "utf-32", "koi8-r", "iso-2022-kr"};
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string charset = kCharsets[data[0] % std::size(kCharsets)];
  if (!loam::valid_utf8(loam::decode_text(text, charset).text)) std::abort();
  if (!loam::valid_utf8(loam::repaired_utf8(text))) std::abort();
  if (loam::known_charset(charset) && !charset.empty()) {
    std::string all;
    char buffer[64];
    const loam::ReadBytes read = loam::to_utf8_stream(in_steps(text, 1 + data[1] % 9), charset);
    while (const int64_t n = read(buffer, sizeof buffer)) all.append(buffer, static_cast<size_t>(n));
    if (!loam::valid_utf8(all)) std::abort();
  }
  if (pieces(text, 1 << 16) != pieces(text, 1 + data[1] % 7)) std::abort();
  return 0;
}
