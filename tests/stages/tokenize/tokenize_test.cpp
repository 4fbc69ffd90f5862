// Documents to shards: what is written is what was read, mixtures hold, stops and threads change no byte.
#include "loam/stages/tokenize/tokenize.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "loam/artifacts/corpus.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/tokenize/split.h"
#include "loam/stages/tokenize/train_tokenizer.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

class Tokenize : public testing::Test {
 protected:
  fs::path fresh(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / "loam_tokenize" / name;
    fs::remove_all(folder);
    return folder;
  }
  static Document document(const std::string& source, int i, int words) {
    Document out;
    out.id = source + "/" + std::to_string(i);
    out.source = source;
    out.url = "http://example.org/" + std::to_string(i);
    Random rng(static_cast<uint64_t>(i), source);
    for (int w = 0; w < words; ++w) out.text += (w % 9 == 8 ? "\n\n" : " ") + std::string("wört") + std::to_string(rng.below(50));
    out.text += "<|endoftext|>";  // text, never a control token
    return out;
  }
  Artifact corpus(const std::string& name, const std::vector<Document>& documents) { return write_corpus(fresh(name), documents); }
  fs::path tokenizer(const Artifact& from) {
    TokenizerTrainConfig config;
    config.vocab_size = 300;
    Progress silent;
    const fs::path folder = fresh("tokenizer");
    train_tokenizer({from}, config, folder, false, silent);
    return folder;
  }
  TokenizeResult run(const std::vector<Artifact>& corpora, const fs::path& tok, const TokenizeConfig& config, const std::string& out = "out", bool keep = false) {
    Progress silent;
    const fs::path folder = fs::path(testing::TempDir()) / "loam_tokenize" / out;
    if (!keep) fs::remove_all(folder);
    return tokenize(corpora, tok, config, 7, folder, false, silent);
  }
  /// Texts by document number, in the order of the split.
  static std::vector<std::pair<int64_t, std::string>> texts(const TokenSplit& split, const Tokenizer& tok) {
    std::vector<std::pair<int64_t, std::string>> out;
    const auto starts = split.document_starts(), numbers = split.document_numbers();
    for (size_t i = 0; i < starts.size(); ++i) {
      const int64_t end = i + 1 < starts.size() ? starts[i + 1] : split.token_count();
      std::vector<int32_t> ids(static_cast<size_t>(end - starts[i]));
      split.copy(starts[i], end - starts[i], ids.data());
      EXPECT_EQ(ids[0], tok.eot_id());
      ids.erase(ids.begin());
      out.emplace_back(numbers[i], tok.decode(ids));
    }
    return out;
  }
  void TearDown() override {
    set_threads(hardware_threads());
    request_stop(false);
  }
};

TEST_F(Tokenize, EveryDocumentIsThereOnce) {
  std::vector<Document> documents;
  for (int i = 0; i < 60; ++i) documents.push_back(document(i % 3 == 0 ? "a" : "b", i, 5 + i));
  documents.push_back(document("b", 60, 0));
  documents.back().text = "";
  const Artifact c = corpus("once", documents);
  const fs::path tok_folder = tokenizer(c);
  TokenizeConfig config;
  config.val_fraction = 0.2;
  config.shard_tokens = 1000;
  const TokenizeResult made = run({c}, tok_folder, config);
  const TokenSet set = TokenSet::open(made.artifact.folder);
  const Tokenizer tok = Tokenizer::load(made.artifact.folder);  // the tokens bring their tokenizer along
  EXPECT_GT(set.train().shards().size(), 3u);
  std::map<int64_t, std::string> seen;
  int64_t bytes = 0;
  for (const TokenSplit* split : {&set.train(), &set.val()}) {
    for (const auto& [number, text] : texts(*split, tok)) {
      EXPECT_TRUE(seen.emplace(number, text).second) << number;
      bytes += static_cast<int64_t>(text.size());
    }
  }
  ASSERT_EQ(seen.size(), documents.size());
  for (size_t i = 0; i < documents.size(); ++i) EXPECT_EQ(seen[static_cast<int64_t>(i)], documents[i].text);
  EXPECT_EQ(set.train().text_bytes() + set.val().text_bytes(), bytes);
  EXPECT_GT(set.val().document_count(), 0);
  for (const auto& shard : set.train().shards()) EXPECT_LE(shard.token_count(), 1000);

  std::istringstream table(read_file(made.artifact.path("documents.tsv")));
  std::string line;
  size_t row = 0;
  while (std::getline(table, line)) {
    EXPECT_EQ(line, cat(row, "\tdocuments-00000.jsonl.zst\t", row, "\t", documents[row].id, "\t", documents[row].url));
    ++row;
  }
  EXPECT_EQ(row, documents.size());
  ASSERT_EQ(made.artifact.inputs.size(), 2u);
  EXPECT_EQ(made.artifact.inputs[0].sha256, c.content);
}

