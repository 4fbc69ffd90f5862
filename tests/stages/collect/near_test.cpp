// Near-duplicates: clusters, planted texts, and collect with them, stopped on the way and on any number of threads.
#include "loam/stages/collect/near.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/collect.h"
#include "loam/stages/collect/minhash.h"

namespace loam {
namespace {

fs::path fresh(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_near" / name;
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

/// `n` words drawn from a vocabulary that no other seed's text shares.
std::vector<std::string> words(uint64_t seed, int n) {
  std::vector<std::string> out;
  for (int i = 0; i < n; ++i) {
    const uint64_t x = mix64(seed * 100003 + static_cast<uint64_t>(i));
    std::string word;
    for (int k = 0; k < 7; ++k) word += static_cast<char>('a' + (x >> (5 * k)) % 26);
    out.push_back(word);
  }
  return out;
}

std::string joined_text(const std::vector<std::string>& list) {
  std::string out;
  for (size_t i = 0; i < list.size(); ++i) out += list[i] + (i % 12 == 11 ? ".\n" : " ");
  return out;
}

/// The text with a run of words replaced: of 204 words, 200 shingles, a run of w changes w + 4 of them.
std::string changed(std::vector<std::string> list, uint64_t seed, int run) {
  const auto other = words(seed + 1000000, run);
  std::copy(other.begin(), other.end(), list.begin() + 60);
  return joined_text(list);
}

double jaccard(const std::string& a, const std::string& b) {
  const auto x = minhash_shingles(a), y = minhash_shingles(b);
  const std::set<uint64_t> s(x.begin(), x.end()), t(y.begin(), y.end());
  int64_t both = 0;
  for (const uint64_t h : s) both += t.count(h) != 0;
  return static_cast<double>(both) / static_cast<double>(s.size() + t.size() - static_cast<size_t>(both));
}

std::string lines_of(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += to_line(Json{{"text", text}}) + "\n";
  return out;
}

CollectConfig near_config() {
  CollectConfig config;
  config.preset = "none";
  config.dedup = "near";
  return config;
}

struct Made {
  Collected made;
  std::vector<Document> documents;
  std::vector<Dropped> dropped;
};

Made run_near(const std::vector<std::string>& sources, const fs::path& out, const CollectConfig& config, bool force = false) {
  Progress quiet;
  Made result;
  result.made = collect(sources, config, out, force, quiet);
  CorpusReader reader(result.made.corpus);
  while (auto d = reader.next()) result.documents.push_back(std::move(*d));
  for (const auto& name : dropped_files(result.made.corpus)) {
    for (auto& d : read_dropped(result.made.corpus.path(name))) result.dropped.push_back(std::move(d));
  }
  EXPECT_EQ(result.made.total.documents, static_cast<int64_t>(result.documents.size()));
  EXPECT_EQ(result.made.total.all_dropped(), static_cast<int64_t>(result.dropped.size()));
  return result;
}

TEST(Near, ClustersFollowFromSharedBuckets) {
  const fs::path dir = fresh("clusters");
  SignatureLog log(dir, "own");
  auto signature = [](std::initializer_list<std::pair<int, uint64_t>> buckets, uint64_t otherwise) {
    std::vector<uint64_t> out(112, otherwise);
    for (const auto& [bucket, value] : buckets) std::fill_n(out.begin() + bucket * 8, 8, value);
    return out;
  };
  for (uint32_t d = 0; d < 8; ++d) {
    if (d == 1) log.add(d, signature({{3, 7}}, 100 + d));
    else if (d == 4) log.add(d, signature({{3, 7}, {9, 5}}, 100 + d));
    else if (d == 6) log.add(d, signature({{9, 5}}, 100 + d));
    else if (d == 7) log.add(d, signature({{0, 1}}, 100 + d));
    else log.add(d, signature({}, 100 + d));
  }
  EXPECT_EQ(log.save(), 8);
  SignatureLog elsewhere(dir, "elsewhere");
  elsewhere.add(kElsewhere, signature({{0, 1}}, 999));
  elsewhere.add(kElsewhere, signature({{1, 1}}, 999));
  elsewhere.save();
  Progress quiet;
  const NearClusters clusters = find_clusters(dir, 8, quiet);
  const std::vector<uint32_t> expected = {0, 1, 2, 3, 1, 5, 1, kElsewhere};
  for (int64_t d = 0; d < 8; ++d) EXPECT_EQ(clusters.first_of(d), expected[static_cast<size_t>(d)]) << d;
  EXPECT_EQ(fs::file_size(dir / "own.log-00"), 8u * 68u);
}

TEST(Near, ThePlantedAreFoundAndNoOthers) {
  const fs::path dir = fresh("planted");
  std::vector<std::string> texts;
  int planted = 0;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    texts.push_back(joined_text(words(seed, 204)));
    if (seed % 3 != 0) continue;
    texts.push_back(changed(words(seed, 204), seed, 6));  // 10 of 200 shingles: Jaccard 190 / 210
    EXPECT_NEAR(jaccard(texts[texts.size() - 2], texts.back()), 0.9, 0.01);
    ++planted;
  }
  write_file(dir / "in.jsonl", lines_of(texts));
  const Made made = run_near({"s=" + (dir / "in.jsonl").string()}, dir / "out", near_config());
  // 100 pairs, each found with 0.9996: less than 98 would happen once in millions of runs, and this one is always the same.
  EXPECT_GE(made.dropped.size(), 98u);
  EXPECT_LE(made.dropped.size(), static_cast<size_t>(planted));
  for (const Dropped& d : made.dropped) {
    EXPECT_EQ(d.reason, "near_duplicate");
    ASSERT_TRUE(d.value.is_number());
    EXPECT_GT(jaccard(d.text, made.documents.at(d.value.get<size_t>()).text), 0.8) << "the ledger names the one that stayed";
  }
  EXPECT_EQ(read_file(dir / "out" / "files.tsv").substr(0, 10), "s\tin.jsonl");
  EXPECT_NE(read_file(dir / "out" / "files.tsv").find("\t" + std::to_string(made.documents.size()) + "\t" + std::to_string(made.dropped.size()) + "\n"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir / "out" / "state"));
}

// Cuts of one text that overlap for the most part are one cluster, be it through others.
TEST(Near, OverlappingCutsAreClusters) {
  std::string source;
  for (const std::string& word : words(77, 400)) source += word + " ";
  const fs::path dir = fresh("cuts");
  std::vector<std::string> texts;
  for (const auto& cluster : std::vector<std::vector<size_t>>{{0, 20, 50}, {800, 810, 820, 840, 860}, {1600}, {2400}}) {
    for (const size_t at : cluster) texts.push_back(source.substr(at, 700));
  }
  write_file(dir / "in.jsonl", lines_of(texts));
  const Made made = run_near({"s=" + (dir / "in.jsonl").string()}, dir / "out", near_config());
  ASSERT_EQ(made.documents.size(), 4u);
  EXPECT_EQ(made.documents[0].text, texts[0]);
  EXPECT_EQ(made.documents[1].text, texts[3]);
}

TEST(Near, ExactOnesAndNumbersFollow) {
  const fs::path dir = fresh("numbers");
  const std::string a = joined_text(words(1, 204)), b = changed(words(1, 204), 1, 3), c = joined_text(words(2, 204)), d = joined_text(words(3, 204));
  write_file(dir / "in.jsonl", lines_of({d, a, b, c, c, b, d}));
  const Made made = run_near({"s=" + (dir / "in.jsonl").string()}, dir / "out", near_config());
  ASSERT_EQ(made.documents.size(), 3u);  // d a c
  std::map<std::string, std::vector<Json>> values;
  for (const Dropped& x : made.dropped) values[x.reason].push_back(x.value);
  EXPECT_EQ(values["near_duplicate"], (std::vector<Json>{1}));     // b of a
  EXPECT_EQ(values["duplicate"], (std::vector<Json>{2, 1, 0}));    // c, b (of which a stayed), d
}

TEST(Near, AgainstACorpusThatIsThere) {
  const fs::path dir = fresh("against");
  write_file(dir / "old.jsonl", lines_of({joined_text(words(1, 204)), joined_text(words(2, 204))}));
  write_file(dir / "new.jsonl", lines_of({joined_text(words(3, 204)), changed(words(1, 204), 1, 3), joined_text(words(2, 204)), changed(words(3, 204), 3, 3)}));
  CollectConfig config = near_config();
  run_near({"s=" + (dir / "old.jsonl").string()}, dir / "old", config);
  config.against = {(dir / "old").string()};
  const Made made = run_near({"s=" + (dir / "new.jsonl").string()}, dir / "new", config);
  ASSERT_EQ(made.documents.size(), 1u);
  EXPECT_EQ(made.documents[0].text, joined_text(words(3, 204)));
  std::map<std::string, std::vector<Json>> values;
  for (const Dropped& x : made.dropped) values[x.reason].push_back(x.value);
  EXPECT_EQ(values["duplicate"], (std::vector<Json>{nullptr}));
  EXPECT_EQ(values["near_duplicate"], (std::vector<Json>{nullptr, 0}));
  EXPECT_EQ(made.made.corpus.inputs.back().kind, "corpus");
}

class StopsAt : public Progress {
 public:
  explicit StopsAt(int n) : left_(n) {}
  void update(int64_t, int64_t, std::string_view) override {
    if (--left_ == 0) request_stop();
  }

