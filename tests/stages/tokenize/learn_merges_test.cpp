// The vocabulary that is learnt: against a plain reading of the definition, a published result, and itself.
#include "loam/stages/tokenize/learn_merges.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/tokenize/corpus_batches.h"
#include "loam/stages/tokenize/train_tokenizer.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/real_data.h"

namespace loam {
namespace {

/// Recounts everything at each step.
std::vector<Merge> plainly(const std::vector<PieceCounts::Piece>& pieces, int64_t tokens, int64_t least, Ties ties) {
  std::vector<std::string> text = byte_tokens();
  std::vector<std::vector<int32_t>> words;
  for (const auto& piece : pieces) {
    words.emplace_back();
    for (const char c : piece.bytes) {
      words.back().push_back(static_cast<int32_t>(std::find(text.begin(), text.end(), std::string(1, c)) - text.begin()));
    }
  }
  std::vector<Merge> out;
  while (static_cast<int64_t>(text.size()) < tokens) {
    std::map<std::pair<int32_t, int32_t>, int64_t> counts;
    for (size_t w = 0; w < words.size(); ++w) {
      for (size_t i = 0; i + 1 < words[w].size(); ++i) counts[{words[w][i], words[w][i + 1]}] += pieces[w].count;
    }
    std::pair<int32_t, int32_t> best;
    int64_t most = 0;
    for (const auto& [pair, count] : counts) {
      const auto bytes = [&](const auto& p) { return std::pair(text[static_cast<size_t>(p.first)], text[static_cast<size_t>(p.second)]); };
      const auto joined = [&](const auto& p) { return std::pair(bytes(p).first.size() + bytes(p).second.size(), bytes(p).first + bytes(p).second); };
      const bool first = ties == Ties::greater ? bytes(pair) > bytes(best) : ties == Ties::sentencepiece && joined(pair) < joined(best);
      if (count > most || (count == most && first)) best = pair, most = count;
    }
    if (most < least) break;
    const auto made = static_cast<int32_t>(text.size());
    text.push_back(text[static_cast<size_t>(best.first)] + text[static_cast<size_t>(best.second)]);
    out.push_back({best.first, best.second, made});
    for (auto& word : words) {
      std::vector<int32_t> merged;
      for (size_t i = 0; i < word.size(); ++i) {
        if (i + 1 < word.size() && word[i] == best.first && word[i + 1] == best.second) {
          merged.push_back(made);
          ++i;
        } else {
          merged.push_back(word[i]);
        }
      }
      word = merged;
    }
  }
  return out;
}

TEST(LearnMerges, IsTheDefinition) {
  Random rng(3, "pieces");
  Progress silent;
  for (int round = 0; round < 60; ++round) {
    std::map<std::string, int64_t> made;
    const int64_t letters = 1 + rng.below(4), pieces = 1 + rng.below(40);
    for (int64_t i = 0; i < pieces; ++i) {
      std::string piece;
      for (int64_t n = 1 + rng.below(12); n > 0; --n) piece += "ab\xff "[rng.below(letters)];
      made[piece] += 1 + rng.below(5);
    }
    std::vector<PieceCounts::Piece> list;
    for (const auto& [bytes, count] : made) list.push_back({bytes, count});
    for (const Ties ties : {Ties::hf, Ties::greater, Ties::sentencepiece}) {
      const LearnOptions options = {256 + 30, 1 + rng.below(3), ties};
      const LearntMerges learnt = learn_merges(list, options, silent);
      EXPECT_EQ(learnt.merges, plainly(list, options.tokens, options.min_count, ties)) << round;
    }
  }
}

TEST(LearnMerges, CountsBeyond32Bits) {
  Progress silent;
  const LearntMerges learnt = learn_merges({{"ab", int64_t{5} << 32}, {"cd", 7}}, {258, 2, Ties::hf}, silent);
  ASSERT_EQ(learnt.merges.size(), 2u);
  EXPECT_EQ(learnt.tokens[256], "ab");
  EXPECT_EQ(learnt.counts[0], int64_t{5} << 32);
}

TEST(LearnMerges, BytesInGpt2Order) {
  const auto tokens = byte_tokens();
  EXPECT_EQ(tokens[0], "!");
  EXPECT_EQ(tokens[220], " ");  // GPT-2's id of a space
  EXPECT_EQ(tokens[198], "\n");
}

TEST(LearnMerges, PublishedMergesOfACorpus) {
  const fs::path folder = real_data() / "tokenizers/bpe-training";
  if (!fs::exists(folder)) GTEST_SKIP() << "no " << folder;
  const std::string text = read_file(folder / "corpus.en");
  PieceCounts counts;
  PreTokenizer::from_pattern("gpt2").split(text, [&](std::string_view piece) { counts.add(piece, text.data() + text.size()); });
  Progress silent;
  const LearntMerges learnt = learn_merges(counts.sorted(), {499, 1, Ties::greater}, silent);
  std::ifstream file(folder / "train-bpe-reference-merges.txt");
  std::string line;
  size_t at = 0;
  while (std::getline(file, line) && at < learnt.merges.size()) {
    const Merge& m = learnt.merges[at++];
    const auto shown = [&](int32_t id) { return bytes_to_printable(learnt.tokens[static_cast<size_t>(id)]); };
    ASSERT_EQ(shown(m.left) + " " + shown(m.right), line) << "merge " << at;
  }
  EXPECT_EQ(at, 243u);
}

TEST(PieceCounts, CountsSavesAndForgets) {
  PieceCounts counts, half;
  const std::string text = "one two two three three three a-piece-longer-than-fifteen-bytes a-piece-longer-than-fifteen-bytes \xff\xff x";
  const auto count = [](PieceCounts& into, std::string_view all) {
    PreTokenizer::from_pattern("[^ ]+").split(all, [&](std::string_view piece) { into.add(piece, all.data() + all.size()); });
  };
  count(counts, text);
  count(half, text);
  half.add_all(counts);
  EXPECT_EQ(half.total(), 2 * counts.total());
  EXPECT_EQ(half.distinct(), counts.distinct());
  const PieceCounts again = PieceCounts::restored(half.saved());
  EXPECT_EQ(again.saved().size(), half.saved().size());
  EXPECT_EQ(again.total(), half.total());
  EXPECT_THROW(PieceCounts::restored(half.saved().substr(0, 30)), Error);
  const int64_t distinct = half.distinct();
  EXPECT_EQ(half.forget_rare(distinct), 1);
  EXPECT_EQ(half.forget_rare(4), 3);  // doubled: those seen once go
  EXPECT_EQ(half.distinct(), 4);
  EXPECT_EQ(half.forget_rare(3), 5);  // two that are as rare go together
  EXPECT_EQ(half.distinct(), 2);
  for (const auto& piece : half.sorted()) EXPECT_GE(piece.count, 5) << piece.bytes;
  PieceCounts monster;
  const std::string letters(10 * PieceCounts::kLongestPiece + 3, 'a');
  monster.add(letters, letters.data() + letters.size());
  EXPECT_EQ(monster.distinct(), 2);
}

class TrainTokenizer : public testing::Test {
 protected:
  fs::path fresh(const std::string& name) {
    const fs::path folder = fs::path(testing::TempDir()) / "loam_train_tokenizer" / name;
    fs::remove_all(folder);
    return folder;
  }
  Artifact corpus(const std::string& name, int documents) {
    std::vector<Document> list;
    Random rng(4, name);
    for (int i = 0; i < documents; ++i) {
      std::string text;
      for (int w = 0; w < 60; ++w) text += std::string(w == 0 ? "" : " ") + "word" + std::to_string(rng.below(200));
      Document& document = list.emplace_back();
      document.id = name + std::to_string(i);
      document.text = text + " <|endoftext|>\n";
      document.source = name;
    }
    return write_corpus(fresh(name), list);
  }
  void TearDown() override { set_threads(hardware_threads()); }
};

TEST_F(TrainTokenizer, SameBytesWhateverTheThreads) {
  const std::vector<Artifact> corpora = {corpus("one", 50), corpus("two", 30)};
  TokenizerTrainConfig config;
  config.vocab_size = 400;
  config.chat = true;
  config.special = {"<|tool|>"};
  Progress silent;
  std::string content;
  for (const int n : {1, 2, 3}) {
    set_threads(n);
    const TrainedTokenizer made = train_tokenizer(corpora, config, fresh("tok"), false, silent);
    EXPECT_EQ(made.vocab_size, 400);
    EXPECT_EQ(made.documents, 80);
    if (content.empty()) content = made.artifact.content;
    EXPECT_EQ(made.artifact.content, content);
  }
  const Tokenizer tok = Tokenizer::load(fs::path(testing::TempDir()) / "loam_train_tokenizer/tok");
  EXPECT_EQ(tok.vocab_size(), 400);
  EXPECT_EQ(tok.eot_id(), 399);
  EXPECT_EQ(tok.special("<|im_end|>"), 398);
  EXPECT_EQ(tok.special("<|im_start|>"), 397);
  EXPECT_EQ(tok.special("<|tool|>"), 396);
  for (int32_t id = 0; id < 400; ++id) EXPECT_TRUE(tok.has(id)) << id;
  EXPECT_EQ(tok.encode(" word").size(), 1u);
  EXPECT_NE(tok.chat_template().find("<|im_start|>"), std::string::npos);
}

TEST_F(TrainTokenizer, SmallestVocabularyIsTheBytes) {
  TokenizerTrainConfig config;
  config.vocab_size = 257;
  Progress silent;
  const TrainedTokenizer made = train_tokenizer({corpus("bytes", 3)}, config, fresh("tok"), false, silent);
  EXPECT_EQ(made.vocab_size, 257);
  EXPECT_EQ(Tokenizer::load(made.artifact.folder).eot_id(), 256);
  config.vocab_size = 256;
  EXPECT_THROW(config.validate(), Error);
}

TEST_F(TrainTokenizer, TooLittleTextIsSaid) {
  struct Listener : Progress {
    std::string heard;
    void warn(std::string_view line) override { heard += line; }
  } listener;
  TokenizerTrainConfig config;
  config.vocab_size = 5000;
  const TrainedTokenizer made = train_tokenizer({corpus("little", 1)}, config, fresh("tok"), false, listener);
  EXPECT_LT(made.vocab_size, 5000);
  EXPECT_NE(listener.heard.find("too little text"), std::string::npos);
  EXPECT_EQ(Tokenizer::load(made.artifact.folder).eot_id(), made.vocab_size - 1);
}

TEST_F(TrainTokenizer, GoesOnAfterAStop) {
  const std::vector<Artifact> corpora = {corpus("stop", 40)};
  TokenizerTrainConfig config;
  config.vocab_size = 300;
  Progress silent;
  const std::string want = train_tokenizer(corpora, config, fresh("whole"), false, silent).artifact.content;
  const fs::path out = fresh("stopped");
  request_stop();
  try {
    train_tokenizer(corpora, config, out, false, silent);
    ADD_FAILURE() << "did not stop";
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::interrupted);
  }
  request_stop(false);
  EXPECT_EQ(train_tokenizer(corpora, config, out, false, silent).artifact.content, want);
  EXPECT_FALSE(fs::exists(out / "state"));
}

}  // namespace
}  // namespace loam
