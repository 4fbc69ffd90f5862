// Repeated passages, held against a suffix array of the whole text.
#include "loam/stages/collect/passages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "loam/artifacts/corpus.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/collect.h"

namespace loam {
namespace {

std::vector<std::string> words_of(std::string_view text) {
  std::vector<PassageToken> tokens;
  passage_tokens(text, tokens);
  std::vector<std::string> out;
  for (const PassageToken& t : tokens) out.emplace_back(text.substr(t.begin, t.end - t.begin));
  return out;
}

TEST(Passages, Tokens) {
  EXPECT_EQ(words_of("It's 3.5 km,\n  naïve—川の水"), (std::vector<std::string>{"It", "'", "s", "3", ".", "5", "km", ",", "naïve", "—", "川", "の", "水"}));
  EXPECT_TRUE(words_of(" \n\t ").empty());
  EXPECT_EQ(words_of("a\xff" "b").size(), 3u);
}

TEST(Passages, CutsLeaveNoHoles) {
  EXPECT_EQ(without_spans("one two three four", {{4, 13}}), "one four");
  EXPECT_EQ(without_spans("A\n\nB\n\nC", {{3, 4}}), "A\n\nC");
  EXPECT_EQ(without_spans("one two", {{0, 3}}), "two");
  EXPECT_EQ(without_spans("one two", {{4, 7}}), "one");
}

class PassageCollect : public testing::Test {
 protected:
  void SetUp() override {
    folder = fs::path(testing::TempDir()) / "passages" / testing::UnitTest::GetInstance()->current_test_info()->name();
    fs::remove_all(folder);
    make_folder(folder / "texts");
    config.preset = "none";
    config.repeated = "substrings";
    config.repeated_tokens = 8;
  }
  void add(const std::string& name, const std::string& text) { write_file(folder / "texts" / name, text); }
  std::vector<Document> documents(const Collected& made) {
    std::vector<Document> out;
    CorpusReader reader(made.corpus);
    while (auto d = reader.next()) out.push_back(*d);
    return out;
  }
  Collected run(const std::string& name) { return collect({"t=" + (folder / "texts").string()}, config, folder / name, false, progress); }
  /// Bytes by reason and by language are those of the rows.
  void expect_counts(const Collected& made) {
    std::map<std::string, int64_t> reasons, languages;
    for (const Document& d : documents(made)) languages[get_string(d.metadata, "language")] += static_cast<int64_t>(d.text.size());
    for (const std::string& name : dropped_files(made.corpus)) {
      for (const Dropped& d : read_dropped(made.corpus.path(name))) reasons[d.reason] += static_cast<int64_t>(d.text.size());
    }
    EXPECT_EQ(made.total.language_bytes, languages);
    EXPECT_EQ(made.total.dropped_bytes, reasons);
    EXPECT_EQ(made.corpus.counts.value("reason_bytes", std::map<std::string, int64_t>()), reasons);
  }
  fs::path folder;
  CollectConfig config;
  Progress progress;
};

/// Words of letters: numbers are all alike to MinHash.
std::string sentence(uint64_t seed, int64_t words) {
  std::string out;
  for (int64_t i = 0; i < words; ++i) {
    out += i > 0 ? " w" : "w";
    for (uint64_t n = mix64(seed * 7919 + static_cast<uint64_t>(i)) % 5000; n > 0; n /= 20) out += static_cast<char>('a' + n % 20);
  }
  return out;
}

TEST_F(PassageCollect, WhatCameBeforeIsCutOut) {
  const std::string shared = sentence(1, 12);
  add("a.txt", sentence(2, 5) + " " + shared + " " + sentence(3, 5));
  add("b.txt", sentence(4, 5) + "\n" + shared + ".\n" + sentence(5, 5));
  add("c.txt", shared);
  add("d.txt", sentence(6, 7) + " " + sentence(1, 7));  // too short a repetition
  const Collected made = run("out");
  const auto all = documents(made);
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].text, sentence(2, 5) + " " + shared + " " + sentence(3, 5));
  EXPECT_EQ(all[1].text, sentence(4, 5) + "\n.\n" + sentence(5, 5));
  EXPECT_EQ(all[1].metadata["repeated_bytes"], static_cast<int64_t>(shared.size()));
  EXPECT_EQ(all[2].text, sentence(6, 7) + " " + sentence(1, 7));
  EXPECT_EQ(made.sources[0].dropped.at("all_repeated"), 1);
  EXPECT_EQ(made.total.repeated, 1);
  int64_t bytes = 0;
  for (const Document& d : all) bytes += static_cast<int64_t>(d.text.size());
  EXPECT_EQ(made.total.bytes, bytes);
  EXPECT_EQ(made.total.documents, 3);
  expect_counts(made);
  EXPECT_NE(read_file(made.corpus.path("files.tsv")).find("c.txt\t" + std::to_string(shared.size())), std::string::npos);
}

