#include "loam/stages/collect/passages.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/formats/bytes.h"
#include "loam/formats/utf8.h"
#include "loam/formats/zstd.h"
#include "loam/stages/collect/near.h"
#include "loam/stages/collect/passage_sort.h"
#include "loam/stages/collect/words.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

constexpr const char* kPassagesStopped = "stopped on request while repeated passages were looked for; the same command goes on from there";
constexpr uint64_t kBase1 = 0x9e3779b97f4a7c15ull, kBase2 = 0xc2b2ae3d27d4eb4full;   // odd: no bit of a hash is lost

bool is_space(char32_t c) { return c <= 0x20 || (class_of(c) & kSpace) != 0; }

uint64_t power(uint64_t base, int64_t n) {
  uint64_t out = 1;
  for (int64_t i = 0; i < n; ++i) out *= base;
  return out;
}

}  // namespace

void passage_tokens(std::string_view text, std::vector<PassageToken>& out) {
  out.clear();
  const char *const begin = text.data(), *const end = begin + text.size(), *word = nullptr;
  auto add = [&](const char* from, const char* to) {
    out.push_back({hash64(std::string_view(from, static_cast<size_t>(to - from))), static_cast<uint32_t>(from - begin), static_cast<uint32_t>(to - begin)});
  };
  for (const char* at = begin; at < end;) {
    const Char c = read_char(at, end);
    const bool of_word = c.code != kInvalid && (class_of(c.code) & (kLetter | kNumber | kUpperish | kLowerish)) != 0;
    const bool alone = of_word ? stands_alone(c.code) : !is_space(c.code);
    if (word != nullptr && (!of_word || alone)) {
      add(word, at);
      word = nullptr;
    }
    if (alone) {
      add(at, at + c.bytes);
    } else if (of_word && word == nullptr) {
      word = at;
    }
    at += c.bytes;
  }
  if (word != nullptr) add(word, end);
}

std::string without_spans(std::string_view text, const PassageSpans& spans) {
  std::string out;
  size_t at = 0;
  auto space = [](char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; };
  for (const auto& [begin, end] : spans) {
    out += text.substr(at, begin - at);
    at = end;
    if (out.empty() || space(out.back())) {
      while (at < text.size() && space(text[at])) ++at;
    }
  }
  out += text.substr(at);
  while (!out.empty() && space(out.back())) out.pop_back();
  return out;
}

fs::path PassageFinder::marks(int64_t part) const { return s_.scratch / fmt::format("marks-{:05}", part); }

void PassageFinder::find(int64_t text_bytes, const std::vector<Artifact>& against, Progress& progress) {
  make_folder(s_.scratch);
  if (!fs::exists(s_.scratch / "windows.json")) write_windows(text_bytes, against, progress);
  const Json windows = read_json(s_.scratch / "windows.json");
  first_ = windows.at("first").get<std::vector<int64_t>>();
  if (fs::exists(s_.scratch / "marked")) return;
  MarkFiles files(first_, [this](int64_t part) { return marks(part); });
  sort_passage_windows(s_.scratch, get_int(windows, "buckets"), files, progress);
  write_file(s_.scratch / "marked", "");
  remove_passage_windows(s_.scratch, get_int(windows, "buckets"));
}

void PassageFinder::write_windows(int64_t text_bytes, const std::vector<Artifact>& against, Progress& progress) {
  struct Input {
    fs::path file;
    bool own;
  };
  std::vector<Input> inputs;
  const size_t parts = s_.names.size() / 2;
  for (const Artifact& corpus : against) {
    for (const std::string& name : document_files(corpus)) inputs.push_back({corpus.path(name), false});
    text_bytes += get_int(corpus.counts, "bytes", 0);
  }
  for (size_t part = 0; part < parts; ++part) inputs.push_back({s_.from / s_.names[part], true});
  // Documents are numbered through: where each part begins must be known before the parts are read side by side.
  std::vector<int64_t> rows(inputs.size());
  parallel_each(static_cast<int64_t>(inputs.size()), [&](int64_t i) {
    const Input& input = inputs[static_cast<size_t>(i)];
    if (input.own) rows[static_cast<size_t>(i)] = count_rows(input.file);
    stop_if_requested(kPassagesStopped);
  });
  first_.assign(1, 0);
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].own) first_.push_back(first_.back() + rows[i]);
  }
  require(first_.back() < kElsewhere - 1, "repeated passages are found among at most ", kElsewhere - 1, " documents; collect the sources in several corpora, each --against the ones before");
  WindowFiles files(s_.scratch, text_bytes);
  const uint64_t high1 = power(kBase1, s_.tokens), high2 = power(kBase2, s_.tokens);
  std::atomic<int64_t> done = 0;
  const size_t elsewhere = inputs.size() - parts;
  parallel_each(static_cast<int64_t>(inputs.size()), [&](int64_t i) {
    const Input& input = inputs[static_cast<size_t>(i)];
    WindowFiles::Writer writer(files);
    CorpusReader reader(input.file, /*with_metadata=*/false);
    std::vector<PassageToken> tokens;
    auto document = input.own ? static_cast<uint32_t>(first_[static_cast<size_t>(i) - elsewhere] + 1) : 0;
    while (const auto d = reader.next()) {
      stop_if_requested(kPassagesStopped);
      passage_tokens(d->text, tokens);
      uint64_t a = 0, b = 0;
      for (size_t t = 0; t < tokens.size(); ++t) {
        a = a * kBase1 + tokens[t].hash;
        b = b * kBase2 + tokens[t].hash;
        if (t >= static_cast<size_t>(s_.tokens)) {
          const uint64_t gone = tokens[t - static_cast<size_t>(s_.tokens)].hash;
          a -= high1 * gone;
          b -= high2 * gone;
        }
        if (t + 1 >= static_cast<size_t>(s_.tokens)) writer.add(mix64(a), static_cast<uint32_t>(mix64(b) >> 32), document, static_cast<uint32_t>(t + 1 - static_cast<size_t>(s_.tokens)));
      }
      if (input.own) ++document;
    }
    writer.flush();
    progress.update(++done, static_cast<int64_t>(inputs.size()), "parts read for repeated passages");
  });
  files.finish();
  write_file(s_.scratch / "windows.json", to_line({{"first", first_}, {"buckets", files.buckets()}}));
}

