// PDF: what pdftotext printed, made into paragraphs, on any bytes; and now and then a file of any bytes through pdftotext
// itself, under small limits: Error{input}, or a text within them.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "loam/base/error.h"
#include "loam/formats/pdf.h"

namespace {

/// Letters and signs alone: lines may be joined, and hyphens at their ends go.
std::string bare(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view(" \t\r\f\n-").find(c) == std::string_view::npos) out += c;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string text = loam::reflowed(bytes);
  if (text.size() > 2 * bytes.size() || bare(text) != bare(bytes)) std::abort();
  if (text.find("\n\n\n") != std::string::npos || text.ends_with('\n') || text.starts_with('\n')) std::abort();
  if (!loam::begins_as_pdf(bytes) || size % 8 != 0 || loam::pdf_program().empty()) return 0;  // a process each: not for all
  constexpr int64_t kText = 4096;
  try {
    if (static_cast<int64_t>(loam::pdf_text(bytes, {.cpu_seconds = 2, .wall_seconds = 10, .memory_bytes = int64_t{256} << 20, .text_bytes = kText}).size()) > 2 * kText + (64 << 10)) std::abort();
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
