#include "cli/survey.h"

#include <gtest/gtest.h>

#include "cli/recipe.h"
#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

class SurveyOf : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-survey-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    make_folder(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  void put(const std::string& name, const std::string& text) {
    make_folder((folder_ / name).parent_path());
    write_file(folder_ / name, text);
  }
  fs::path folder_;
};

std::string labelled_rows(int n) {
  std::string out = "id,text,label\n";
  for (int i = 0; i < n; ++i) out += std::to_string(i) + ",\"some words, and more " + std::to_string(i) + "\"," + (i % 3 == 0 ? "spam" : "ham") + "\n";
  return out;
}

TEST_F(SurveyOf, TellsTextsLabelsAndAnswersApart) {
  put("letters/a.txt", "Dear all,\n");
  put("letters/old/b.txt", "Dear you,\n");
  put("diary/c.md", "# Monday\n");
  put("mails.csv", labelled_rows(50));
  put("questions.jsonl", "{\"instruction\":\"Say hello\",\"input\":\"\",\"output\":\"Hello\"}\n{\"instruction\":\"Again\",\"output\":\"Hello again\"}\n");
  put("photo.jpg", "\xff\xd8");
  const Survey found = survey({folder_});
  ASSERT_EQ(found.texts.size(), 2u);
  EXPECT_EQ(found.texts[0].name, "diary");
  EXPECT_EQ(found.texts[1].name, "letters");
  EXPECT_EQ(found.texts[1].files, 2);
  ASSERT_EQ(found.tables.size(), 2u);
  EXPECT_EQ(found.tables[0].use, TableUse::labels);
  EXPECT_EQ(found.tables[0].text_column, "text");
  EXPECT_EQ(found.tables[0].labels, (std::vector<std::string>{"ham", "spam"}));
  EXPECT_EQ(found.tables[1].use, TableUse::answers);
  EXPECT_EQ(found.passed_over.size(), 1u);
}

TEST_F(SurveyOf, AColumnInWhichAllRowsDifferIsNoLabel) {
  std::string rows = "text,type\n";
  for (int i = 0; i < 30; ++i) rows += "words," + std::to_string(i) + "\n";
  put("t.csv", rows);
  const Survey found = survey({folder_ / "t.csv"});
  EXPECT_TRUE(found.tables.empty());
  ASSERT_EQ(found.texts.size(), 1u);  // texts without labels are still texts
}

TEST_F(SurveyOf, ColumnsOfTheUsersOwnNamesAreToldByWhatStandsInThem) {
  std::string reviews = "stars,review,verdict\n", pairs = "en\tfr\n", faq = "q,a\n";
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    reviews += n + ",\"the room was quiet and the meal number " + n + " was warm\"," + (i % 2 == 0 ? "good" : "bad") + "\n";
    pairs += "Open file " + n + "\tOuvrir le fichier " + n + "\n";
    faq += "Where is shelf " + n + "?,In room " + n + "\n";
  }
  put("reviews.csv", reviews);
  put("pairs.tsv", pairs);
  put("faq.csv", faq);
  const Survey found = survey({folder_ / "reviews.csv", folder_ / "pairs.tsv", folder_ / "faq.csv"});
  ASSERT_EQ(found.tables.size(), 3u);
  EXPECT_EQ(found.tables[0].use, TableUse::labels);
  EXPECT_EQ(found.tables[0].text_column, "review");
  EXPECT_EQ(found.tables[0].label_column, "verdict");
  EXPECT_EQ(found.tables[0].labels, (std::vector<std::string>{"bad", "good"}));
  EXPECT_EQ(found.tables[1].use, TableUse::answers);
  EXPECT_EQ(found.tables[1].prompt, "Translate to French: {en}");
  EXPECT_EQ(found.tables[1].answer, "{fr}");
  EXPECT_EQ(found.tables[2].prompt, "{q}");
  const std::string recipe = recipe_for(found, "mine", 3);
  EXPECT_NE(recipe.find("label_column = \"verdict\""), std::string::npos) << recipe;
  EXPECT_NE(recipe.find("prompt = \"Translate to French: {en}\""), std::string::npos) << recipe;
}

TEST_F(SurveyOf, ATableNeedsNoHeader) {
  put("sms.tsv", "ham\tOk lar... Joking wif u\nspam\tFree entry in 2 a wkly comp\nham\tU dun say so early hor\nham\tNah I don't think he goes\n");
  const Survey found = survey({folder_});
  ASSERT_EQ(found.tables.size(), 1u);
  EXPECT_EQ(found.tables[0].labels, (std::vector<std::string>{"ham", "spam"}));
}

TEST_F(SurveyOf, ItsRecipeIsOneThatLoamReads) {
  put("letters/a.txt", "Dear \"all\",\n");
  put("diary/b.txt", "Monday.\n");
  put("mails.csv", labelled_rows(50));
  put("questions.jsonl", "{\"prompt\":\"Say hello\",\"completion\":\"Hello\"}\n");
  Cli cli;
  add_all_verbs(cli);
  const Survey found = survey({folder_});
  const Recipe recipe = parse_recipe(recipe_for(found, "mine", 15), "mine.toml", cli);
  std::vector<std::string> names;
  for (const Section& section : recipe.sections) names.push_back(section.name);
  EXPECT_EQ(names, (std::vector<std::string>{"corpus", "tokenizer", "tokens", "base", "classifier", "answers"}));
  for (const Section& section : recipe.sections) EXPECT_NO_THROW(cli.check(command_words(section, "runs/mine"), {})) << section.name;
  EXPECT_NEAR(recipe.timed_minutes(), 15, 0.5);
}

TEST_F(SurveyOf, OnlyATableGivesAPathToo) {
  put("mails.csv", labelled_rows(50));
  Cli cli;
  add_all_verbs(cli);
  EXPECT_EQ(parse_recipe(recipe_for(survey({folder_ / "mails.csv"}), "m", 5), "m.toml", cli).sections.size(), 5u);
}

TEST_F(SurveyOf, RefusesWhatHoldsNothing) {
  put("photo.jpg", "\xff\xd8");
  EXPECT_THROW(survey({folder_}), Error);
  EXPECT_THROW(survey({folder_ / "none"}), Error);
}

}  // namespace
}  // namespace loam