TEST_F(Tokenize, ALoneDocumentIsCutNearItsEnd) {
  const Artifact c = corpus("lone", {document("a", 0, 5000)});
  TokenizeConfig config;
  config.val_fraction = 0.1;
  const TokenizeResult made = run({c}, tokenizer(c), config);
  const TokenSet set = TokenSet::open(made.artifact.folder);
  const Tokenizer tok = Tokenizer::load(made.artifact.folder);
  const auto train = texts(set.train(), tok), val = texts(set.val(), tok);
  ASSERT_EQ(train.size(), 1u);
  ASSERT_EQ(val.size(), 1u);
  EXPECT_EQ(train[0].second + val[0].second, document("a", 0, 5000).text);
  EXPECT_TRUE(train[0].second.ends_with("\n\n"));
  EXPECT_EQ(set.train().text_bytes(), static_cast<int64_t>(train[0].second.size()));
  EXPECT_EQ(set.val().text_bytes(), static_cast<int64_t>(val[0].second.size()));
  const double part = static_cast<double>(set.val().text_bytes()) / static_cast<double>(set.train().text_bytes() + set.val().text_bytes());
  EXPECT_NEAR(part, 0.1, 0.01);

  config.val_fraction = 0;
  EXPECT_EQ(TokenSet::open(run({c}, made.artifact.folder, config, "whole").artifact.folder).val().token_count(), 0);
}

TEST_F(Tokenize, MixtureAndEpochs) {
  std::vector<Document> a, b;
  for (int i = 0; i < 40; ++i) a.push_back(document("a", i, 30));
  for (int i = 0; i < 200; ++i) b.push_back(document("b", i, 30));
  const Artifact ca = corpus("mix_a", a), cb = corpus("mix_b", b);
  TokenizeConfig config;
  config.val_fraction = 0;
  config.mix = {"a=0.6,b=0.4"};
  config.budget = 20000;
  const TokenizeResult made = run({ca, cb}, tokenizer(cb), config);
  EXPECT_NEAR(static_cast<double>(made.train_tokens), 20000, 8);
  ASSERT_EQ(made.sources.size(), 2u);
  EXPECT_NEAR(made.sources[0].share, 0.6, 0.001);
  EXPECT_NEAR(made.sources[0].epochs, 12000.0 / static_cast<double>(made.sources[0].tokens), 0.01);
  EXPECT_GT(made.sources[0].epochs, 2);

  const TokenSet set = TokenSet::open(made.artifact.folder);
  const Tokenizer tok = Tokenizer::load(made.artifact.folder);
  const auto written = texts(set.train(), tok);
  // Each document of a source once before any comes again; and any stretch has the mixture.
  std::vector<int64_t> of_a;
  int64_t a_tokens = 0, all = 0;
  for (const auto& [number, text] : written) {
    const auto n = static_cast<int64_t>(tok.encode(text).size()) + 1;
    all += n;
    if (number < 40) of_a.push_back(number), a_tokens += n;
    if (all > 3000) {
      EXPECT_NEAR(static_cast<double>(a_tokens) / static_cast<double>(all), 0.6, 0.05);
    }
  }
  EXPECT_EQ(std::set<int64_t>(of_a.begin(), of_a.begin() + 40).size(), 40u);
  EXPECT_EQ(std::set<int64_t>(of_a.begin() + 40, of_a.begin() + 80).size(), 40u);
  EXPECT_NE(std::vector<int64_t>(of_a.begin(), of_a.begin() + 40), std::vector<int64_t>(of_a.begin() + 40, of_a.begin() + 80));

  config.budget.reset();  // weights alone: at most four times
  const TokenizeResult capped = run({ca, cb}, made.artifact.folder, config, "capped");
  EXPECT_NEAR(capped.sources[0].share, 0.6, 0.001);
  EXPECT_LE(capped.sources[0].epochs, 4.01);
  config.mix = {"a=1"};
  EXPECT_EQ(run({ca, cb}, made.artifact.folder, config, "only_a").sources[1].train_tokens, 0);
}

