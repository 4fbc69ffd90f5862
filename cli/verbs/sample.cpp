// loam sample: a few documents of a corpus, or of what was left out of it.
#include <fmt/format.h>

#include <algorithm>
#include <iostream>
#include <queue>

#include "cli/verbs.h"
#include "loam/artifacts/corpus.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

struct SampleFlags {
  int64_t count = 10, characters = 2000;
  std::string source, reason, language;
  bool dropped = false;
};

/// The rows with the lowest hashes of their ids: any row has the same chance, and the same are chosen whatever the order.
class Chosen {
 public:
  Chosen(int64_t count, uint64_t seed) : count_(count), seed_(seed) {}
  bool wants(const std::string& id) {
    ++offered_;
    rank_ = mix64(hash64(id) ^ mix64(seed_));
    return static_cast<int64_t>(rows_.size()) < count_ || rank_ < rows_.top().first;
  }
  void take(Json row) {
    rows_.emplace(rank_, std::move(row));
    if (static_cast<int64_t>(rows_.size()) > count_) rows_.pop();
  }
  int64_t offered() const { return offered_; }
  std::vector<Json> rows() {
    std::vector<Json> out;
    for (; !rows_.empty(); rows_.pop()) out.push_back(rows_.top().second);
    std::reverse(out.begin(), out.end());
    return out;
  }

 private:
  struct ByRank {
    bool operator()(const std::pair<uint64_t, Json>& a, const std::pair<uint64_t, Json>& b) const { return a.first < b.first; }
  };
  int64_t count_, offered_ = 0;
  uint64_t seed_, rank_ = 0;
  std::priority_queue<std::pair<uint64_t, Json>, std::vector<std::pair<uint64_t, Json>>, ByRank> rows_;
};

std::string beginning(const std::string& text, int64_t characters) {
  size_t at = 0;
  for (int64_t n = 0; n < characters && at < text.size(); ++n) next_code_point(text, at);
  return at < text.size() ? text.substr(0, at) + "..." : text;
}

Report sample(const std::string& folder, const SampleFlags& flags, uint64_t seed, bool json) {
  const Artifact corpus = open_artifact(folder, "corpus");
  Chosen chosen(flags.count, seed);
  if (flags.dropped) {
    for (const std::string& name : dropped_files(corpus)) {
      stop_if_requested("nothing was written");
      for (const Dropped& d : read_dropped(corpus.path(name))) {
        if ((!flags.source.empty() && d.source != flags.source) || (!flags.reason.empty() && d.reason != flags.reason) || !chosen.wants(d.id)) continue;
        chosen.take({{"id", d.id}, {"source", d.source}, {"url", d.url}, {"reason", d.reason}, {"value", d.value}, {"threshold", d.threshold}, {"text", beginning(d.text, flags.characters)}});
      }
    }
  } else {
    CorpusReader reader(corpus);
    while (const auto d = reader.next()) {
      stop_if_requested("nothing was written");
      if ((!flags.source.empty() && d->source != flags.source) || (!flags.language.empty() && d->metadata.value("language", Json()) != flags.language) || !chosen.wants(d->id)) continue;
      chosen.take({{"id", d->id}, {"source", d->source}, {"url", d->url}, {"created", d->created}, {"metadata", d->metadata}, {"text", beginning(d->text, flags.characters)}});
    }
  }
  const auto rows = chosen.rows();
  require_input(!rows.empty(), folder, ": no ", flags.dropped ? "ledger row" : "document", " is of that kind");
  for (const Json& row : rows) {
    if (json) {
      std::cout << to_line(row) << "\n";
      continue;
    }
    std::cout << "== " << get_string(row, "id") << (get_string(row, "url", "").empty() ? "" : "  " + get_string(row, "url"));
    if (flags.dropped) std::cout << fmt::format("  [{}: {} against {}]", get_string(row, "reason"), to_line(row["value"]), to_line(row["threshold"]));
    std::cout << "\n" << get_string(row, "text") << "\n\n";
  }
  return report({{"shown", rows.size()}, {"of", chosen.offered()}});
}

}  // namespace

void add_sample(Cli& cli) {
  Verb& verb = cli.add("sample", "a few documents of a corpus, or of what was left out and why", "loam sample corpus --dropped --reason gopher_short_doc");
  auto folder = verb.positional("corpus", "folder written by `loam collect`");
  auto count = verb.text("count", "how many", false, "10");
  auto characters = verb.text("characters", "how much of each text", false, "2000");
  auto dropped = verb.flag("dropped", "from the ledger of what was left out");
  auto reason = verb.text("reason", "those left out for this reason");
  auto source = verb.text("source", "those of this source");
  auto language = verb.text("language", "those in this language (metadata: language)");
  verb.run([=](Run& run) {
    SampleFlags flags;
    flags.count = parse_count(*count, "--count");
    flags.characters = parse_count(*characters, "--characters");
    require(flags.count >= 1 && flags.count <= 100000, "--count ", flags.count, " is not in 1 to 100,000");
    flags.dropped = *dropped || !reason->empty();
    flags.reason = *reason;
    flags.source = *source;
    flags.language = *language;
    require(flags.language.empty() || !flags.dropped, "--language goes with documents that stayed, not with --dropped");
    return sample(*folder, flags, run.seed(), run.flags().json);
  });
}

}  // namespace loam
