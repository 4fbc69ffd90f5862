// The corpus: rows survive, parts roll over at rows, a saved writer goes on to the same bytes, damage is named.
#include "loam/artifacts/corpus.h"

#include <gtest/gtest.h>

#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

fs::path fresh_corpus(const char* name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_corpus" / name;
  fs::remove_all(folder);
  return folder;
}

Document document(int64_t i, size_t bytes = 100) {
  Document d;
  d.id = "s:f.txt#" + std::to_string(i);
  for (int64_t n = i; d.text.size() < bytes; ++n) d.text += "word " + std::to_string(n * 7919 % 1000) + (n % 9 == 0 ? "\n" : " ");
  d.source = "s";
  d.metadata = {{"file", "f.txt"}, {"record", i}};
  return d;
}

std::vector<Document> read_all(CorpusReader reader) {
  std::vector<Document> out;
  while (auto d = reader.next()) out.push_back(std::move(*d));
  return out;
}

TEST(Corpus, RowsKeepEveryCharacter) {
  Document d;
  d.id = "a";
  d.text = std::string("quote \" back \\ nul ") + '\0' + " tab \t cr \r nl \n ls \xE2\x80\xA8 nel \xC2\x85 fs \x1c emoji \xF0\x9F\x91\xA9 bom \xEF\xBB\xBF end  \n";
  d.source = "s";
  d.url = "https://example.org/?a=1&b=\"2\"";
  d.created = "2001-02-03";
  d.metadata = {{"n", 1}, {"deep", {{"list", {1, 2, "x\n"}}, {"none", nullptr}}}};
  const Artifact corpus = write_corpus(fresh_corpus("rows"), {d});
  const auto back = read_all(CorpusReader(corpus));
  ASSERT_EQ(back.size(), 1u);
  EXPECT_EQ(back[0].text, d.text);
  EXPECT_EQ(back[0].id, d.id);
  EXPECT_EQ(back[0].source, d.source);
  EXPECT_EQ(back[0].url, d.url);
  EXPECT_EQ(back[0].added, "");
  EXPECT_EQ(back[0].created, d.created);
  EXPECT_EQ(back[0].metadata, d.metadata);
  EXPECT_EQ(corpus.counts["documents"], 1);
}

TEST(Corpus, BrokenUtf8InARowIsRepaired) {
  Document d = document(1);
  d.text = "a\xFF" "b\xE2\x80";
  const auto back = read_all(CorpusReader(write_corpus(fresh_corpus("broken"), {d})));
  EXPECT_EQ(back.at(0).text, "a\xEF\xBF\xBD" "b\xEF\xBF\xBD");
}

TEST(Corpus, PartsEndWithTheRowThatFillsThem) {
  const fs::path folder = fresh_corpus("parts");
  ArtifactWriter out(folder, "corpus", Json::object(), {}, false);
  CorpusWriter writer(folder, {}, 1000);
  for (int i = 0; i < 20; ++i) {
    writer.add(document(i, 200));
    if (i % 3 == 0) writer.drop({"d" + std::to_string(i), "s", "", "short", 3, 10, "x y z"});
  }
  for (const auto& name : writer.finish()) out.promise(name);
  const Artifact corpus = out.finish(Json::object());
  ASSERT_GT(document_files(corpus).size(), 3u);
  EXPECT_EQ(document_files(corpus).size(), dropped_files(corpus).size());
  CorpusReader reader(corpus);
  int64_t i = 0, files = 0;
  while (auto d = reader.next()) {
    EXPECT_EQ(d->text, document(i, 200).text);
    files += reader.row() == 0;
    CorpusReader alone(corpus.path(reader.file()), /*with_metadata=*/false);
    for (int64_t skip = 0; skip < reader.row(); ++skip) alone.next();
    const auto again = alone.next();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->id, d->id);
    EXPECT_TRUE(again->metadata.empty());
    ++i;
  }
  EXPECT_EQ(i, 20);
  EXPECT_EQ(files, static_cast<int64_t>(document_files(corpus).size()));
  std::vector<Dropped> drops;
  for (const auto& name : dropped_files(corpus)) {
    for (auto& drop : read_dropped(corpus.path(name))) drops.push_back(std::move(drop));
  }
  ASSERT_EQ(drops.size(), 7u);
  EXPECT_EQ(drops[1].id, "d3");
  EXPECT_EQ(drops[1].reason, "short");
  EXPECT_EQ(drops[1].value, 3);
  EXPECT_EQ(drops[1].threshold, 10);
}

TEST(Corpus, AnEmptyCorpusHasOnePart) {
  const Artifact corpus = write_corpus(fresh_corpus("empty"), {});
  EXPECT_EQ(document_files(corpus).size(), 1u);
  EXPECT_TRUE(read_all(CorpusReader(corpus)).empty());
}

