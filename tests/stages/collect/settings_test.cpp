// collect with what stands beside its sources: languages, lists, limits, replay; and its newer kinds of files.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/collect_runs.h"

namespace loam {
namespace {

TEST(Collect, LanguagesAreToldAndChosen) {
  const fs::path dir = fresh("languages");
  put(dir / "in.jsonl", "{\"text\":\"The old man walked down to the river to see whether the boats had come back from the sea.\",\"metadata\":{\"language\":\"theirs\",\"masked\":1}}\n"
                        "{\"text\":\"Le vieil homme descendit vers la rivi\u00E8re pour voir si les bateaux \u00E9taient revenus de la mer.\"}\n{\"text\":\"1234 5678\"}\n");
  const Result all = run({"s=" + (dir / "in.jsonl").string()}, dir / "all", preset("none"));
  ASSERT_EQ(all.documents.size(), 3u);
  EXPECT_EQ(all.documents[0].metadata["language"], "en");
  EXPECT_EQ(all.documents[0].metadata["row_language"], "theirs");
  EXPECT_EQ(all.documents[1].metadata["language"], "fr");
  EXPECT_EQ(all.made.corpus.counts["languages"], Json::parse("{\"en\":1,\"fr\":1,\"un\":1}"));
  CollectConfig config = preset("none");
  config.language = {"fr,de", "it"};
  const Result french = run({"s=" + (dir / "in.jsonl").string()}, dir / "french", config);
  ASSERT_EQ(french.documents.size(), 1u);
  EXPECT_EQ(french.reason("language"), 2);
  EXPECT_EQ(french.dropped[0].value, "en");
  EXPECT_EQ(french.dropped[0].threshold, Json::parse("[\"fr\",\"de\",\"it\"]"));
  config = preset("none");
  config.language_model = "none";
  EXPECT_FALSE(run({"s=" + (dir / "in.jsonl").string()}, dir / "untold", config).documents[1].metadata.contains("language"));
}

TEST(Collect, PersonalDataIsReplacedAndCounted) {
  const fs::path dir = fresh("personal");
  put(dir / "in.jsonl", "{\"text\":\"Write to someone@real.org or call +44 20 7946 0958.\",\"metadata\":{\"masked\":\"theirs\"}}\n{\"text\":\"Nothing here.\"}\n");
  CollectConfig config = preset("none");
  config.mask_personal = true;
  const Result r = run({"s=" + (dir / "in.jsonl").string()}, dir / "out", config);
  ASSERT_EQ(r.documents.size(), 2u);
  EXPECT_EQ(r.documents[0].text.find("real.org"), std::string::npos);
  EXPECT_EQ(r.documents[0].text.find("7946"), std::string::npos);
  EXPECT_EQ(r.documents[0].metadata["masked"], Json::parse("{\"email\":1,\"phone\":1}"));
  EXPECT_EQ(r.documents[0].metadata["row_masked"], "theirs");
  EXPECT_EQ(r.made.corpus.counts["masked"], Json::parse("{\"email\":1,\"phone\":1}"));
  config.dedup = "near";
  EXPECT_EQ(run({"s=" + (dir / "in.jsonl").string()}, dir / "near", config).made.corpus.counts["masked"], r.made.corpus.counts["masked"]);
}

TEST(Collect, LimitsAreInTheLedger) {
  const fs::path dir = fresh("limits");
  put(dir / "in.jsonl", "{\"text\":\"Just one sentence here.\"}\n");
  CollectConfig config = preset("c4");
  std::string message;
  EXPECT_EQ(kind_of_error([&] { run({"s=" + (dir / "in.jsonl").string()}, dir / "none", config); }, &message), ErrorKind::input);
  EXPECT_NE(message.find("1 too_few_sentences"), std::string::npos) << message;
  config.limit = {"too_few_sentences=1"};
  EXPECT_EQ(run({"s=" + (dir / "in.jsonl").string()}, dir / "out", config).documents.size(), 1u);
}

TEST(Collect, AddressesLinksAndWithdrawnDocuments) {
  const fs::path dir = fresh("addresses");
  put(dir / "in.jsonl", R"({"text":"one","url":"https://hey.danger.org/a"}
{"text":"two","url":"https://nice.com/page/"}
{"text":"three","url":"http://www.Nice.com/other?x=1#top"}
{"text":"four","url":"https://nice.com/low"}
{"text":"five"}
{"text":"six","url":"https://good.org/taken-back"}
{"text":"seven","url":"https://good.org/linked"}
)");
  put(dir / "rules.txt", "# of our own\ndanger.org\n");
  put(dir / "links.jsonl", R"({"url":"http://nice.com/page","score":5}
{"url":"https://nice.com/other?x=1","score":1}
{"url":"https://nice.com/other?x=1","score":3,"title":"again"}
{"url":"https://nice.com/low","score":2}
{"url":"https://good.org/linked","score":100}
{"no":"url"}
)");
  put(dir / "withdrawn.txt", "https://good.org/taken-back\nother:file#1\n");
  CollectConfig config = preset("none");
  config.url_rules = {(dir / "rules.txt").string()};
  config.links = {"s=" + (dir / "links.jsonl").string()};
  config.withdrawn = {(dir / "withdrawn.txt").string()};
  put(dir / "book.txt", "a book");
  const Result r = run({"s=" + (dir / "in.jsonl").string(), "books=" + (dir / "book.txt").string()}, dir / "out", config);
  ASSERT_EQ(r.documents.size(), 4u);
  EXPECT_EQ(r.documents[0].text, "two");
  EXPECT_EQ(r.documents[0].metadata["link_score"], 5);
  EXPECT_EQ(r.documents[1].metadata["link_score"], 3);
  EXPECT_EQ(r.documents[3].text, "a book");
  std::map<std::string, Json> values;
  for (const Dropped& d : r.dropped) values[d.reason] = d.value;
  EXPECT_EQ(values, (std::map<std::string, Json>{{"domain", "danger.org"}, {"link_score", 2}, {"not_linked", nullptr}, {"withdrawn", nullptr}}));
  EXPECT_EQ(r.made.corpus.inputs.size(), 5u);
  config.links = {"nosuch=" + (dir / "links.jsonl").string()};
  EXPECT_EQ(kind_of_error([&] { run({"s=" + (dir / "in.jsonl").string()}, dir / "no", config); }), ErrorKind::usage);
}

TEST(Collect, EvaluationTextsAreLeftOutWithTheSpan) {
  const fs::path dir = fresh("contaminated");
  put(dir / "test.jsonl", R"({"question":"Which of the two rivers that meet below the town is the longer?","answers":["The northern one, by far."]})" "\n");
  put(dir / "in.jsonl", R"({"text":"We asked: which of the TWO rivers, that meet below the town, is the longer? The northern one, by luck."}
{"text":"Which of the two rivers that meet here is longer nobody can tell us at all today or tomorrow."}
)");
  CollectConfig config = preset("none");
  config.decontaminate = {(dir / "test.jsonl").string()};
  const Result r = run({"s=" + (dir / "in.jsonl").string()}, dir / "out", config);
  ASSERT_EQ(r.documents.size(), 1u);
  ASSERT_EQ(r.dropped.size(), 1u);
  EXPECT_EQ(r.dropped[0].reason, "contaminated");
  EXPECT_EQ(r.dropped[0].threshold, 13);
  EXPECT_EQ(r.dropped[0].value["words"], 17);
  EXPECT_EQ(r.dropped[0].value["span"], "which of the TWO rivers, that meet below the town, is the longer? The northern one, by");
  EXPECT_EQ(r.dropped[0].value["from"], "test.jsonl#1");
  config.decontaminate_words = 7;
  EXPECT_EQ(kind_of_error([&] { run({"s=" + (dir / "in.jsonl").string()}, dir / "all", config); }), ErrorKind::input);
}

TEST(Collect, RepeatedLinesAndParagraphsAreTakenOut) {
  const fs::path dir = fresh("repeated");
  put(dir / "in.jsonl", R"({"text":"The first line of it.\nAll rights are reserved 2019.\nshort\nThe last line here."}
{"text":"ALL rights are reserved, 2020!\nAnother line of words.\nshort\n\nAnother line of words."}
{"text":"The first line of it.\nThe last line here."}
)");
  CollectConfig config = preset("none");
  config.repeated = "lines";
  const Result r = run({"s=" + (dir / "in.jsonl").string()}, dir / "out", config);
  ASSERT_EQ(r.documents.size(), 2u);
  EXPECT_EQ(r.documents[0].text, "The first line of it.\nAll rights are reserved 2019.\nshort\nThe last line here.");
  EXPECT_EQ(r.documents[1].text, "Another line of words.\nshort");
  EXPECT_EQ(r.documents[1].metadata["language"], "en");
  EXPECT_EQ(r.reason("all_repeated"), 1);
  EXPECT_EQ(r.dropped[0].text, "The first line of it.\nThe last line here.");
  EXPECT_EQ(r.made.corpus.counts["repeated"], 2);
  EXPECT_EQ(r.made.corpus.counts["bytes"], r.documents[0].text.size() + r.documents[1].text.size());
  put(dir / "paragraphs.txt", "One paragraph\nof two lines.\n\n\nAnother one of words.\n\nOne paragraph of\ntwo lines.\n\nThe end of it.\n");
  config.repeated = "paragraphs";
  EXPECT_EQ(run({"s=" + (dir / "paragraphs.txt").string()}, dir / "paragraphs", config).documents.at(0).text, "One paragraph\nof two lines.\n\n\nAnother one of words.\n\nThe end of it.");
}

/// What a replay cannot bring back it says.
TEST(Collect, ReplaySaysWhatDoesNotComeBack) {
  const fs::path dir = fresh("replay-says");
  put(dir / "in.jsonl", "{\"text\":\"Write to someone@real.org about the boats.\"}\n{\"text\":\"Nothing here.\"}\n");
  struct Listens : Progress {
    std::string said;
    void warn(std::string_view line) override { said += line; }
  };
  for (const bool taken_out : {false, true}) {
    for (const bool masked : {false, true}) {
      CollectConfig config = preset("none");
      config.mask_personal = masked;
      if (taken_out) config.repeated = "lines";
      const fs::path first = dir / cat("first", taken_out, masked);
      run({"s=" + (dir / "in.jsonl").string()}, first, config);
      config = preset("none");
      config.replay = first.string();
      Listens progress;
      collect({}, config, dir / cat("again", taken_out, masked), false, progress);
      EXPECT_EQ(progress.said.find("personal data") != std::string::npos, masked) << progress.said;
      EXPECT_EQ(progress.said.find("lines and passages") != std::string::npos, taken_out) << progress.said;
    }
  }
}

TEST(Collect, ReplayJudgesAgainWithoutTheSources) {
  const fs::path dir = fresh("replay"), in = dir / "in";
  for (int i = 0; i < 6; ++i) put(in / ("a" + std::to_string(i) + ".txt"), i % 2 == 0 ? prose(i) : "Only a few words " + std::to_string(i) + ".");
  put(in / "b.jsonl", "{\"text\":\"" + std::string("Short one.") + "\",\"url\":\"https://x.org/1\",\"date\":\"2020-02-03\",\"license\":\"CC0\",\"language\":\"xx\"}\n{broken\n{\"text\":\"Short one.\"}\n");
  const std::vector<std::string> sources = {"s=" + in.string()};
  const Result strict = run(sources, dir / "strict", preset("clean"));
  EXPECT_EQ(strict.documents.size(), 3u);
  CollectConfig loose = preset("clean");
  loose.limit = {"few_words=1"};
  const Result direct = run(sources, dir / "direct", loose);
  loose.replay = (dir / "strict").string();
  const Result again = run({}, dir / "again", loose);
  ASSERT_EQ(again.documents.size(), direct.documents.size());
  for (size_t i = 0; i < again.documents.size(); ++i) {
    EXPECT_EQ(again.documents[i].id, direct.documents[i].id);
    EXPECT_EQ(again.documents[i].text, direct.documents[i].text);
    EXPECT_EQ(again.documents[i].created, direct.documents[i].created);
    EXPECT_EQ(again.documents[i].metadata, direct.documents[i].metadata);
  }
  EXPECT_EQ(again.reason("duplicate"), 1);
  EXPECT_EQ(again.reason("malformed"), 1);
  EXPECT_EQ(again.made.sources.at(0).name, "s");
  EXPECT_EQ(again.made.corpus.inputs.at(0).sha256, strict.made.corpus.content);
  loose.limit.clear();
  const Result same = run({}, dir / "same", loose);
  EXPECT_EQ(same.documents.size(), 3u);
  EXPECT_EQ(same.reason("few_words"), strict.reason("few_words"));
  EXPECT_EQ(kind_of_error([&] { run(sources, dir / "both", loose); }), ErrorKind::usage);
}

TEST(Collect, AReplayIsReplayed) {
  const fs::path dir = fresh("replay_twice"), in = dir / "in";
  put(in / "a" / "a.txt", prose(1));
  put(in / "a" / "short.txt", "Only a few words.");
  put(in / "b" / "b.jsonl", "{\"text\":\"" + std::string("Short one.") + "\"}\n{\"text\":\"" + std::string(prose(2)) + "\"}\n");
  const std::vector<std::string> sources = {"a=" + (in / "a").string(), "b=" + (in / "b").string()};
  CollectConfig config = preset("clean");
  config.limit = {"few_words=1"};
  const Result direct = run(sources, dir / "direct", config);
  run(sources, dir / "first", preset("clean"));
  CollectConfig strict = preset("clean"), loose = config;
  strict.limit = {"few_words=3"};
  strict.replay = (dir / "first").string();
  run({}, dir / "second", strict);
  loose.replay = (dir / "second").string();
  const Result again = run({}, dir / "third", loose);
  ASSERT_EQ(again.documents.size(), direct.documents.size());
  for (size_t i = 0; i < again.documents.size(); ++i) {
    EXPECT_EQ(again.documents[i].id, direct.documents[i].id);
    EXPECT_EQ(again.documents[i].text, direct.documents[i].text);
  }
  EXPECT_EQ(read_file(again.made.corpus.path("files.tsv")), read_file(direct.made.corpus.path("files.tsv")));
  ASSERT_EQ(again.made.sources.size(), 2u);
  EXPECT_EQ(again.made.sources[0].files, 2);
  EXPECT_EQ(again.made.sources[1].files, 1);
}

TEST(Collect, ReplayKnowsLinesThatWereTakenOutOfWhatWent) {
  const fs::path dir = fresh("replay_lines"), in = dir / "in";
  const std::string text = "One line is here to stay.\nTwo lines are here to stay.\nmenu about home\nPlease enable JavaScript to go on.\nThree lines stay. Four stay as well.\nFive of them are here.\n";
  put(in / "a.txt", text);
  put(in / "b.txt", prose(1));
  CollectConfig strict = preset("c4+gopher/datatrove");
  strict.limit = {"gopher_short_doc=25", "too_few_sentences=1"};
  const Result first = run({"s=" + in.string()}, dir / "first", strict);
  ASSERT_EQ(first.reason("gopher_short_doc"), 1);
  EXPECT_EQ(first.dropped.at(0).text, text);
  CollectConfig loose = preset("gopher/datatrove");
  loose.limit = {"gopher_short_doc=5", "gopher_enough_stop_words=0"};
  const Result direct = run({"s=" + in.string()}, dir / "direct", loose);
  loose.replay = (dir / "first").string();
  const Result again = run({}, dir / "again", loose);
  ASSERT_EQ(again.documents.size(), 2u);
  ASSERT_EQ(direct.documents.size(), 2u);
  EXPECT_EQ(again.documents[0].text, direct.documents[0].text);
  EXPECT_EQ(again.documents[0].metadata, direct.documents[0].metadata);
}

TEST(Collect, WikisAndBooks) {
  const fs::path dir = fresh("wiki"), in = dir / "in";
  put(in / "dump.xml", "<mediawiki xml:lang=\"en\"><siteinfo><base>https://en.wikipedia.org/wiki/Main_Page</base></siteinfo>"
                       "<page><title>Ada Lovelace</title><ns>0</ns><id>1</id><revision><timestamp>2015-10-26T04:50:23Z</timestamp><text>'''Ada''' walked {{convert|5|km|mi}} to [[London]].</text></revision></page>"
                       "<page><title>Talk:Ada</title><ns>1</ns><id>2</id><revision><text>talk</text></revision></page>"
                       "<page><title>Lovelace</title><ns>0</ns><id>3</id><redirect title=\"Ada Lovelace\"/><revision><text>#REDIRECT [[Ada Lovelace]]</text></revision></page></mediawiki>");
  put(in / "pg1.txt", "The Project Gutenberg EBook of A Book, by Me\n\nTitle: A Book\n\nAuthor: Me\n\nRelease Date: May 1, 2001 [EBook #77]\n\nLanguage: English\n\n*** START OF THIS PROJECT GUTENBERG EBOOK A BOOK ***\r\n\r\nIt was a dark night.\r\n\r\n*** END OF THIS PROJECT GUTENBERG EBOOK A BOOK ***\n\nlicence\n");
  put(in / "cut.xml", "<mediawiki><page><title>x</title><revision><text>a</text></revision></page><page <" + std::string(70000, 'x'));
  const Result r = run({"w=" + in.string()}, dir / "out", preset("none"));
  ASSERT_EQ(r.documents.size(), 3u);
  const Document* ada = r.find("walked");
  ASSERT_NE(ada, nullptr);
  EXPECT_EQ(ada->text, "Ada walked 5 km to London.");
  EXPECT_EQ(ada->url, "https://en.wikipedia.org/wiki/Ada_Lovelace");
  EXPECT_EQ(ada->created, "2015-10-26T04:50:23Z");
  EXPECT_EQ(ada->metadata["title"], "Ada Lovelace");
  EXPECT_EQ(r.reason("namespace"), 1);
  EXPECT_EQ(r.reason("redirect"), 1);
  EXPECT_EQ(r.reason("malformed"), 1);
  const Document* book = r.find("dark night");
  ASSERT_NE(book, nullptr);
  EXPECT_EQ(book->text, "It was a dark night.\n");
  EXPECT_EQ(book->metadata["title"], "A Book");
  EXPECT_EQ(book->metadata["author"], "Me");
  EXPECT_EQ(book->url, "https://www.gutenberg.org/ebooks/77");
}

}  // namespace
}  // namespace loam
