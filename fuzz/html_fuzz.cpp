// HTML of any bytes: a tree whose ranges nest, and text of it in every way.
// rooms: collect
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "loam/formats/encoding.h"
#include "loam/formats/html.h"
#include "loam/formats/utf8.h"
#include "loam/stages/collect/main_text.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string html = loam::decode_text(bytes, loam::html_charset(bytes)).text;
  const loam::HtmlTree page = loam::HtmlTree::parse(html);
  for (int32_t i = 0; i < page.size(); ++i) {
    const loam::HtmlNode& node = page[i];
    if (node.end <= i || node.end > page.size() || node.parent >= i || (node.parent >= 0 && page[node.parent].end < node.end)) std::abort();
  }
  loam::html_facts(page);
  if (page.size() > 0 && !loam::valid_utf8(loam::html_text(page, 0))) std::abort();
  if (!loam::valid_utf8(loam::main_text(page))) std::abort();
  loam::texts_with_id(html, "p");
  return 0;
}
