// Encoding in bytes a second of processor time on one thread, warm: the text has been encoded once before the clock starts.
//
//   LOAM_BENCH_TOKENIZER=gpt2/tokenizer.json LOAM_BENCH_TEXT=prose.txt build/release/bench/encode_bench
//
// `pieces` is the pre-tokenizer alone. One call encodes lines gathered to LOAM_BENCH_PARTS
// bytes (64 KiB).
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/files.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

struct Given {
  Tokenizer tokenizer;
  std::string text;
  std::vector<std::string_view> parts;
};

const Given* given() {
  static const Given* const all = []() -> const Given* {
    const char* tokenizer = std::getenv("LOAM_BENCH_TOKENIZER");
    const char* file = std::getenv("LOAM_BENCH_TEXT");
    if (tokenizer == nullptr || file == nullptr) return nullptr;
    auto* out = new Given{Tokenizer::load(tokenizer), read_file(file), {}};
    const char* bytes = std::getenv("LOAM_BENCH_PARTS");
    const size_t part = bytes == nullptr ? size_t{1} << 16 : std::strtoull(bytes, nullptr, 10);
    const std::string_view text = out->text;
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find('\n', std::min(at + part, text.size()));
      end = end == std::string::npos ? text.size() : end + 1;
      out->parts.push_back(text.substr(at, end - at));
      at = end;
    }
    return out;
  }();
  return all;
}

template <class F>
void each_part(benchmark::State& state, F&& f) {
  if (given() == nullptr) {
    state.SkipWithError("LOAM_BENCH_TOKENIZER and LOAM_BENCH_TEXT name the tokenizer and a text");
    return;
  }
  for (const std::string_view part : given()->parts) f(part);
  int64_t bytes = 0;
  for (auto _ : state) {
    for (const std::string_view part : given()->parts) f(part);
    bytes += static_cast<int64_t>(given()->text.size());
  }
  state.SetBytesProcessed(bytes);
}

void pieces(benchmark::State& state) {
  int64_t count = 0;
  each_part(state, [&](std::string_view part) {
    given()->tokenizer.parts().pre_tokenizer.split(part, [&](std::string_view piece) { count += static_cast<int64_t>(piece.size() > 1); });
  });
  benchmark::DoNotOptimize(count);
}
BENCHMARK(pieces)->Unit(benchmark::kMillisecond);

void encode(benchmark::State& state) {
  std::vector<int32_t> ids;
  int64_t tokens = 0;
  each_part(state, [&](std::string_view part) {
    ids.clear();
    given()->tokenizer.encode(part, ids);
    tokens += static_cast<int64_t>(ids.size());
  });
  state.counters["ids"] = static_cast<double>(tokens) / static_cast<double>(state.iterations() + 1);  // and one to warm
}
BENCHMARK(encode)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace loam
