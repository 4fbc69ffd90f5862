#include "loam/stages/tokenize/encoded.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/stages/tokenize/corpus_batches.h"

namespace loam {
namespace {

using Record = EncodedCorpora::Record;
static_assert(std::is_trivially_copyable_v<Record> && sizeof(Record) == 40);

constexpr int64_t kEncodedBatch = int64_t{4} << 20;   // of text; two are held, and their tokens

fs::path part(const fs::path& stem, const char* ending) { return fs::path(stem.string() + ending); }

/// Tabs and line ends would break the table; they are rare in names, and are written as JSON writes them.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\t') {
      out += "\\t";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
}

/// Where `name` stands in `names`, now if not before.
int32_t number_of(const std::string& name, std::vector<std::string>& names) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<int32_t>(it - names.begin());
  names.push_back(name);
  return static_cast<int32_t>(names.size()) - 1;
}

/// Writes one unit; its .json comes last and says that the rest is complete.
struct UnitWriter {
  fs::path stem;
  int width;
  AtomicFile tokens, records, table;
  std::vector<std::string> sources, languages;
  int64_t token_count = 0, documents = 0;

  UnitWriter(const fs::path& s, int token_bytes)
      : stem(s), width(token_bytes), tokens(part(s, ".tok")), records(part(s, ".rec")), table(part(s, ".tsv")) {}

  void add(const Document& document, const std::vector<int32_t>& ids, int64_t number, const std::string& file, int64_t row) {
    Record record;
    record.begin = token_count;
    record.tokens = static_cast<int64_t>(ids.size());
    record.text_bytes = static_cast<int64_t>(document.text.size());
    record.id_hash = hash64(document.id);
    record.source = number_of(document.source, sources);
    record.language = number_of(document.language, languages);
    records.write(&record, sizeof record);
    if (width == 4) {
      tokens.write(ids.data(), record.tokens * 4);
    } else {
      std::vector<uint16_t> narrow(ids.size());
      std::transform(ids.begin(), ids.end(), narrow.begin(), [](int32_t id) { return static_cast<uint16_t>(id); });
      tokens.write(narrow.data(), record.tokens * 2);
    }
    table.write(fmt::format("{}\t{}\t{}\t{}\t{}\n", number, file, row, cell(document.id), cell(document.url)));
    token_count += record.tokens;
    ++documents;
  }
  void commit() {
    tokens.commit();
    records.commit();
    table.commit();
    write_file(part(stem, ".json"), to_pretty({{"documents", documents}, {"tokens", token_count}, {"sources", sources}, {"languages", languages}}));
  }
};

}  // namespace

size_t EncodedCorpora::unit_of(int64_t document) const {
  LOAM_ASSERT(document >= 0 && document < documents());
  return static_cast<size_t>(std::upper_bound(firsts_.begin(), firsts_.end(), document) - firsts_.begin()) - 1;
}

Record EncodedCorpora::record(int64_t document) const {
  const size_t at = unit_of(document);
  Record out = units_[at].records[document - firsts_[at]];
  out.source = units_[at].sources[static_cast<size_t>(out.source)];
  out.language = units_[at].languages[static_cast<size_t>(out.language)];
  return out;
}

std::span<const std::byte> EncodedCorpora::tokens(int64_t document) const {
  const Record r = record(document);
  held_.resize(static_cast<size_t>(r.tokens * width_));
  files_->read(units_[unit_of(document)].tokens, r.begin * width_, held_.data(), r.tokens * width_);
  return held_;
}

std::vector<int32_t> EncodedCorpora::wide_tokens(int64_t document) const {
  const auto raw = tokens(document);
  std::vector<int32_t> out(raw.size() / static_cast<size_t>(width_));
  for (size_t i = 0; i < out.size(); ++i) {
    if (width_ == 4) {
      std::memcpy(&out[i], raw.data() + i * 4, 4);
    } else {
      uint16_t id;
      std::memcpy(&id, raw.data() + i * 2, 2);
      out[i] = id;
    }
  }
  return out;
}

void EncodedCorpora::add(const fs::path& stem, const Json& made) {
  Unit unit = {files_->add(part(stem, ".tok")), StoredArray<Record>(*files_, files_->add(part(stem, ".rec"))), {}, {}};
  for (const Json& name : made.at("sources")) unit.sources.push_back(number_of(name.get<std::string>(), sources_));
  for (const Json& name : made.at("languages")) unit.languages.push_back(number_of(name.get<std::string>(), languages_));
  const int64_t first = documents();
  firsts_.push_back(first);
  units_.push_back(std::move(unit));
  tables_.push_back(part(stem, ".tsv"));
}

EncodedCorpora encode_corpora(const std::vector<Artifact>& corpora, const Tokenizer& tokenizer, const fs::path& state, Progress& progress) {
  EncodedCorpora out;
  out.width_ = token_bytes_for(tokenizer.vocab_size());
  int64_t total = 0, done = 0;
  for (const Artifact& corpus : corpora) total += get_int(corpus.counts, "documents", 0);
  int64_t unit = 0;
  for (int64_t c = 0; c < static_cast<int64_t>(corpora.size()); ++c) {
    const Artifact& corpus = corpora[static_cast<size_t>(c)];
    const std::vector<std::string> files = document_files(corpus);
    for (int64_t f = 0; f < static_cast<int64_t>(files.size()); ++f, ++unit) {
      const fs::path stem = state / fmt::format("unit-{:05}", unit);
      // Of several corpora each file is named with the beginning of its corpus's content.
      const std::string name = (corpora.size() > 1 ? corpus.content.substr(0, 12) + "/" : "") + files[static_cast<size_t>(f)];
      if (!fs::exists(part(stem, ".json")) || !read_json(part(stem, ".json")).contains("languages")) {
        UnitWriter writer(stem, out.width_);
        CorpusBatches batches(corpora, {c, f, 0}, kEncodedBatch, true);
        batches.for_each_batch(
            [&](int64_t item, CorpusBatch& batch) {
              auto& mine = batch.items[static_cast<size_t>(item)];
              mine.ids = tokenizer.encode(mine.document.text);
            },
            [&](CorpusBatch& batch) {
              for (const auto& item : batch.items) {
                writer.add(item.document, item.ids, out.documents() + writer.documents, name, item.place.row);
              }
              progress.update(done + writer.documents, total, "documents encoded");
              stop_if_requested("what was encoded file by file is kept, the same command goes on");
              return true;
            });
        writer.commit();
      }
      out.add(stem, read_json(part(stem, ".json")));
      done = out.documents();
      progress.update(done, total, "documents encoded");
    }
  }
  return out;
}

}  // namespace loam
