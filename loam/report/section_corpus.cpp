// What a corpus is made of: lengths, languages, and texts that stayed beside texts that were left out.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <queue>
#include <set>

#include "loam/artifacts/corpus.h"
#include "loam/base/hash.h"
#include "loam/report/chart.h"
#include "loam/report/report.h"

namespace loam {
namespace {

constexpr size_t kParts = 3;          // read of a corpus, from its beginning to its end
constexpr size_t kSamples = 6;        // rows of the table of texts
constexpr size_t kLanguages = 12;
constexpr int64_t kCharacters = 420;  // of each text
constexpr int64_t kLedgerRows = 4000; // looked at of each part's ledger

std::string beginning(const std::string& text) {
  std::string out;
  size_t at = 0;
  for (int64_t n = 0; at < text.size() && n < kCharacters; ++n) {
    size_t end = at + 1;
    while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) ++end;
    out += text.substr(at, end - at);
    at = end;
  }
  return at < text.size() ? out + "..." : out;
}

/// Which parts stand for all: the first, the last, and what lies evenly between.
std::vector<std::string> some(const std::vector<std::string>& files) {
  if (files.size() <= kParts) return files;
  std::vector<std::string> out;
  for (size_t i = 0; i < kParts; ++i) out.push_back(files[i * (files.size() - 1) / (kParts - 1)]);
  return out;
}

struct Look {
  std::map<int, int64_t> lengths;   // documents by the power of two their bytes reach
  int64_t documents = 0;
  size_t parts = 0, of = 0;
  std::vector<Document> kept;       // those of the lowest hashes of their ids
  std::vector<Dropped> dropped;     // one of each of the commonest reasons
};

Look look_at(const Artifact& corpus) {
  Look look;
  const auto files = document_files(corpus), ledgers = dropped_files(corpus);
  const auto chosen = some(files);
  look.parts = chosen.size();
  look.of = files.size();
  using Ranked = std::pair<uint64_t, Document>;
  auto lower = [](const Ranked& a, const Ranked& b) { return a.first < b.first; };
  std::priority_queue<Ranked, std::vector<Ranked>, decltype(lower)> best(lower);
  for (const std::string& name : chosen) {
    CorpusReader reader(corpus.path(name), /*with_metadata=*/false);
    while (auto d = reader.next()) {
      ++look.documents;
      ++look.lengths[d->text.empty() ? 0 : static_cast<int>(std::log2(static_cast<double>(d->text.size())))];
      const uint64_t rank = mix64(hash64(d->id));
      if (best.size() == kSamples && rank >= best.top().first) continue;
      d->text = beginning(d->text);
      best.emplace(rank, std::move(*d));
      if (best.size() > kSamples) best.pop();
    }
  }
  for (; !best.empty(); best.pop()) look.kept.push_back(best.top().second);
  std::reverse(look.kept.begin(), look.kept.end());
  // Reasons by how many went for them; those without a text to show are passed over.
  std::vector<std::pair<int64_t, std::string>> reasons;
  const Json counted = corpus.counts.value("reasons", Json::object());
  for (const auto& [reason, count] : counted.items()) {
    if (count.is_number_integer()) reasons.emplace_back(-count.get<int64_t>(), reason);
  }
  std::sort(reasons.begin(), reasons.end());
  std::map<std::string, std::pair<uint64_t, Dropped>> of_reason;
  for (const std::string& name : some(ledgers)) {
    int64_t rows = 0;
    for (Dropped& d : read_dropped(corpus.path(name))) {
      if (++rows > kLedgerRows) break;
      if (d.text.empty()) continue;
      const uint64_t rank = mix64(hash64(d.id));
      const auto it = of_reason.find(d.reason);
      if (it != of_reason.end() && it->second.first <= rank) continue;
      d.text = beginning(d.text);
      const std::string reason = d.reason;  // d is moved from
      of_reason.insert_or_assign(reason, std::pair(rank, std::move(d)));
    }
  }
  for (const auto& [negative, reason] : reasons) {
    if (const auto it = of_reason.find(reason); it != of_reason.end() && look.dropped.size() < kSamples) look.dropped.push_back(it->second.second);
  }
  return look;
}

std::string size_name(int power) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB"};
  const size_t unit = std::min<size_t>(static_cast<size_t>(power) / 10, 3);
  return fmt::format("{} {}", int64_t{1} << (power - static_cast<int>(unit) * 10), kUnits[unit]);
}

Figure lengths_figure(const Look& look, const std::string& name) {
  std::vector<CountRow> rows;
  const int first = look.lengths.begin()->first, last = look.lengths.rbegin()->first;
  for (int power = first; power <= last; ++power) {
    const auto it = look.lengths.find(power);
    rows.push_back({fmt::format("{} to {}", size_name(power), size_name(power + 1)), it == look.lengths.end() ? 0 : it->second});
  }
  return {count_chart(rows, "Lengths of documents in " + name), fmt::format("Documents by the length of their text{}.", look.parts < look.of ? fmt::format(", in {} of the corpus's {} parts", look.parts, look.of) : ""), true};
}

std::optional<Figure> languages_figure(const MadeArtifact& made) {
  std::map<std::string, int64_t> languages;
  auto add = [&](const Json& counts) {
    const Json found = counts.value("languages", Json::object());
    for (const auto& [language, count] : found.items()) {
      if (count.is_number_integer()) languages[language] += count.get<int64_t>();
    }
  };
  add(made.artifact.counts);
  if (languages.empty()) return std::nullopt;
  std::vector<CountRow> rows;
  for (const auto& [language, count] : languages) rows.push_back({language == "un" ? "not told" : language, count});
  std::stable_sort(rows.begin(), rows.end(), [](const CountRow& a, const CountRow& b) { return a.count > b.count; });
  if (rows.size() > kLanguages) {
    CountRow rest{fmt::format("{} others", rows.size() - kLanguages + 1), 0};
    for (size_t i = kLanguages - 1; i < rows.size(); ++i) rest.count += rows[i].count;
    rows.resize(kLanguages - 1);
    rows.push_back(rest);
  }
  return Figure{count_chart(rows, "Languages of " + made.name), "Documents by language.", true};
}

Table texts_table(const Look& look, const std::string& name) {
  Table table;
  table.caption = name + ": texts that stayed, beside texts that were left out, the commonest reasons first. `loam sample` shows more of both.";
  table.columns = {"stayed", "left out"};
  table.row_headers = false;
  table.even = true;
  for (size_t i = 0; i < std::max(look.kept.size(), look.dropped.size()); ++i) {
    const std::string kept = i < look.kept.size() ? look.kept[i].id + ": " + look.kept[i].text : "";
    std::string dropped;
    if (i < look.dropped.size()) {
      const Dropped& d = look.dropped[i];
      dropped = fmt::format("{}{}: {}", d.reason, d.value.is_number() && d.threshold.is_number() ? fmt::format(" ({:.4g} against {:.4g})", d.value.get<double>(), d.threshold.get<double>()) : "", d.text);
    }
    table.rows.push_back({{kept}, {dropped}});
  }
  return table;
}

}  // namespace

std::vector<Block> corpus_blocks(const MadeArtifact& made) {
  std::vector<Block> out;
  if (document_files(made.artifact).empty()) return out;
  const Look look = look_at(made.artifact);
  if (look.documents == 0) return out;
  out.push_back(lengths_figure(look, made.name));
  if (auto languages = languages_figure(made)) out.push_back(std::move(*languages));
  out.push_back(texts_table(look, made.name));
  return out;
}

}  // namespace loam
