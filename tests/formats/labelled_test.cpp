// Labelled data: each form recognised, each mistake named; and the real files, if they are here.
#include "loam/formats/labelled.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "tests/support/real_data.h"

namespace loam {
namespace {

fs::path file(const std::string& name, const std::string& text) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_labelled";
  make_folder(folder);
  write_file(folder / name, text);
  return folder / name;
}

std::string shown(const InstructionRow& row) {
  std::string out;
  for (const auto& turn : row.turns) out += turn.role + "<" + turn.content + ">";
  return out;
}

std::vector<std::string> dialogues(const fs::path& path, InstructionOptions options = {}) {
  InstructionReader rows(path, std::move(options));
  std::vector<std::string> out;
  while (auto row = rows.next()) out.push_back(shown(*row));
  return out;
}

std::vector<std::string> labels(const fs::path& path, ClassOptions options = {}) {
  ClassReader rows(path, std::move(options));
  std::vector<std::string> out;
  while (auto row = rows.next()) out.push_back(row->label + "|" + row->text);
  return out;
}

template <class F>
std::string refusal(F f, ErrorKind kind = ErrorKind::input) {
  try {
    f();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), kind) << e.what();
    return e.what();
  }
  return "";
}

using Strings = std::vector<std::string>;

TEST(Labelled, EveryFormOfInstructionRows) {
  EXPECT_EQ(dialogues(file("alpaca.json", R"([{"instruction":"Do","input":"it","output":"Done"},{"instruction":"Go","input":"","output":"Gone","system":"S","history":[["a","b"]]}])")),
            (Strings{"user<Do\n\nit>assistant<Done>", "system<S>user<a>assistant<b>user<Go>assistant<Gone>"}));
  EXPECT_EQ(dialogues(file("m.jsonl", R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":[{"type":"text","text":"Hi"}]},{"role":"assistant","content":"Ho"},{"role":"user","content":"?"}]})")),
            (Strings{"system<S>user<Hi>assistant<Ho>"}));
  EXPECT_EQ(dialogues(file("s.jsonl", R"({"conversations":[{"from":"human","value":"Hi"},{"from":"gpt","value":"Ho"}],"system":"S"})")),
            (Strings{"system<S>user<Hi>assistant<Ho>"}));
  EXPECT_EQ(dialogues(file("p.jsonl", R"({"prompt":"P","completion":"C"})")), (Strings{"user<P>assistant<C>"}));
  EXPECT_EQ(dialogues(file("q.csv", "question,answer\n\"Two, or three?\",Two\n")), (Strings{"user<Two, or three?>assistant<Two>"}));
  EXPECT_EQ(dialogues(file("list.jsonl", R"([{"role":"user","content":"a"},{"role":"assistant","content":"b"}])" "\n" R"([{"role":"user","content":"c"},{"role":"assistant","content":"d"}])")),
            (Strings{"user<a>assistant<b>", "user<c>assistant<d>"}));
}

TEST(Labelled, ColumnsFillTemplates) {
  const auto path = file("pairs.tsv", "en\tfr\nOpen {it}\tOuvrir\n");
  EXPECT_EQ(dialogues(path, {.prompt = "To {{French}}: {en}", .answer = "{fr}"}), (Strings{"user<To {French}: Open {it}>assistant<Ouvrir>"}));
  EXPECT_NE(refusal([&] { dialogues(path, {.prompt = "{de}", .answer = "{fr}"}); }).find("\"en\" and \"fr\""), std::string::npos);
  EXPECT_NE(refusal([&] { dialogues(path, {.prompt = "{en", .answer = "{fr}"}); }, ErrorKind::usage).find("never closes"), std::string::npos);
  EXPECT_NE(refusal([&] { dialogues(path, {.prompt = "{en}"}); }, ErrorKind::usage), "");
}

TEST(Labelled, UnknownFormsNameWhatIsThere) {
  const auto path = file("odd.jsonl", R"({"foo":"a","bar":"b"})");
  const std::string why = refusal([&] { dialogues(path); });
  EXPECT_NE(why.find("\"foo\" and \"bar\""), std::string::npos) << why;
  EXPECT_NE(why.find("odd.jsonl"), std::string::npos);
  EXPECT_NE(refusal([&] { dialogues(file("pref.jsonl", R"({"prompt":"a","chosen":"b","rejected":"c"})")); }).find("preference"), std::string::npos);
  EXPECT_NE(refusal([&] { dialogues(path, {.form = "alpacca"}); }, ErrorKind::usage).find("did you mean \"alpaca\""), std::string::npos);
  EXPECT_NE(refusal([&] { dialogues(file("bad.json", "[{\"instruction\": \"x\"")); }).find("cut off"), std::string::npos);
}

TEST(Labelled, BadRowsAreCountedWithTheFirstReason) {
  InstructionReader rows(file("some.jsonl", "{\"instruction\":\"a\",\"output\":\"b\"}\n{\"instruction\":\"a\"}\n{\"instruction\":3,\"output\":\"\"}\nnot json\n{\"instruction\":\"c\",\"output\":4}\n"));
  int64_t n = 0;
  while (rows.next()) ++n;
  EXPECT_EQ(n, 2);
  EXPECT_EQ(rows.counts().skipped, 3);
  EXPECT_NE(rows.counts().first_fault.find("some.jsonl:2: it has no \"output\""), std::string::npos) << rows.counts().first_fault;
  InstructionReader none(file("none.json", "[]"));
  EXPECT_FALSE(none.next().has_value());
}

