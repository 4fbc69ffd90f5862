// What collect does with a text whatever it holds: words, signatures, personal data, pieces, addresses, overlaps.
// rooms: collect artifacts
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "loam/formats/utf8.h"
#include "loam/stages/collect/addresses.h"
#include "loam/stages/collect/language.h"
#include "loam/stages/collect/minhash.h"
#include "loam/stages/collect/personal.h"
#include "loam/stages/collect/pieces.h"
#include "loam/stages/collect/rules.h"
#include "loam/text/english_words.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string raw(reinterpret_cast<const char*>(data), size);
  int64_t end = 0;
  for (const loam::Word& word : loam::english_words(raw)) {  // any bytes
    if (word.begin < end || word.bytes <= 0 || word.characters <= 0) std::abort();
    end = word.begin + word.bytes;
  }
  if (end > static_cast<int64_t>(size)) std::abort();
  const std::string text = loam::repaired_utf8(raw);
  if (!loam::valid_utf8(loam::minhash_text(text))) std::abort();
  loam::minhash_signature(text);
  if (!loam::valid_utf8(loam::mask_personal(text).text)) std::abort();
  for (const bool paragraphs : {false, true}) {
    const auto pieces = loam::pieces_of(text, paragraphs);
    const std::vector<uint8_t> gone(pieces.size(), 1);
    if (!loam::valid_utf8(loam::without_pieces(text, pieces, gone))) std::abort();
  }
  for (const char* preset : {"gopher-repetition+gopher/datatrove+c4+fineweb/paper", "refinedweb"}) {
    std::string copy = text;
    loam::judge(copy, loam::preset_named(preset, {"gopher_short_doc=1", "page_length_filter=1", "too_few_sentences=0", "line_punct_ratio=0"}));
    if (!loam::valid_utf8(copy)) std::abort();
  }
  loam::comparable_address(text);
  loam::registered_domain(loam::host_of(text));
  static const loam::LanguageFinder finder("cld2");
  finder.of(text);
  return 0;
}
