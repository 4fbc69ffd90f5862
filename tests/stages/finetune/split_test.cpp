// Splits: stratified, and never crossed by duplicates.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "loam/artifacts/labelled_data.h"
#include "loam/base/error.h"
#include "loam/base/random.h"
#include "loam/base/threads.h"
#include "loam/stages/finetune/split.h"

namespace loam {
namespace {

/// Sentences of `words` made-up words.
std::string made_up(uint64_t seed, int words) {
  Random random(seed, "words");
  std::string out;
  for (int i = 0; i < words; ++i) out += (i > 0 ? " " : "") + std::string("w") + static_cast<char>('a' + random.below(26)) + static_cast<char>('a' + random.below(26)) + static_cast<char>('a' + random.below(26));
  return out;
}


TEST(Split, DuplicatesAndNearOnesAreOneGroup) {
  const std::string mail = made_up(1, 200);
  std::string changed = mail;  // three of 200 words differ: Jaccard of triples about .91
  for (const size_t word : {20, 90, 150}) changed.replace(word * 5, 4, "zzzz");
  const std::vector<std::string_view> texts = {mail, "Call 0800 1234 now", changed, made_up(2, 200).c_str(), "call 0900 99 NOW!", "?!", "!?", ""};
  std::string other = made_up(2, 200);
  std::vector<std::string_view> safe = texts;
  safe[3] = other;
  EXPECT_EQ(duplicate_groups(safe, 0.8), (std::vector<int32_t>{0, 1, 0, 3, 1, 5, 6, 7}));
  EXPECT_EQ(duplicate_groups(safe, 2), (std::vector<int32_t>{0, 1, 2, 3, 1, 5, 6, 7}));
}

TEST(Split, IsStratifiedAndNoGroupCrosses) {
  std::vector<std::string> texts;
  std::vector<SplitRow> rows;
  for (uint64_t i = 0; i < 1000; ++i) texts.push_back(made_up(i % 700, 30));  // 300 exact duplicates
  for (size_t i = 0; i < texts.size(); ++i) rows.push_back({texts[i], i % 700 % 5 == 0 ? "spam" : "ham"});
  set_threads(1);
  const Split split = make_split(rows, {});
  set_threads(hardware_threads());
  EXPECT_EQ(make_split(rows, {}).parts, split.parts);
  EXPECT_EQ(split.duplicates, 300);
  EXPECT_EQ(split.contradictions, 0);
  std::map<std::string, std::set<Part>> seen;
  std::map<std::pair<std::string, Part>, int> tally;
  for (size_t i = 0; i < rows.size(); ++i) {
    seen[texts[i]].insert(split.parts[i]);
    ++tally[{std::string(rows[i].label), split.parts[i]}];
  }
  for (const auto& [text, parts] : seen) EXPECT_EQ(parts.size(), 1u) << text;
  for (const char* label : {"spam", "ham"}) {
    const int all = tally[{label, Part::train}] + tally[{label, Part::validation}] + tally[{label, Part::test}];
    EXPECT_NEAR(static_cast<double>(tally[{label, Part::test}]) / all, 0.1, 0.01) << label;
    EXPECT_NEAR(static_cast<double>(tally[{label, Part::validation}]) / all, 0.1, 0.01) << label;
  }
  EXPECT_NE(make_split(rows, {.seed = 7}).parts, split.parts);
}

TEST(Split, RowsAddedElsewhereMoveFew) {
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 400; ++i) texts.push_back(made_up(i, 20));
  std::vector<SplitRow> rows;
  for (const auto& text : texts) rows.push_back({text, "x"});
  const Split whole = make_split(rows, {});
  const Split first = make_split(std::span(rows).subspan(0, 390), {});
  int moved = 0;
  for (size_t i = 0; i < 390; ++i) moved += whole.parts[i] != first.parts[i];
  EXPECT_LE(moved, 10);
}

TEST(Split, SmallAndContradictoryTables) {
  const std::vector<SplitRow> three = {{"one", "a"}, {"two", "a"}, {"three", "a"}, {"four", "b"}, {"four", "a"}};
  const Split split = make_split(three, {});
  EXPECT_EQ(split.contradictions, 1);
  EXPECT_EQ(split.count(Part::test), 1);
  EXPECT_EQ(split.count(Part::validation), 1);
  EXPECT_EQ(split.parts[3], split.parts[4]);
  EXPECT_TRUE(make_split({}, {}).parts.empty());
  EXPECT_THROW(make_split(three, {.validation = 0.6, .test = 0.5}), Error);
}

}  // namespace
}  // namespace loam