TEST_F(Tokenize, SameBytesWhateverTheThreadsAndStops) {
  std::vector<Document> documents;
  for (int i = 0; i < 120; ++i) documents.push_back(document(i % 2 == 0 ? "a" : "b", i, 40));
  const Artifact c = corpus("stops", documents), d = corpus("stops_d", {document("c", 1000, 500)});
  const fs::path tok = tokenizer(c);
  TokenizeConfig config;
  config.shard_tokens = 5000;
  std::string want;
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const TokenizeResult made = run({c, d}, tok, config);
    if (want.empty()) want = made.artifact.content;
    EXPECT_EQ(made.artifact.content, want);
  }
  // Asked to stop at its n-th word, then run again.
  struct Stopper : Progress {
    int left;
    explicit Stopper(int n) : left(n) {}
    void update(int64_t, int64_t, std::string_view) override {
      if (--left == 0) request_stop();
    }
  };
  bool stopped = true;
  for (int n = 1; stopped; n += 3) {
    const fs::path out = fresh("stopped");
    Stopper stopper(n);
    stopped = false;
    try {
      tokenize({c, d}, tok, config, 7, out, false, stopper);
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::interrupted);
      stopped = true;
    }
    request_stop(false);
    if (stopped) {
      EXPECT_EQ(run({c, d}, tok, config, "stopped", true).artifact.content, want) << n;
      EXPECT_FALSE(fs::exists(out / "state"));
    }
  }
}