void PassageFinder::write(const fs::path& to, const std::function<void(const PassageCut&)>& cut, Progress& progress) {
  const size_t parts = s_.names.size() / 2;
  NumberTable numbers(s_.scratch / "numbers.table", first_.back());
  uint32_t count = 0;
  int64_t document = 0;
  std::vector<PassageToken> tokens;
  for (size_t part = 0; part < parts; ++part) {
    stop_if_requested("the same command goes on from there");
    const std::string &kept_name = s_.names[part], &ledger_name = s_.names[parts + part];
    // A part that an earlier run finished is the same; what went of it is counted again.
    std::optional<ZstdFileWriter> kept, ledger;
    if (!fs::exists(to / kept_name)) kept.emplace(to / kept_name);
    if (!fs::exists(to / ledger_name)) ledger.emplace(to / ledger_name);
    std::vector<int64_t> base = {0};   // of the part's documents, in its tokens
    for (CorpusReader reader(s_.from / kept_name, /*with_metadata=*/false); const auto d = reader.next();) {
      passage_tokens(d->text, tokens);
      base.push_back(base.back() + static_cast<int64_t>(tokens.size()));
    }
    const std::vector<bool> marked = read_marks(marks(static_cast<int64_t>(part)), first_[part], base);
    size_t in_part = 0;
    // Ledger rows of documents that went, and stand behind the others: they may be as long as the part.
    const fs::path late = s_.scratch / "late.jsonl.zst";
    std::optional<ZstdFileWriter> late_rows;
    each_row(s_.from / kept_name, [&](std::string_view row) {
      const int64_t number = document++;
      const int64_t from = base[in_part], length = base[in_part + 1] - from;
      ++in_part;
      numbers[number] = count;
      const auto begin = marked.begin() + from;
      if (std::find(begin, begin + length, true) == begin + length) {
        if (kept) kept->write(row);
        ++count;
        return;
      }
      const Json old = parse_json(row, (s_.from / kept_name).string());
      const std::string text = get_string(old, "text");
      passage_tokens(text, tokens);
      PassageSpans spans;
      int64_t until = 0, gone = 0;
      for (int64_t t = 0; t < length; ++t) {
        if (marked[static_cast<size_t>(from + t)]) {
          const PassageToken &first = tokens[static_cast<size_t>(t)], &last = tokens[static_cast<size_t>(std::min(t + s_.tokens, length) - 1)];
          if (t < until || (!spans.empty() && t == until)) {
            spans.back().second = last.end;
          } else {
            spans.emplace_back(first.begin, last.end);
          }
          until = std::min(t + s_.tokens, length);
        }
        gone += t < until;
      }
      Document d;
      d.id = get_string(old, "id");
      d.source = get_string(old, "source");
      d.url = get_string(old, "url", "");
      d.created = get_string(old, "created", "");
      d.metadata = old.at("metadata");
      if (gone < length) d.text = without_spans(text, spans);
      PassageCut what{d.source, d.metadata.value("file", std::string()), d.metadata, gone == length, static_cast<int64_t>(spans.size()), static_cast<int64_t>(text.size() - d.text.size()), count_code_points(text) - count_code_points(d.text)};
      cut(what);
      if (what.gone) {
        numbers[number] = kElsewhere;
        if (!ledger) return;
        if (!late_rows) late_rows.emplace(late, 1);
        late_rows->write(dropped_row({d.id, d.source, d.url, "all_repeated", static_cast<int64_t>(spans.size()), nullptr, text, d.created, d.metadata}));
        return;
      }
      d.metadata["repeated_bytes"] = what.bytes;
      if (kept) kept->write(document_row(d));
      ++count;
    });
    if (kept) kept->commit();
    each_row(s_.from / ledger_name, [&](std::string_view row) {
      if (ledger) ledger->write(renumbered_row(row, [&](int64_t number) { return numbers[number] == kElsewhere ? Json() : Json(numbers[number]); }));
    });
    if (late_rows) {
      late_rows->commit();
      each_row(late, [&](std::string_view row) { ledger->write(row); });
    }
    if (ledger) ledger->commit();
    progress.update(static_cast<int64_t>(part) + 1, static_cast<int64_t>(parts), "parts");
  }
}

}  // namespace loam
