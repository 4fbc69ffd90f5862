// SentencePiece's and llama2.c's vocabularies on any bytes: Error, or a tokenizer that encodes any bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/base/error.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string given(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const loam::Tokenizer tok(data[0] % 2 == 0 ? loam::parts_from_sentencepiece(given) : loam::parts_from_llama2c(given));
    (void)tok.decode(tok.encode(given));
    (void)tok.decode(tok.encode(given, loam::Specials::recognise));
  } catch (const loam::Error& e) {
    if (e.kind() != loam::ErrorKind::input) std::abort();
  }
  return 0;
}