/// Tokens by language and of what was left out, held to encoding each text by itself.
TEST_F(Tokenize, AccountsByLanguageAndOfWhatWasLeftOut) {
  std::vector<Document> documents;
  std::vector<Dropped> dropped;
  for (int i = 0; i < 60; ++i) {
    documents.push_back(document(i % 2 == 0 ? "a" : "b", i, 20 + i));
    if (i % 3 != 0) documents.back().metadata["language"] = i % 3 == 1 ? "en" : "de";
    const Document gone = document(i % 4 == 0 ? "b" : "a", 100 + i, 10 + i);
    dropped.push_back({gone.id, gone.source, "", i % 5 == 0 ? "short" : "duplicate", 1, 2, gone.text, "", Json(nullptr)});
    if (i % 7 != 0) dropped.back().metadata = {{"language", i % 7 < 3 ? "en" : "fr"}};
  }
  const fs::path folder = fresh("accounts");
  ArtifactWriter out(folder, "corpus", Json::object(), {}, false);
  CorpusWriter rows(folder, {}, 20000);  // several parts
  Json sources = Json::object();
  for (size_t i = 0; i < documents.size(); ++i) {
    rows.add(documents[i]);
    rows.drop(dropped[i]);
    Json& counts = sources[dropped[i].source];
    auto add = [&](const char* key, int64_t n) {
      Json& sum = counts[key][dropped[i].reason];
      sum = (sum.is_null() ? 0 : sum.get<int64_t>()) + n;
    };
    add("reasons", 1);
    add("reason_bytes", static_cast<int64_t>(dropped[i].text.size()));
  }
  for (const std::string& name : rows.finish()) out.promise(name);
  const Artifact c = out.finish({{"documents", 60}, {"dropped", 60}, {"sources", sources}});
  ASSERT_GT(dropped_files(c).size(), 1u);
  const fs::path tok_folder = tokenizer(c);
  const Tokenizer tok = Tokenizer::load(tok_folder);
  std::map<std::string, int64_t> by_language, a_by_language;
  std::map<std::vector<std::string>, int64_t> left_out;
  std::map<std::string, std::pair<int64_t, int64_t>> rates;  // of a source: tokens, bytes
  for (size_t i = 0; i < documents.size(); ++i) {
    const auto tokens = static_cast<int64_t>(tok.encode(documents[i].text).size()) + 1;
    const std::string language = documents[i].metadata.value("language", "-");
    by_language[language] += tokens;
    if (documents[i].source == "a") a_by_language[language] += tokens;
    rates[documents[i].source].first += tokens;
    rates[documents[i].source].second += static_cast<int64_t>(documents[i].text.size());
    const Dropped& d = dropped[i];
    left_out[{d.source, d.reason, d.metadata.is_object() ? d.metadata.value("language", "-") : "-"}] += static_cast<int64_t>(tok.encode(d.text).size()) + 1;
  }
  TokenizeConfig config;
  std::string want;
  for (const bool count : {true, false}) {
    config.count_dropped = count;
    want.clear();
    for (const int n : {1, 3}) {
      set_threads(n);
      const TokenizeResult made = run({c}, tok_folder, config);
      if (want.empty()) want = made.artifact.content;
      EXPECT_EQ(made.artifact.content, want);
      std::map<std::string, int64_t> languages;
      for (const Json& row : made.artifact.counts.at("languages")) languages[row.at("language")] = row.at("tokens");
      EXPECT_EQ(languages, by_language);
      EXPECT_EQ(made.artifact.counts.at("sources").at(0).at("name"), "a");
      EXPECT_EQ((made.artifact.counts.at("sources").at(0).at("languages").get<std::map<std::string, int64_t>>()), a_by_language);
      const Json rows_of = made.artifact.counts.at("left_out");
      if (count) {
        std::map<std::vector<std::string>, int64_t> counted;
        for (const Json& row : rows_of) counted[{row.at("source"), row.at("reason"), row.at("language")}] = row.at("tokens");
        EXPECT_EQ(counted, left_out);
        EXPECT_FALSE(rows_of[0].contains("about"));
        continue;
      }
      ASSERT_EQ(rows_of.size(), 4u);  // two sources, two rules
      for (const Json& row : rows_of) {
        EXPECT_TRUE(row.at("about").get<bool>());
        const auto& [tokens, bytes] = rates.at(row.at("source"));
        EXPECT_EQ(row.at("bytes"), sources.at(row.at("source").get<std::string>()).at("reason_bytes").at(row.at("reason").get<std::string>()));
        EXPECT_NEAR(row.at("tokens").get<double>(), static_cast<double>(tokens) / static_cast<double>(bytes) * row.at("bytes").get<double>(), 0.6);
      }
    }
  }
  // Documents without a language have no table of them.
  EXPECT_FALSE(run({corpus("plain", {document("a", 1, 50), document("a", 2, 50)})}, tok_folder, config).artifact.counts.contains("languages"));
}

TEST_F(Tokenize, BadMixturesAreRefused) {
  EXPECT_THROW(parse_mixture({"gpt4"}), Error);
  EXPECT_THROW(parse_mixture({"a=x"}), Error);
  EXPECT_THROW(parse_mixture({"a=1,a=2"}), Error);
  EXPECT_THROW(parse_mixture({"a=0"}), Error);
  EXPECT_THROW(parse_mixture({"a=1,b"}), Error);
  EXPECT_EQ(parse_mixture({"gpt3"}).parts.size(), 5u);
  EXPECT_EQ(parse_mixture({"a=1, b = 2.5", "c=3"}).parts[1].weight, 2.5);
  std::vector<SourceShare> sources = {{.name = "books", .available = 10}};
  try {
    plan_mixture(parse_mixture({"bokos=1"}), {}, 4, sources);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("did you mean books"), std::string::npos);
  }
}

TEST_F(Tokenize, NothingToReadIsAnInputError) {
  const Artifact empty = corpus("empty", {});
  const Artifact full = corpus("full", {document("a", 0, 10)});
  try {
    run({empty}, tokenizer(full), {}, "nothing");
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::input);
  }
}

}  // namespace
}  // namespace loam
