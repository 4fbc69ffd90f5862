// Tokenizer files on any bytes: Error, or a tokenizer whose encoding of any bytes decodes to them.
// The first byte says where the rest stands: the whole file, or one member of a tokenizer.json that is good otherwise.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/text/tokenizer.h"
#include "loam/text/tokenizer_formats.h"
#include "loam/text/tokenizer_json.h"

namespace {

std::string good_vocab() {
  std::string out;
  for (int b = 0; b < 256; ++b) {
    const std::string token = loam::bytes_to_printable(std::string(1, static_cast<char>(b)));
    out += (b == 0 ? "" : ",") + loam::Json(token).dump() + ":" + std::to_string(b);
  }
  return out;
}

std::string around(uint8_t place, const std::string& given) {
  static const std::string kVocab = good_vocab();
  const auto member = [&](uint8_t which, const std::string& otherwise) { return place == which ? given : otherwise; };
  return R"({"added_tokens":)" + member(1, R"([{"id":257,"content":"<|endoftext|>","special":true}])") + R"(,"normalizer":)" + member(2, "null") +
         R"(,"pre_tokenizer":)" + member(3, R"({"type":"ByteLevel","add_prefix_space":false})") + R"(,"post_processor":)" + member(4, "null") +
         R"(,"model":{"type":"BPE","vocab":{)" + kVocab + member(5, R"(,"ab":256)") + R"(},"merges":)" + member(6, R"(["a b"])") + "}}";
}

std::string unigram_around(uint8_t place, const std::string& given) {
  const auto member = [&](uint8_t which, const std::string& otherwise) { return place == which ? given : otherwise; };
  return R"({"added_tokens":[{"id":0,"content":"<unk>","special":true}],"normalizer":)" + member(10, "null") + R"(,"pre_tokenizer":)" +
         member(11, R"({"type":"Metaspace","replacement":"\u2581","prepend_scheme":"first"})") + R"(,"model":{"type":"Unigram","unk_id":0,"vocab":)" +
         member(12, R"([["<unk>",0],["\u2581a",-1],["a",-2],["b",-3]])") + "}}";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string given(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    loam::TokenizerParts parts;
    const uint8_t place = data[0] % 13;
    switch (place) {
      case 0: parts = loam::parts_from_text(given, "fuzz"); break;
      case 7: parts = loam::parts_from_tiktoken(given, "cl100k"); break;
      case 8: parts = loam::parts_from_gpt2("{" + good_vocab() + R"(,"ab":256})", given); break;
      case 9: parts = loam::parts_from_gpt2(given, "a b\n"); break;
      case 10:
      case 11:
      case 12: parts = loam::parts_from_text(unigram_around(place, given), "fuzz"); break;
      default: parts = loam::parts_from_text(around(place, given), "fuzz");
    }
    const bool normal = parts.normalize_nfc || parts.characters;  // text may come back in another form
    bool strips = false;  // a token that takes white space along loses it
    for (const auto& token : parts.added) strips = strips || token.lstrip || token.rstrip;
    const loam::Tokenizer tok(std::move(parts));
    if (!normal && tok.decode(tok.encode(given)) != given && !strips) std::abort();
    if (!normal && tok.decode(tok.encode(given, loam::Specials::recognise)) != given && !strips) std::abort();
    const std::string again = loam::parts_to_json(tok.parts()).dump(-1, ' ', false, loam::Json::error_handler_t::replace);
    (void)loam::parts_from_text(again, "again");
  } catch (const loam::Error& e) {
    if (e.kind() == loam::ErrorKind::internal) std::abort();
  }
  return 0;
}
