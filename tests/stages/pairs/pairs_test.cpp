#include "loam/stages/pairs/pairs.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "loam/base/files.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

class Pairs : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-pairs-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    fs::create_directories(folder_ / "en/a");
    fs::create_directories(folder_ / "fr/a");
  }
  void TearDown() override { fs::remove_all(folder_); }

  void page(const std::string& name, const std::string& body) { write_file(folder_ / name, "<html><body>" + body + "</body></html>"); }
  PairsConfig config() {
    PairsConfig c;
    c.left = {(folder_ / "en").string()};
    c.right = {(folder_ / "fr").string()};
    return c;
  }
  static std::vector<Json> rows(const fs::path& file) {
    std::vector<Json> out;
    std::ifstream in(file);
    for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
    return out;
  }
  fs::path folder_;
  Progress quiet_;
};

TEST_F(Pairs, JoinsParagraphsById) {
  page("en/a/x.html", "<h1 id=\"hd_1\">Opening  files</h1><p id=\"par_2\">Choose <b>File</b>.</p><p id=\"par_3\">Only English.</p>");
  page("fr/a/x.html", "<p id=\"par_2\">Choisissez <b>Fichier</b>.</p><h1 id=\"hd_1\">Ouverture de fichiers</h1>");
  page("en/only.html", "<p id=\"par_9\">No such page.</p>");
  PairsConfig c = config();
  c.held_out = 0;
  const Artifact made = make_pairs(c, folder_ / "out", false, quiet_);
  const auto got = rows(folder_ / "out/train.jsonl");
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got[0]["instruction"], "Translate to French: Opening files");
  EXPECT_EQ(got[0]["output"], "Ouverture de fichiers");
  EXPECT_EQ(got[0]["input"], "");
  EXPECT_EQ(got[0]["id"], "a/x.html#hd_1");
  EXPECT_EQ(got[1]["output"], "Choisissez Fichier.");
  EXPECT_EQ(made.counts["dropped"]["paragraphs in one language"], 1);
  EXPECT_EQ(made.counts["dropped"]["pages in one language"], 1);
  EXPECT_EQ(made.kind, "pairs");
}

TEST_F(Pairs, NoTextIsOnBothSidesOfTheSplit) {
  std::string en, fr;
  for (int i = 0; i < 400; ++i) {
    const std::string id = " id=\"par_" + std::to_string(i) + "\">";
    en += "<p" + id + "Sentence number " + std::to_string(i % 300) + "</p>";  // a hundred repeat
    fr += "<p" + id + "Phrase " + std::to_string((i % 300) / 3) + "</p>";     // three sources share a translation
  }
  page("en/a.html", en);
  page("fr/a.html", fr);
  PairsConfig c = config();
  c.held_out = 0.3;
  const Artifact made = make_pairs(c, folder_ / "out", false, quiet_);
  const auto train = rows(folder_ / "out/train.jsonl"), held_out = rows(folder_ / "out/held-out.jsonl");
  EXPECT_EQ(train.size() + held_out.size(), 300u);
  EXPECT_EQ(made.counts["dropped"]["repeated"], 100);
  EXPECT_GT(held_out.size(), 30u);
  EXPECT_LT(held_out.size(), 180u);
  std::set<std::string> left, right;
  for (const Json& row : train) {
    left.insert(row["instruction"]);
    right.insert(row["output"]);
  }
  for (const Json& row : held_out) {
    EXPECT_EQ(left.count(row["instruction"]), 0u);
    EXPECT_EQ(right.count(row["output"]), 0u);
  }
}

TEST_F(Pairs, SameBytesWhateverTheThreads) {
  for (int p = 0; p < 70; ++p) {
    const std::string name = std::to_string(p) + ".html";
    page("en/" + name, "<p id=\"par_1\">This is page " + std::to_string(p) + "</p>");
    page("fr/" + name, "<p id=\"par_1\">Ceci est la page " + std::to_string(p) + "</p>");
  }
  std::set<std::string> contents;
  for (const int n : {1, 3}) {
    set_threads(n);
    contents.insert(make_pairs(config(), folder_ / ("out" + std::to_string(n)), false, quiet_).content);
  }
  set_threads(hardware_threads());
  EXPECT_EQ(contents.size(), 1u);
}

TEST_F(Pairs, TextsOfCataloguesLoseTheirAccelerators) {
  EXPECT_EQ(pair_text("_File", true), "File");
  EXPECT_EQ(pair_text("Save &As...", true), "Save As...");
  EXPECT_EQ(pair_text("A & B", true), "A & B");
  EXPECT_EQ(pair_text("_File", false), "_File");
  EXPECT_EQ(pair_text("  two\n lines\xc2\xa0:", true), "two lines :");
}

TEST_F(Pairs, SaysWhyAPairIsLeftOut) {
  const PairsConfig c;
  auto why = [&](const char* a, const char* b) { return pair_fault(a, b, c).value_or("kept"); };
  EXPECT_EQ(why("Open the file.", "Ouvrez le fichier."), "kept");
  EXPECT_EQ(why("Open the file.", ""), "empty");
  EXPECT_EQ(why("x", "yes"), "short");
  EXPECT_EQ(why(std::string(161, 'a').c_str(), "b b"), "long");
  EXPECT_EQ(why("Zoom", "Zoom"), "untranslated");
  EXPECT_EQ(why("%d files", "%d fichiers"), "markup");
  EXPECT_EQ(why("100% of the picture", "100 % de l’image"), "kept");
  EXPECT_EQ(why("12:30 --> 14:00", "12.30 --> 14.00"), "letters");
  EXPECT_EQ(why("Yes", "Une phrase bien trop longue pour cela, vraiment"), "uneven");
}

TEST_F(Pairs, RefusesFoldersWithoutCommonPages) {
  page("en/a.html", "<p id=\"par_1\">One</p>");
  page("fr/b.html", "<p id=\"par_1\">Deux</p>");
  try {
    make_pairs(config(), folder_ / "out", false, quiet_);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
    EXPECT_NE(std::string(e.what()).find("has the same name"), std::string::npos) << e.what();
  }
  PairsConfig c = config();
  c.right.clear();
  EXPECT_THROW(c.validate(), Error);
  c = config();
  c.instruction = "Translate.";
  EXPECT_THROW(c.validate(), Error);
}

}  // namespace
}  // namespace loam