TEST(Corpus, SavedAndResumedWritesTheSameBytes) {
  auto write = [](const fs::path& folder, std::vector<int> stops) {
    const fs::path state = folder / "state";
    fs::create_directories(state);
    auto writer = std::make_unique<CorpusWriter>(folder, state, 3000);
    Json saved = writer->save();
    int from = 0;
    for (int i = 0; i < 60; ++i) {
      if (!stops.empty() && i == stops.front()) {
        stops.erase(stops.begin());
        if (i % 2 == 0) {  // a save that was never stored: what came after the last stored one is done again
          writer->save();
          writer->add(document(999));
        } else {
          saved = writer->save();
          from = i;
        }
        writer = std::make_unique<CorpusWriter>(folder, state, 3000);
        writer->resume(saved);
        i = from;
        EXPECT_EQ(writer->documents(), from);
      }
      writer->add(document(i, 150 + static_cast<size_t>(i)));
      writer->drop({"d", "s", "", "short", i, 10, "x"});
    }
    std::string all;
    for (const auto& name : writer->finish()) all += name + read_file(folder / name);
    return all;
  };
  const std::string whole = write(fresh_corpus("whole"), {});
  EXPECT_EQ(write(fresh_corpus("resumed"), {1, 2, 9, 10, 23, 24, 41, 55, 59}), whole);
}

TEST(Corpus, RowsThatWaitOnDiskComeBack) {
  const fs::path folder = fresh_corpus("spilled"), state = folder / "state";
  fs::create_directories(state);
  auto writer = std::make_unique<CorpusWriter>(folder, state, 5 << 20);
  Json saved;
  bool killed = false;
  for (int i = 0; i < 60; ++i) {
    if (i == 12 && !killed) saved = writer->save();
    if (i == 40 && !std::exchange(killed, true)) {  // another part has been written since
      EXPECT_GT(writer->part(), saved.at("part"));
      writer = std::make_unique<CorpusWriter>(folder, state, 5 << 20);
      writer->resume(saved);
      i = 12;
    }
    writer->add(document(i, 300000));
    if (i % 3 == 0) writer->drop({"d", "s", "", "short", i, 10, std::string(200000, 'x')});
  }
  const std::vector<std::string> names = writer->finish();
  const fs::path plain = fresh_corpus("unspilled");
  CorpusWriter whole(plain, {}, 5 << 20);
  for (int i = 0; i < 60; ++i) {
    whole.add(document(i, 300000));
    if (i % 3 == 0) whole.drop({"d", "s", "", "short", i, 10, std::string(200000, 'x')});
  }
  ASSERT_EQ(whole.finish(), names);
  for (const std::string& name : names) EXPECT_EQ(read_file(folder / name), read_file(plain / name)) << name;
  for (const auto& entry : fs::directory_iterator(plain)) EXPECT_TRUE(entry.path().string().ends_with(".zst")) << entry.path();
}

TEST(Corpus, BytesDoNotDependOnThreads) {
  auto bytes = [](int n) {
    set_threads(n);
    std::vector<Document> documents;
    for (int i = 0; i < 300; ++i) documents.push_back(document(i, 50000));
    const Artifact corpus = write_corpus(fresh_corpus("threads"), documents);
    return corpus.content;
  };
  const std::string one = bytes(1);
  EXPECT_EQ(bytes(3), one);
  set_threads(hardware_threads());
}

TEST(Corpus, DamageIsNamed) {
  const fs::path folder = fresh_corpus("damage");
  std::vector<Document> documents;
  for (int i = 0; i < 200; ++i) documents.push_back(document(i, 1000));
  const Artifact corpus = write_corpus(folder, documents);
  const fs::path file = corpus.path("documents-00000.jsonl.zst");
  const std::string good = read_file(file);
  auto error = [&](const std::string& bytes) -> std::string {
    write_file(file, bytes);
    try {
      CorpusReader reader(file);
      while (reader.next()) {
      }
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
      return e.what();
    }
    return "";
  };
  EXPECT_NE(error(good.substr(0, good.size() / 2)).find("documents-00000.jsonl.zst"), std::string::npos);
  EXPECT_NE(error("not zstd at all").find("documents-00000.jsonl.zst"), std::string::npos);
  EXPECT_EQ(error(good), "");
  EXPECT_EQ(error(""), "");  // no frame at all: no rows; open_artifact() has the sizes and refuses it
  EXPECT_THROW(CorpusReader(folder / "nowhere").next(), Error);
}

}  // namespace
}  // namespace loam
