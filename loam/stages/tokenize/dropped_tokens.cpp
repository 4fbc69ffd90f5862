#include "loam/stages/tokenize/dropped_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "loam/artifacts/corpus.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/tokenize/tokenize.h"

namespace loam {
namespace {

constexpr int64_t kLedgerBatch = int64_t{4} << 20;  // of text

using Key = std::tuple<std::string, std::string, std::string>;  // source, reason, language
using Sums = std::map<Key, DroppedTokens>;

void add(Sums& sums, const DroppedTokens& row) {
  DroppedTokens& sum = sums[{row.source, row.reason, row.language}];
  sum.source = row.source;
  sum.reason = row.reason;
  sum.language = row.language;
  sum.documents += row.documents;
  sum.bytes += row.bytes;
  sum.tokens += row.tokens;
  sum.about = row.about;
}

std::vector<DroppedTokens> sorted(const Sums& sums) {
  std::vector<DroppedTokens> out;
  for (const auto& [key, sum] : sums) out.push_back(sum);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.tokens > b.tokens; });
  return out;
}

Sums count_ledger(const fs::path& file, const Tokenizer& tokenizer) {
  Sums sums;
  LedgerReader rows(file);
  for (bool more = true; more;) {
    std::vector<Dropped> batch;
    for (int64_t bytes = 0; bytes < kLedgerBatch;) {
      auto row = rows.next();
      more = row.has_value();
      if (!more) break;
      bytes += static_cast<int64_t>(row->text.size() + sizeof(Dropped));
      batch.push_back(std::move(*row));
    }
    std::vector<int64_t> tokens(batch.size());
    parallel_for(static_cast<int64_t>(batch.size()), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      tokens[at] = static_cast<int64_t>(tokenizer.encode(batch[at].text).size()) + 1;
    });
    for (size_t i = 0; i < batch.size(); ++i) {
      const Dropped& d = batch[i];
      const std::string language = d.metadata.is_object() ? get_string(d.metadata, "language", "") : "";
      add(sums, {d.source, d.reason, language.empty() ? kNoLanguage : language, 1, static_cast<int64_t>(d.text.size()), tokens[i]});
    }
    stop_if_requested("ledger files that were counted are kept, the same command goes on");
  }
  return sums;
}

}  // namespace

Json DroppedTokens::json() const {
  Json out = {{"source", source}, {"reason", reason}, {"documents", documents}, {"bytes", bytes}, {"tokens", tokens}};
  if (!language.empty()) out["language"] = language;
  if (about) out["about"] = true;
  return out;
}

std::vector<DroppedTokens> count_dropped(const std::vector<Artifact>& corpora, const Tokenizer& tokenizer, const fs::path& state, Progress& progress) {
  Sums sums;
  int64_t unit = 0, documents = 0, total = 0;
  for (const Artifact& corpus : corpora) total += get_int(corpus.counts, "dropped", 0);
  for (const Artifact& corpus : corpora) {
    for (const std::string& name : dropped_files(corpus)) {
      const fs::path kept = state / fmt::format("dropped-{:05}.json", unit++);
      if (!fs::exists(kept)) {
        Json rows = Json::array();
        for (const auto& [key, sum] : count_ledger(corpus.path(name), tokenizer)) rows.push_back(sum.json());
        write_file(kept, to_pretty(rows));
      }
      for (const Json& row : read_json(kept)) {
        add(sums, {get_string(row, "source"), get_string(row, "reason"), get_string(row, "language"), get_int(row, "documents"), get_int(row, "bytes"), get_int(row, "tokens")});
        documents += get_int(row, "documents");
      }
      progress.update(documents, std::max(total, documents), "documents that were left out encoded");
    }
  }
  return sorted(sums);
}

std::vector<DroppedTokens> guess_dropped(const std::vector<Artifact>& corpora, const std::vector<TokenizedSource>& sources) {
  std::map<std::string, double> rates;  // tokens a byte
  double tokens = 0, bytes = 0;
  for (const TokenizedSource& source : sources) {
    tokens += static_cast<double>(source.tokens);
    bytes += static_cast<double>(source.bytes);
    if (source.bytes > 0) rates[source.name] = static_cast<double>(source.tokens) / static_cast<double>(source.bytes);
  }
  Sums sums;
  for (const Artifact& corpus : corpora) {
    const Json named = corpus.counts.value("sources", Json::object());
    if (!named.is_object()) continue;
    for (const auto& [name, counts] : named.items()) {
      const Json reasons = counts.value("reasons", Json::object()), of_text = counts.value("reason_bytes", Json::object());
      const double rate = rates.contains(name) ? rates[name] : bytes > 0 ? tokens / bytes : 0;
      for (const auto& [reason, size] : of_text.items()) {
        const auto length = size.get<int64_t>();
        add(sums, {name, reason, "", get_int(reasons, reason.c_str(), int64_t{0}), length, std::llround(rate * static_cast<double>(length)), true});
      }
    }
  }
  return sorted(sums);
}

}  // namespace loam
