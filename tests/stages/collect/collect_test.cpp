// collect from end to end: real kinds of files, damage, filters, dedup, resume, threads.
#include "loam/stages/collect/collect.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "tests/support/collect_runs.h"

namespace loam {
namespace {

using namespace std::string_literals;

TEST(Collect, PlainTextIsKeptToTheByte) {
  const fs::path dir = fresh("plain");
  const std::string text = "First line  \r\nsecond\t\n\n\n  trailing space stays  \n\u2028\u0085 caf\u00E9 \n";
  put(dir / "a.txt", "\xEF\xBB\xBF" + text);
  const Result r = run({"s=" + (dir / "a.txt").string()}, dir / "out", preset("none"));
  ASSERT_EQ(r.documents.size(), 1u);
  EXPECT_EQ(r.documents[0].text, "First line  \nsecond\t\n\n\n  trailing space stays  \n\u2028\u0085 caf\u00E9 \n");
  EXPECT_EQ(r.documents[0].id, "s:a.txt#1");
  EXPECT_EQ(r.documents[0].source, "s");
  EXPECT_EQ(r.documents[0].metadata["file"], "a.txt");
  EXPECT_EQ(r.documents[0].metadata["format"], "text");
  EXPECT_EQ(r.made.corpus.inputs.at(0).sha256, sha256_file(dir / "a.txt"));
  EXPECT_EQ(r.made.corpus.counts["documents"], 1);
  EXPECT_EQ(r.made.corpus.counts["bytes"], r.documents[0].text.size());
}

TEST(Collect, ManyKindsOfFiles) {
  const fs::path dir = fresh("kinds"), in = dir / "in";
  put(in / "a.md", "# The Title\n\nSome words here.\n");
  put(in / "b.html", "<html lang=en><head><title>Page</title></head><body><nav><a href=x>Home</a></nav><article><h1>Head</h1><p>" + prose(1) + "</p></article><footer>foot</footer></body></html>");
  put(in / "c.jsonl", "{\"text\":\"row one\",\"url\":\"http://x.org/1\",\"n\":5}\n\n{\"content\":\"row \\ud83d two\",\"date\":\"2020-01-02\"}\n{\"text\": \n{\"other\":1}\n");
  put(in / "d.json", "[{\"text\":\"element one\"}, {\"text\":\"element two\", \"meta\":{\"k\":[1,2]}}]");
  put(in / "e.csv", "id,text,label\n1,\"cell, one\",a\n2,cell two,b\n");
  put(in / "f.eml", "From: A <a@b.c>\nTo: d@e.f\nSubject: =?utf-8?q?caf=C3=A9?=\nDate: Mon, 2 Jan 2006 15:04:05 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: quoted-printable\n\nBody with na=EFve words=\n and more.\n");
  put(in / "g.mbox", "From a@b Thu Aug 22 12:36:23 2002\nFrom: a@b\nSubject: one\n\nfirst mail\n>From the quoted\n\nFrom here on it is text\n\nFrom c@d Thu Aug 22 12:36:24 2002\nFrom: c@d\nSubject: two\n\nsecond mail\n");
  put(in / "h.po", "msgid \"\"\nmsgstr \"Language: fr\\n\"\n\nmsgid \"yes\"\nmsgstr \"oui\"\n");
  put(in / "i.dict", "00-database-short\n  Test\napple\n  A round fruit.\npear\n  Another fruit.\n");
  put(in / "j.pod", "=head1 NAME\n\nthing - B<does> C<< x > y >>\n\n=cut\n\ncode();\n");
  put(in / "k.png", "\x89PNG....");
  put(in / ".hidden", "no");
  const Result r = run({"all=" + in.string()}, dir / "out", preset("none"));
  EXPECT_NE(r.find("# The Title"), nullptr);
  ASSERT_NE(r.find("45th traveller"), nullptr) << "html";
  EXPECT_EQ(r.find("45th traveller")->metadata["title"], "Page");
  EXPECT_EQ(r.find("45th traveller")->metadata["lang"], "en");
  EXPECT_EQ(r.find("45th traveller")->text.find("Home"), std::string::npos);
  EXPECT_EQ(r.find("45th traveller")->text.find("foot"), std::string::npos);
  ASSERT_NE(r.find("row one"), nullptr);
  EXPECT_EQ(r.find("row one")->url, "http://x.org/1");
  EXPECT_EQ(r.find("row one")->metadata["n"], 5);
  ASSERT_NE(r.find("row \uFFFD two"), nullptr);
  EXPECT_EQ(r.find("row \uFFFD two")->created, "2020-01-02");
  EXPECT_EQ(r.reason("malformed"), 1);
  EXPECT_EQ(r.reason("no_text"), 1);
  ASSERT_NE(r.find("element two"), nullptr);
  EXPECT_EQ(r.find("element two")->metadata["k"], Json::parse("[1,2]"));
  ASSERT_NE(r.find("cell, one"), nullptr);
  EXPECT_EQ(r.find("cell, one")->metadata["label"], "a");
  ASSERT_NE(r.find("Body with na\u00EFve words and more."), nullptr);
  EXPECT_EQ(r.find("na\u00EFve")->metadata["subject"], "caf\u00E9");
  EXPECT_EQ(r.find("na\u00EFve")->created, "2006-01-02T15:04:05Z");
  ASSERT_NE(r.find("first mail\nFrom the quoted\n\nFrom here on it is text"), nullptr);
  ASSERT_NE(r.find("second mail"), nullptr);
  EXPECT_EQ(r.find("second mail")->id, "all:g.mbox#2");
  ASSERT_NE(r.find("yes\noui"), nullptr);
  EXPECT_EQ(r.find("yes\noui")->metadata["target"], "oui");
  ASSERT_NE(r.find("A round fruit"), nullptr);
  EXPECT_EQ(r.find("A round fruit")->metadata["title"], "apple");
  EXPECT_EQ(r.find("Another fruit")->id, "all:i.dict#2");
  EXPECT_NE(r.find("thing - does x > y"), nullptr);
  EXPECT_EQ(r.reason("unsupported"), 1);
  EXPECT_EQ(r.find("no"), r.find("nothing to us"));
}

TEST(Collect, PackedAndArchived) {
  const fs::path dir = fresh("packed"), in = dir / "in";
  put(in / "a.txt", "packed words a\n");
  put(in / "b.txt", "packed words b\n");
  const std::string make = "cd '" + in.string() + "' && gzip -k a.txt && bzip2 -k a.txt && xz -k a.txt && zstd -q a.txt && mkdir sub && cp a.txt.gz b.txt sub && tar cf t.tar sub && tar czf t.tgz sub b.txt && rm -r sub";
  if (std::system(make.c_str()) != 0) GTEST_SKIP() << "gzip, bzip2, xz, zstd or tar is not there";
  const Result r = run({"p=" + in.string()}, dir / "out", preset("none"));
  EXPECT_EQ(r.documents.size(), 2u + 4u + 2u + 3u);
  EXPECT_TRUE(r.dropped.empty());
  std::set<std::string> members;
  for (const auto& d : r.documents) {
    EXPECT_EQ(d.text.substr(0, 13), "packed words ");
    if (d.metadata.contains("member")) members.insert(d.metadata["member"]);
  }
  EXPECT_EQ(members, (std::set<std::string>{"sub/a.txt.gz", "sub/b.txt", "b.txt"}));
  const Result again = run({"p=" + in.string()}, dir / "dedup", preset("dedup"));
  EXPECT_EQ(again.documents.size(), 2u);
  EXPECT_EQ(again.reason("duplicate"), 9);
  EXPECT_EQ(again.dropped[0].value, 0);
  EXPECT_EQ(again.dropped[0].text, "packed words a\n");
}

TEST(Collect, DamagedFilesAreNamedAndTheRestGoesOn) {
  const fs::path dir = fresh("damaged"), in = dir / "in";
  std::string junk;
  for (uint64_t i = 0; i < 200000; ++i) junk += static_cast<char>(mix64(i));
  put(in / "junk.txt", junk);
  put(in / "good.txt", prose(1));
  std::string longer;
  for (int i = 0; i < 150; ++i) longer += prose(i);
  put(in / "long.txt", longer);
  if (std::system(("cd '" + in.string() + "' && gzip long.txt && head -c $(($(wc -c <long.txt.gz) / 2)) long.txt.gz > cut.txt.gz && rm long.txt.gz").c_str()) != 0) GTEST_SKIP() << "no gzip";
  put(in / "latin1.txt", "Ein M\xE4rchen \xFC" "ber gr\xF6\xDF" "ere Dinge; d\xE9j\xE0 vu, se\xF1or.\n");
  put(in / "nul.txt", "a\0b\0c "s + "a\0b\0c "s);
  put(in / "empty.txt", "");
  put(in / "bad.po", "no catalogue");
  put(in / "open.csv", "text\n\"never closed\nand so on\n");
  const Result r = run({"m=" + in.string()}, dir / "out", preset("none"));
  EXPECT_NE(r.find("41th traveller"), nullptr);
  EXPECT_NE(r.find("gr\u00F6\u00DFere"), nullptr);
  EXPECT_EQ(r.reason("binary"), 2);
  EXPECT_EQ(r.reason("damaged"), 1);
  EXPECT_EQ(r.reason("empty"), 1);
  EXPECT_EQ(r.reason("malformed"), 2);
  std::string troubles;
  for (const auto& trouble : r.made.troubles) troubles += trouble + "\n";
  for (const char* name : {"junk.txt", "cut.txt.gz", "bad.po", "open.csv"}) EXPECT_NE(troubles.find(name), std::string::npos) << name;
  for (const auto& d : r.dropped) {
    if (d.reason != "damaged") continue;
    EXPECT_NE(d.id.find("cut.txt.gz"), std::string::npos);
    EXPECT_NE(d.text.find("traveller"), std::string::npos) << "what there was of it is in the ledger";
  }
}

TEST(Collect, WhatCannotBeReadAtAllIsRefused) {
  const fs::path dir = fresh("refused");
  std::string what;
  EXPECT_EQ(kind_of_error([&] { run({(dir / "nowhere").string()}, dir / "out"); }, &what), ErrorKind::input);
  EXPECT_NE(what.find("nowhere"), std::string::npos);
  fs::create_directories(dir / "empty");
  EXPECT_EQ(kind_of_error([&] { run({(dir / "empty").string()}, dir / "out"); }, &what), ErrorKind::input);
  EXPECT_NE(what.find("empty"), std::string::npos);
  EXPECT_EQ(kind_of_error([&] { run({(dir / "*.none").string()}, dir / "out"); }), ErrorKind::input);
  put(dir / "t.csv", "a,b\n1,2\n");
  CollectConfig config = preset("none");
  config.text_column = "body";
  EXPECT_EQ(kind_of_error([&] { run({(dir / "t.csv").string()}, dir / "out", config); }, &what), ErrorKind::input);
  EXPECT_NE(what.find("columns: a, b"), std::string::npos) << what;
  EXPECT_FALSE(fs::exists(dir / "out")) << "nothing is left behind";
  EXPECT_EQ(kind_of_error([&] { run({(dir / "t.csv").string()}, dir / "out", preset("claen")); }, &what), ErrorKind::usage);
  EXPECT_NE(what.find("clean"), std::string::npos);
}

TEST(Collect, CleanDropsWithValueAndThreshold) {
  const fs::path dir = fresh("clean"), in = dir / "in";
  put(in / "good.txt", "\n\n\nOne line.   \n\n\n\nAnother\x01 line.\n" + prose(1) + "\n\n");
  put(in / "few.txt", "only a few words");
  put(in / "table.txt", "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20");
  std::string repeated;
  for (int i = 0; i < 20; ++i) repeated += "the same old line stands here again\n";
  put(in / "repeat.txt", repeated);
  put(in / "twice.txt", "One line.\n\nAnother line.\n" + prose(1));
  put(in / "cjk.txt", "\u6F22\u5B57\u306F\u65E5\u672C\u8A9E\u306E\u6587\u7AE0\u3092\u66F8\u304F\u305F\u3081\u306B\u4F7F\u308F\u308C\u308B\u6587\u5B57\u3067\u3059\u3002");
  const Result r = run({"c=" + in.string()}, dir / "out");
  EXPECT_EQ(r.documents.size(), 2u);
  ASSERT_NE(r.find("One line.\n\nAnother line.\nThe 41th"), nullptr);
  EXPECT_NE(r.find("\u6F22\u5B57"), nullptr);
  std::map<std::string, std::string> reasons;
  for (const auto& d : r.dropped) {
    reasons[d.id] = d.reason;
    EXPECT_TRUE(d.value.is_number()) << d.id;
    EXPECT_TRUE(d.reason == "duplicate" || d.threshold.is_number()) << d.id;
    EXPECT_FALSE(d.text.empty());
  }
  EXPECT_EQ(reasons["c:few.txt#1"], "few_words");
  EXPECT_EQ(reasons["c:table.txt#1"], "few_letters");
  EXPECT_EQ(reasons["c:repeat.txt#1"], "repeated_lines");
  EXPECT_EQ(reasons["c:twice.txt#1"], "duplicate");
}

TEST(Collect, LongTextsAreCutAtParagraphsAndNothingIsLost) {
  const fs::path dir = fresh("parts");
  std::string text;
  for (int i = 0; i < 30; ++i) text += prose(i);
  put(dir / "long.txt", text);
  put(dir / "line.txt", std::string(50000, 'x') + "\u00E9\u00E9\u00E9" + std::string(50000, 'y'));
  CollectConfig config = preset("none");
  config.max_document_bytes = 10001;
  const Result r = run({"s=" + dir.string() + "/long.txt", "s=" + dir.string() + "/line.txt"}, dir / "out", config);
  std::map<std::string, std::string> whole;
  for (const auto& d : r.documents) {
    whole[d.metadata["file"]] += d.text;
    EXPECT_LE(d.text.size(), 10001u);
    EXPECT_GE(d.metadata["part"], 1);
    EXPECT_TRUE(d.metadata["file"] != "long.txt" || d.text.ends_with("\n\n")) << d.id;
  }
  EXPECT_EQ(whole["long.txt"], text);
  EXPECT_EQ(whole["line.txt"], read_file(dir / "line.txt"));
}

TEST(Collect, SourcesOfOneNameAndFilesOfOneName) {
  const fs::path dir = fresh("names");
  put(dir / "a" / "x.txt", "text of a");
  put(dir / "b" / "x.txt", "text of b");
  put(dir / "c.txt", "text of c");
  const Result r = run({"s=" + (dir / "a").string(), "s=" + (dir / "b").string(), (dir / "c.txt").string(), "g=" + (dir / "?").string()}, dir / "out", preset("none"));
  ASSERT_EQ(r.documents.size(), 5u);
  EXPECT_EQ(r.documents[0].id, "s:x.txt#1");
  EXPECT_EQ(r.documents[1].id, "s:x.txt~2#1");
  EXPECT_EQ(r.documents[2].id, "c:c.txt#1");
  EXPECT_EQ(r.documents[3].id, "g:a/x.txt#1");
  EXPECT_EQ(r.made.sources.size(), 3u);
  EXPECT_EQ(r.made.sources[0].documents, 2);
}

/// Files of all sizes, some duplicates.
void many(const fs::path& in) {
  for (int i = 0; i < 60; ++i) {
    std::string text;
    for (int k = 0; k < 1 + i % 7 * 6; ++k) text += prose(i % 50 * 100 + k);
    put(in / ("f" + std::to_string(100 + i) + ".txt"), text);
  }
  std::string rows;
  for (int i = 0; i < 3000; ++i) rows += "{\"text\":\"" + std::string(static_cast<size_t>(20 + i % 300), static_cast<char>('a' + i % 26)) + " row " + std::to_string(i) + "\"}\n";
  put(in / "rows.jsonl", rows);
}

TEST(Collect, SameBytesWhateverTheThreads) {
  const fs::path dir = fresh("threads");
  many(dir / "in");
  std::set<std::string> contents;
  for (const int n : {1, 2, 5}) {
    set_threads(n);
    for (const char* name : {"none", "clean"}) {
      const Result r = run({"in=" + (dir / "in").string()}, dir / (std::string(name) + std::to_string(n)), preset(name));
      contents.insert(std::string(name) + r.made.corpus.content);
    }
  }
  set_threads(hardware_threads());
  EXPECT_EQ(contents.size(), 2u);
}

TEST(Collect, StoppedAndGoingOnGivesTheSameBytes) {
  const fs::path dir = fresh("stopped");
  many(dir / "in");
  CollectConfig config = preset("dedup");
  const std::vector<std::string> sources = {"in=" + (dir / "in").string()};
  const std::string whole = run(sources, dir / "whole", config).made.corpus.content;
  struct StopsAt : Progress {
    int64_t calls = 0, at = 0;
    void update(int64_t, int64_t, std::string_view) override {
      if (++calls == at) request_stop();
    }
  };
  int stops = 0;
  for (int64_t at = 3;; at += 4) {
    StopsAt progress;
    progress.at = at;
    try {
      const Collected made = collect(sources, config, dir / "out", false, progress);
      EXPECT_EQ(made.corpus.content, whole);
      EXPECT_TRUE(made.resumed);
      break;
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::interrupted) << e.what();
      request_stop(false);
      ++stops;
    }
  }
  EXPECT_GE(stops, 2);
  // Changed inputs are not mixed into what was begun.
  StopsAt progress;
  progress.at = 2;
  EXPECT_EQ(kind_of_error([&] { collect(sources, config, dir / "changed", false, progress); }), ErrorKind::interrupted);
  request_stop(false);
  put(dir / "in" / "f100.txt", "another text altogether");
  EXPECT_EQ(kind_of_error([&] { run(sources, dir / "changed", config); }), ErrorKind::usage);
  EXPECT_NO_THROW(run(sources, dir / "changed", config, /*force=*/true));
}

TEST(Collect, AFinishedCorpusIsNotOverwritten) {
  const fs::path dir = fresh("finished");
  put(dir / "a.txt", "some words");
  run({(dir / "a.txt").string()}, dir / "out", preset("none"));
  std::string what;
  EXPECT_EQ(kind_of_error([&] { run({(dir / "a.txt").string()}, dir / "out", preset("none")); }, &what), ErrorKind::usage);
  EXPECT_NE(what.find("--force"), std::string::npos);
  EXPECT_NO_THROW(run({(dir / "a.txt").string()}, dir / "out", preset("none"), true));
}

TEST(Collect, TheCorpusIsNotReadAsASource) {
  const fs::path dir = fresh("inside");
  put(dir / "a.txt", "some words");
  const Result first = run({"d=" + dir.string()}, dir / "out", preset("none"));
  const Result second = run({"d=" + dir.string()}, dir / "out", preset("none"), true);
  EXPECT_EQ(first.made.corpus.content, second.made.corpus.content);
  EXPECT_EQ(second.documents.size(), 1u);
}

}  // namespace
}  // namespace loam