TEST_F(PassageCollect, LinesAndPassagesAtOnce) {
  const std::string line = sentence(11, 5), shared = sentence(1, 12);
  add("a.txt", line + "\n" + sentence(2, 5) + " " + shared + " " + sentence(3, 5));
  add("b.txt", sentence(4, 5) + " " + shared + " " + sentence(5, 5) + "\n" + line);
  config.repeated = "lines+substrings";
  const Collected made = run("out");
  const auto all = documents(made);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].text, line + "\n" + sentence(2, 5) + " " + shared + " " + sentence(3, 5));
  EXPECT_EQ(all[1].text, sentence(4, 5) + " " + sentence(5, 5));
  EXPECT_EQ(made.total.repeated, 2);
  expect_counts(made);
  EXPECT_EQ(made.total.bytes, static_cast<int64_t>(all[0].text.size() + all[1].text.size()));
  config.repeated = "substrings+lines";
  EXPECT_THROW(run("other"), Error);
}

/// Which tokens are in a run of `least` or more that stood earlier in the corpus, by the suffix array of all of it: each
/// document's tokens, and a token of its own behind them.
std::vector<std::vector<bool>> by_suffix_array(const std::vector<std::vector<uint64_t>>& documents, int64_t least) {
  std::vector<uint64_t> all;
  std::vector<std::pair<size_t, size_t>> place;
  for (size_t d = 0; d < documents.size(); ++d) {
    for (size_t t = 0; t < documents[d].size(); ++t) {
      all.push_back(documents[d][t]);
      place.emplace_back(d, t);
    }
    all.push_back(d);  // hashes are not that small
    place.emplace_back(d, documents[d].size());
  }
  std::vector<size_t> order(all.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return std::lexicographical_compare(all.begin() + static_cast<int64_t>(a), all.end(), all.begin() + static_cast<int64_t>(b), all.end()); });
  std::vector<std::vector<bool>> covered;
  for (const auto& d : documents) covered.emplace_back(d.size());
  // Suffixes that share `least` tokens stand side by side; all but the first in the text came before.
  for (size_t i = 0; i < order.size();) {
    size_t j = i + 1;
    auto shared = [&](size_t a, size_t b) {
      int64_t n = 0;
      while (n < least && a + static_cast<size_t>(n) < all.size() && b + static_cast<size_t>(n) < all.size() && all[a + static_cast<size_t>(n)] == all[b + static_cast<size_t>(n)]) ++n;
      return n >= least;
    };
    while (j < order.size() && shared(order[i], order[j])) ++j;
    const size_t first = *std::min_element(order.begin() + static_cast<int64_t>(i), order.begin() + static_cast<int64_t>(j));
    for (size_t k = i; k < j; ++k) {
      if (order[k] == first) continue;
      for (int64_t t = 0; t < least; ++t) covered[place[order[k]].first][place[order[k]].second + static_cast<size_t>(t)] = true;
    }
    i = j;
  }
  return covered;
}

TEST_F(PassageCollect, AgreesWithASuffixArrayWhateverTheThreads) {
  // Small alphabets repeat a lot; some documents overlap themselves.
  std::vector<std::string> texts;
  for (uint64_t d = 0; d < 60; ++d) {
    std::string text;
    for (uint64_t i = 0; i < 40 + mix64(d) % 200; ++i) text += static_cast<char>('a' + mix64(d * 1000 + i) % (d % 3 == 0 ? 2 : 4)) + std::string(i % 7 == 6 ? "\n" : " ");
    if (d % 10 == 9) text += texts[d / 2] + "\n";
    texts.push_back(text);
    add("t" + std::to_string(100 + d) + ".txt", text);
  }
  std::vector<std::vector<uint64_t>> hashes;
  std::vector<PassageToken> tokens;
  for (const std::string& text : texts) {
    passage_tokens(text, tokens);
    hashes.emplace_back();
    for (const PassageToken& t : tokens) hashes.back().push_back(t.hash);
  }
  const auto covered = by_suffix_array(hashes, config.repeated_tokens);
  std::vector<std::string> wanted;
  for (size_t d = 0; d < texts.size(); ++d) {
    const auto words = words_of(texts[d]);
    std::string left;
    for (size_t t = 0; t < words.size(); ++t) left += covered[d][t] ? "" : words[t];
    if (!left.empty()) wanted.push_back(left);
  }
  std::string content;
  const int before = threads();
  for (const int n : {1, 3}) {
    set_threads(n);
    const Collected made = run("out" + std::to_string(n));
    std::vector<std::string> found;
    for (const Document& d : documents(made)) {
      std::string left;
      for (const std::string& word : words_of(d.text)) left += word;
      found.push_back(left);
    }
    EXPECT_EQ(found, wanted);
    EXPECT_TRUE(content.empty() || content == made.corpus.content);
    content = made.corpus.content;
  }
  set_threads(before);
}

TEST_F(PassageCollect, AgainstAnotherCorpusAndWithNearDuplicates) {
  const std::string shared = sentence(1, 12);
  make_folder(folder / "old");
  write_file(folder / "old/x.txt", sentence(9, 200) + " " + shared);
  CollectConfig plain;
  plain.preset = "none";
  collect({(folder / "old").string()}, plain, folder / "before", false, progress);
  add("a.txt", shared + " " + sentence(2, 200));
  add("b.txt", shared + " " + sentence(2, 200));
  add("c.txt", sentence(3, 200) + " " + shared);
  config.dedup = "near";
  config.against = {(folder / "before").string()};
  const auto all = documents(run("out"));
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].text, sentence(2, 200));
  EXPECT_EQ(all[1].text, sentence(3, 200));
}

}  // namespace
}  // namespace loam
