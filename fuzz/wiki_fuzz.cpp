// Wiki dumps and their markup, XML of any kind. Bytes are read as a dump, and as markup alone.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "loam/base/error.h"
#include "loam/formats/mediawiki.h"
#include "loam/formats/utf8.h"
#include "loam/formats/wikitext.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!loam::valid_utf8(loam::wikitext_text(bytes, {"Title", {"Datei"}}))) std::abort();
  try {
    loam::WikiDumpReader dump(loam::read_text(bytes), 4096);
    loam::WikiPage page;
    while (dump.next(page)) {
      if (page.text.size() > 4096) std::abort();
      loam::wikitext_text(page.text, {page.title, *dump.unlinked()});
      dump.address(page.title);
    }
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
