// Text heuristics, signatures and wiki markup in bytes a second of processor time on one thread. LOAM_BENCH_TEXT names a text file of prose
// (articles apart by empty lines), LOAM_BENCH_WIKI a MediaWiki dump, packed or not, LOAM_BENCH_WARC a web archive in gzip members.
//
//   LOAM_BENCH_TEXT=articles.txt LOAM_BENCH_WIKI=dump.xml.bz2 build/release/bench/collect_bench
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "loam/base/files.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/mediawiki.h"
#include "loam/formats/warc.h"
#include "loam/formats/wikitext.h"
#include "loam/stages/collect/language.h"
#include "loam/stages/collect/minhash.h"
#include "loam/stages/collect/personal.h"
#include "loam/stages/collect/pieces.h"
#include "loam/stages/collect/rules.h"
#include "loam/text/english_words.h"

namespace loam {
namespace {

/// Documents of about 4,000 bytes.
const std::vector<std::string>& documents() {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out;
    const char* file = std::getenv("LOAM_BENCH_TEXT");
    if (file == nullptr) return out;
    const std::string text = read_file(file);
    for (size_t at = 0; at < text.size();) {
      size_t end = text.find_first_of(" \n", at + 4000);
      end = end == std::string::npos ? text.size() : end + 1;
      out.push_back(text.substr(at, end - at));
      at = end;
    }
    return out;
  }();
  return all;
}

template <class F>
void each_document(benchmark::State& state, F&& f) {
  if (documents().empty()) {
    state.SkipWithError("LOAM_BENCH_TEXT names no text");
    return;
  }
  int64_t bytes = 0;
  size_t i = 0;
  for (auto _ : state) {
    const std::string& text = documents()[i++ % documents().size()];
    f(text);
    bytes += static_cast<int64_t>(text.size());
  }
  state.SetBytesProcessed(bytes);
}

void words(benchmark::State& state) {
  std::vector<Word> out;
  each_document(state, [&](const std::string& text) { english_words(text, out); });
}
BENCHMARK(words);

void preset(benchmark::State& state, const char* name) {
  const Preset rules = preset_named(name);
  each_document(state, [&](const std::string& text) {
    std::string copy = text;
    benchmark::DoNotOptimize(judge(copy, rules));
  });
}
BENCHMARK_CAPTURE(preset, clean, "clean");
BENCHMARK_CAPTURE(preset, gopher_quality, "gopher/datatrove");
BENCHMARK_CAPTURE(preset, gopher_repetition, "gopher-repetition");
BENCHMARK_CAPTURE(preset, c4, "c4");
BENCHMARK_CAPTURE(preset, fineweb_code, "fineweb/code");
BENCHMARK_CAPTURE(preset, fineweb, "fineweb");
BENCHMARK_CAPTURE(preset, refinedweb, "refinedweb");

void language(benchmark::State& state) {
  const LanguageFinder finder("cld2");
  each_document(state, [&](const std::string& text) { benchmark::DoNotOptimize(finder.of(text)); });
}
BENCHMARK(language);

void personal(benchmark::State& state) {
  each_document(state, [](const std::string& text) { benchmark::DoNotOptimize(mask_personal(text)); });
}
BENCHMARK(personal);

void repeated_lines(benchmark::State& state) {
  each_document(state, [](const std::string& text) { benchmark::DoNotOptimize(pieces_of(text, false)); });
}
BENCHMARK(repeated_lines);

void minhash(benchmark::State& state) {
  each_document(state, [](const std::string& text) { benchmark::DoNotOptimize(minhash_signature(text)); });
}
BENCHMARK(minhash);

/// XML to text: all pages of the dump, unpacked beforehand (the floor) or not.
void wiki(benchmark::State& state, bool text, bool packed) {
  const char* file = std::getenv("LOAM_BENCH_WIKI");
  if (file == nullptr) {
    state.SkipWithError("LOAM_BENCH_WIKI names no dump");
    return;
  }
  std::string xml;
  const ReadBytes read = open_bytes(file);
  char block[1 << 16];
  while (const int64_t n = read(block, sizeof block)) xml.append(block, static_cast<size_t>(n));
  int64_t bytes = 0;
  for (auto _ : state) {
    WikiDumpReader dump(packed ? open_bytes(file) : read_text(xml), int64_t{32} << 20);
    WikiPage page;
    while (dump.next(page)) {
      if (text && page.space == 0 && !page.redirects) benchmark::DoNotOptimize(wikitext_text(page.text, {page.title, {}}));
    }
    bytes += static_cast<int64_t>(xml.size());
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK_CAPTURE(wiki, pages, false, false);
BENCHMARK_CAPTURE(wiki, text, true, false);
BENCHMARK_CAPTURE(wiki, packed_pages, false, true);
BENCHMARK_CAPTURE(wiki, packed_text, true, true);

/// The floor of a packed dump: bytes alone.
void wiki_unpacked(benchmark::State& state) {
  const char* file = std::getenv("LOAM_BENCH_WIKI");
  if (file == nullptr) {
    state.SkipWithError("LOAM_BENCH_WIKI names no dump");
    return;
  }
  int64_t bytes = 0;
  char block[1 << 16];
  for (auto _ : state) {
    const ReadBytes read = open_bytes(file);
    while (const int64_t n = read(block, sizeof block)) bytes += n;
  }
  state.SetBytesProcessed(bytes);
}
BENCHMARK(wiki_unpacked);

/// Records of a web archive, of all types, unpacked and taken apart.
void warc_records(benchmark::State& state) {
  const char* file = std::getenv("LOAM_BENCH_WARC");
  if (file == nullptr) {
    state.SkipWithError("LOAM_BENCH_WARC names no archive");
    return;
  }
  int64_t records = 0;
  for (auto _ : state) {
    GzipMembers packed{std::filesystem::path(file)};
    WarcReader archive([&packed](char* into, int64_t limit) { return packed.read(into, limit); }, int64_t{32} << 20);
    WarcRecord record;
    while (archive.next(record)) ++records;
  }
  state.SetItemsProcessed(records);
}
BENCHMARK(warc_records);

}  // namespace
}  // namespace loam