TEST(Labelled, PreferencesInTheirSpellings) {
  PreferenceReader rows(file("prefs.jsonl", R"({"prompt":"P","chosen":"A","rejected":"B"})" "\n"
                                            R"({"conversations":[{"from":"human","value":"P"}],"chosen":{"from":"gpt","value":"A"},"rejected":{"from":"gpt","value":"B"}})" "\n"
                                            R"({"chosen":[{"role":"user","content":"P"},{"role":"assistant","content":"A"}],"rejected":[{"role":"user","content":"P"},{"role":"assistant","content":"B"}]})" "\n"
                                            R"({"instruction":"P","input":"","output":"A","chosen":"A","rejected":"B"})" "\n" R"({"chosen":"A"})"));
  int64_t n = 0;
  while (auto row = rows.next()) {
    ++n;
    ASSERT_EQ(row->prompt.size(), 1u);
    EXPECT_EQ(row->prompt[0].content + row->chosen + row->rejected, "PAB");
  }
  EXPECT_EQ(n, 4);
  EXPECT_EQ(rows.counts().skipped, 1);
}

TEST(Labelled, ColumnsOfClassesAreFoundOrAskedFor) {
  const auto csv = file("c.csv", "id,Label,message\n1, ham ,\"Hi, you\"\n2,spam,Win\n3,,lost\n4,ham, \n");
  EXPECT_EQ(labels(csv), (Strings{"ham|Hi, you", "spam|Win"}));
  EXPECT_EQ(labels(csv, {.text_columns = {"id", "message"}, .label_column = "Label"}), (Strings{"ham|1\nHi, you", "spam|2\nWin", "ham|4\n "}));
  EXPECT_EQ(labels(file("c.jsonl", R"({"text":"a","label":1})" "\n" R"({"text":"b","label":true})" "\n" R"({"text":"b","label":null})")), (Strings{"1|a", "true|b"}));
}

TEST(Labelled, TablesWithoutAHeader) {
  const auto tsv = file("bare.tsv", "ham\tone\nham\ttwo\nspam\tthree\n");
  const Strings want = {"ham|one", "ham|two", "spam|three"};
  EXPECT_EQ(labels(tsv), want);
  EXPECT_EQ(labels(tsv, {.text_columns = {"2"}, .label_column = "1"}), want);
  EXPECT_EQ(labels(file("three.csv", "\"3\",\"title\",\"body\"\n\"4\",\"t2\",\"b2\"\n"), {.text_columns = {"2", "3"}, .label_column = "1"}),
            (Strings{"3|title\nbody", "4|t2\nb2"}));
  EXPECT_EQ(labels(file("yes.csv", "a,b\nx,y\n"), {.text_columns = {"b"}, .label_column = "a", .header = "yes"}), (Strings{"x|y"}));
}

TEST(Labelled, AMissingColumnNamesThoseThatAreThere) {
  const auto path = file("nolabel.csv", "kind,text\nham,hello\n");
  const std::string why = refusal([&] { labels(path, {.text_columns = {"text"}, .label_column = "label"}); });
  EXPECT_NE(why.find("\"label\""), std::string::npos);
  EXPECT_NE(why.find("\"kind\" and \"text\""), std::string::npos);
  EXPECT_NE(refusal([&] { labels(file("x.csv", "p,q,r\n1,2,3\n")); }).find("--label-column"), std::string::npos);
  EXPECT_TRUE(labels(file("none.csv", "label,text\n")).empty());
  EXPECT_TRUE(labels(file("empty.csv", "")).empty());
}

TEST(Labelled, RealFilesHaveTheirRows) {
  const fs::path data = real_data();
  if (!fs::exists(data / "classification")) GTEST_SKIP() << "no real data here (LOAM_DATA)";
  auto count = [&](const char* name, InstructionOptions options = {}) {
    InstructionReader rows(data / name, std::move(options));
    while (rows.next()) {
    }
    EXPECT_EQ(rows.counts().skipped, 0) << name << ": " << rows.counts().first_fault;
    return rows.counts().rows;
  };
  EXPECT_EQ(count("instruction/llms-from-scratch/instruction-data.json"), 1100);
  EXPECT_EQ(count("instruction/alpaca_en_demo.json"), 800);
  EXPECT_EQ(count("instruction/dolly_hhrlhf_train_small.jsonl"), 800);
  EXPECT_EQ(count("instruction/p3-open-sample.jsonl.zst"), 9835);
  EXPECT_EQ(count("instruction/gpteacher-roleplay-simple.json.zst"), 1923);
  PreferenceReader prefs(data / "instruction/dpo_en_demo.json.zst");
  while (prefs.next()) {
  }
  EXPECT_EQ(prefs.counts().rows, 300);

  auto classes = [&](const char* name, ClassOptions options = {}) {
    ClassReader rows(data / name, std::move(options));
    std::map<std::string, int64_t> tally;
    while (auto row = rows.next()) ++tally[row->label];
    EXPECT_EQ(rows.counts().skipped, 0) << name << ": " << rows.counts().first_fault;
    return tally;
  };
  const auto sms = classes("classification/sms-spam/SMSSpamCollection.tsv");
  EXPECT_EQ(sms.size(), 2u);
  EXPECT_EQ(sms.at("ham") + sms.at("spam"), 4459);
  const auto bank = classes("classification/banking77/train.csv");
  EXPECT_EQ(bank.size(), 77u);
  const auto news = classes("classification/ag-news/ag_news_part1.csv", {.text_columns = {"2", "3"}, .label_column = "1"});
  EXPECT_EQ(news.size(), 4u);
  const auto sst = classes("classification/sst2/dev.tsv");
  EXPECT_EQ(sst.size(), 2u);
  EXPECT_EQ(sst.at("0") + sst.at("1"), 872);
}

}  // namespace
}  // namespace loam