 private:
  int left_;
};

TEST(Near, SameBytesWhereverItIsStoppedAndOnAnyThreads) {
  const fs::path dir = fresh("stops");
  for (int file = 0; file < 4; ++file) {
    std::vector<std::string> texts;
    for (uint64_t seed = 0; seed < 400; ++seed) texts.push_back(seed % 2 == 0 ? joined_text(words(seed + static_cast<uint64_t>(file % 2) * 5000, 204)) : changed(words(seed - 1, 204), seed + static_cast<uint64_t>(file), 5));
    write_file(dir / ("in" + std::to_string(file) + ".jsonl"), lines_of(texts));
  }
  const std::vector<std::string> sources = {"s=" + (dir / "in*.jsonl").string()};
  const Made whole = run_near(sources, dir / "whole", near_config());
  EXPECT_GT(whole.made.total.dropped.at("near_duplicate"), 700);
  for (const int n : {1, 3}) {
    set_threads(n);
    EXPECT_EQ(run_near(sources, dir / ("threads" + std::to_string(n)), near_config()).made.corpus.content, whole.made.corpus.content) << n;
  }
  set_threads(hardware_threads());
  int stops = 0;
  for (int at = 1; at < 40; at += 6) {
    const fs::path out = dir / "stopped";
    fs::remove_all(out);
    StopsAt stopping(at);
    try {
      collect(sources, near_config(), out, false, stopping);
      request_stop(false);
      break;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::interrupted) << e.what();
      ++stops;
    }
    request_stop(false);
    EXPECT_EQ(run_near(sources, out, near_config()).made.corpus.content, whole.made.corpus.content) << "stopped at " << at;
  }
  EXPECT_GE(stops, 2);
}

}  // namespace
}  // namespace loam
