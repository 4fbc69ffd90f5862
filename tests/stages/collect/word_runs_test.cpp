// Runs of words against the plain way: each run a string, counted in a map.
#include "loam/stages/collect/word_runs.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <vector>

#include "loam/base/random.h"

namespace loam {
namespace {

struct Plain {
  std::vector<std::string> words;
  std::vector<int64_t> characters;

  std::string run(size_t at, int64_t n, const char* between) const {
    std::string out;
    for (size_t i = at; i < at + static_cast<size_t>(n); ++i) out += (i > at ? between : "") + words[i];
    return out;
  }
  int64_t length(size_t at, int64_t n) const {
    int64_t out = 0;
    for (size_t i = at; i < at + static_cast<size_t>(n); ++i) out += characters[i];
    return out;
  }
  int64_t most_common(int64_t n) const {
    std::map<std::string, std::pair<int64_t, int64_t>> seen;   // count, - first
    for (size_t at = 0; at + static_cast<size_t>(n) <= words.size(); ++at) ++seen.try_emplace(run(at, n, " "), 0, -static_cast<int64_t>(at)).first->second.first;
    std::pair<int64_t, int64_t> best = {0, 0};
    for (const auto& [text, each] : seen) best = std::max(best, each);
    return (length(static_cast<size_t>(-best.second), n) + n - 1) * best.first;
  }
  int64_t repeated(int64_t n) const {
    std::set<std::string> seen;
    int64_t out = 0;
    for (size_t at = 0; at + static_cast<size_t>(n) <= words.size();) {
      if (seen.insert(run(at, n, "")).second) {
        ++at;
      } else {
        out += length(at, n);
        at += static_cast<size_t>(n);
      }
    }
    return out;
  }
};

/// Words of few letters, of which some texts have many, some few different ones; "a" "bc" and "ab" "c" are written alike.
std::string text_of(uint64_t seed) {
  Random random(seed, "words");
  const int64_t words = 10 + random.below(400), kinds = 2 + random.below(seed % 3 == 0 ? 6 : 300);
  std::string out;
  for (int64_t i = 0; i < words; ++i) {
    int64_t kind = random.below(kinds);
    if (i > 0) out += random.below(20) == 0 ? "\n" : " ";
    do out += seed % 5 == 0 && kind % 7 == 0 ? std::string("é") : std::string(1, static_cast<char>('a' + kind % 3));
    while ((kind /= 3) > 0);
    if (kind % 11 == 5) out += "wordlongerthaneight";
  }
  return out;
}

TEST(WordRuns, AsThePlainWay) {
  int64_t many = 0;
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    std::string text = text_of(seed);
    JudgedText judged(text);
    Plain plain;
    for (const Word& word : judged.words()) {
      plain.words.emplace_back(judged.word(word));
      plain.characters.push_back(word.characters);
    }
    WordRuns runs(judged);
    ASSERT_EQ(runs.words(), static_cast<int64_t>(plain.words.size()));
    for (int64_t n = 2; n <= 10; ++n) {
      if (n > 4) {
        EXPECT_EQ(runs.repeated(n), plain.repeated(n)) << "seed " << seed << ", n = " << n;
        many += plain.repeated(n) > 0;
        continue;
      }
      const int64_t most = plain.most_common(n);
      EXPECT_EQ(runs.most_common(n, [](int64_t) { return true; }), most) << "seed " << seed << ", n = " << n;
      EXPECT_EQ(runs.most_common(n, [&](int64_t characters) { return characters >= most; }), most) << "seed " << seed << ", n = " << n;
      EXPECT_LE(runs.most_common(n, [&](int64_t characters) { return characters > most; }), most) << "seed " << seed << ", n = " << n;
    }
  }
  EXPECT_GT(many, 80) << "the texts hardly repeat anything";
}

}  // namespace
}  // namespace loam
