// rooms: collect
// Texts cut into tokens for repeated passages and for the quality classifier, and spans taken out of them.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "loam/stages/collect/passages.h"
#include "loam/stages/collect/quality.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::vector<loam::PassageToken> tokens;
  loam::passage_tokens(text, tokens);
  uint32_t end = 0;
  loam::PassageSpans spans;
  for (const loam::PassageToken& token : tokens) {
    if (token.begin < end || token.end <= token.begin || token.end > size) std::abort();
    end = token.end;
    if (token.hash % 3 == 0) spans.emplace_back(token.begin, token.end);
  }
  if (loam::without_spans(text, spans).size() > size) std::abort();
  const loam::QualityFeatures how{50, 12};
  std::vector<uint32_t> features;
  loam::quality_features(text, how, features);
  for (const uint32_t f : features) {
    if (f >= 4096) std::abort();
  }
  return 0;
}
