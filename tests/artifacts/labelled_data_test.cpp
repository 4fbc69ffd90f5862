// Labelled data from files, corpora and folders, together and wrong.
#include "loam/artifacts/labelled_data.h"

#include <gtest/gtest.h>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

fs::path fresh_labelled_data(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_labelled_data" / name;
  fs::remove_all(folder);
  make_folder(folder);
  return folder;
}

Document document(const char* id, const char* text, const char* source, Json metadata = Json::object()) {
  Document d;
  d.id = id;
  d.text = text;
  d.source = source;
  d.metadata = std::move(metadata);
  return d;
}

std::string shown(const ClassData& data) {
  std::string out;
  for (const auto& row : data.rows) out += row.label + "|" + row.text + ";";
  return out;
}

TEST(LabelledData, FilesFoldersAndCorporaTogether) {
  const fs::path at = fresh_labelled_data("all");
  write_file(at / "a.csv", "label,text\nham,one\nspam,two\n");
  make_folder(at / "ham/below");
  write_file(at / "ham/2.txt", "second");
  write_file(at / "ham/1.txt", "first caf\xe9");
  write_file(at / "ham/below/3.txt", "\n");
  write_file(at / "spam.jsonl", "{\"text\":\"cheap\"}\n{\"text\":\"\"}\n");
  write_corpus(at / "mails", {document("x#1", "A", "ham", {{"folder", "inbox"}}), document("x#2", "B", "spam", {{"folder", "junk"}})});
  const ClassData data = load_class_data({(at / "a.csv").string(), cat("ham=", at / "ham"), cat("spam=", at / "spam.jsonl"), (at / "mails").string()}, {});
  EXPECT_EQ(shown(data), "ham|one;spam|two;ham|first caf\xc3\xa9;ham|second;spam|cheap;ham|A;spam|B;");
  EXPECT_EQ(data.summary.skipped, 2);
  EXPECT_EQ(data.summary.redecoded, 1);
  ASSERT_EQ(data.summary.inputs.size(), 4u);
  EXPECT_EQ(data.summary.inputs[3].kind, "corpus");
  const ClassData again = load_class_data({(at / "a.csv").string(), cat("ham=", at / "ham")}, {});
  EXPECT_EQ(again.summary.inputs[1].sha256, data.summary.inputs[1].sha256);
  EXPECT_EQ(shown(load_class_data({(at / "mails").string()}, {.label_column = "folder"})), "inbox|A;junk|B;");
}

TEST(LabelledData, DialoguesFromCorporaByTemplates) {
  const fs::path at = fresh_labelled_data("dialogues");
  write_corpus(at / "pairs", {document("x#1", "Open", "gnucash", {{"translation", "Ouvrir"}}), document("x#2", "Nothing", "gnucash", {{"translation", ""}})});
  const DialogueData data = load_dialogues({(at / "pairs").string()}, {.prompt = "Translate to French: {text}", .answer = "{translation}"});
  ASSERT_EQ(data.rows.size(), 1u);
  EXPECT_EQ(data.rows[0].turns[0].content, "Translate to French: Open");
  EXPECT_EQ(data.rows[0].turns[1].content, "Ouvrir");
  EXPECT_EQ(data.summary.skipped, 1);
}

TEST(LabelledData, WhatIsWrongIsNamed) {
  const fs::path at = fresh_labelled_data("wrong");
  auto refusal = [](const std::string& path, const ClassOptions& options = {}) -> std::string {
    try {
      load_class_data({path}, options);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input) << e.what();
      return e.what();
    }
    return "";
  };
  write_corpus(at / "mails", {document("x#1", "A", "ham")});
  EXPECT_NE(refusal((at / "mails").string(), {.label_column = "folder"}).find("\"text\", \"source\", \"id\""), std::string::npos);
  EXPECT_NE(refusal((at / "nowhere").string()).find("nowhere"), std::string::npos);
  make_folder(at / "empty");
  EXPECT_NE(refusal(cat("ham=", at / "empty")).find("empty folder"), std::string::npos);
  EXPECT_NE(refusal((at / "empty").string()).find("LABEL="), std::string::npos);
  EXPECT_THROW(load_class_data({}, {}), Error);
}

TEST(LabelledData, KeysForgetWhatDoesNotMatter) {
  EXPECT_EQ(compared_form("  Win $1,000 NOW!!! caf\xc3\xa9\n"), "win 0 0 now caf\xc3\xa9");
  EXPECT_EQ(compared_form("12345"), "0");
  EXPECT_EQ(text_key("Call 0800 NOW"), text_key("call 0900, now!"));
  EXPECT_NE(text_key("?!"), text_key("!?"));
  EXPECT_EQ(dialogue_text({{"system", "S"}, {"user", "a"}, {"assistant", "b"}}, false), "a");
  EXPECT_EQ(dialogue_text({{"user", "a"}, {"assistant", "b"}}, true), "a\nb");
}

}  // namespace
}  // namespace loam
