#include "loam/stages/tokenize/train_tokenizer.h"

#include <mutex>
#include <set>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/stop.h"
#include "loam/stages/tokenize/corpus_batches.h"
#include "loam/stages/tokenize/learn_merges.h"
#include "loam/stages/tokenize/piece_counts.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

constexpr int64_t kCountedBatch = int64_t{32} << 20;

/// The counts so far, and where counting stands.
struct Counting {
  PieceCounts pieces;
  CorpusPlace next;
  int64_t documents = 0, text_bytes = 0, forgotten_below = 1;

  void save(const fs::path& state) const {
    write_file(state / "counts.bin", pieces.saved());
    write_file(state / "counts.json", to_pretty({{"corpus", next.corpus}, {"file", next.file}, {"row", next.row}, {"documents", documents},
                                                 {"text_bytes", text_bytes}, {"forgotten_below", forgotten_below}, {"total", pieces.total()}}));
  }
  /// Nothing if there is nothing to go on from, or a kill fell between the two files.
  static Counting restore(const fs::path& state) {
    Counting out;
    if (!fs::exists(state / "counts.json") || !fs::exists(state / "counts.bin")) return out;
    const Json json = read_json(state / "counts.json");
    PieceCounts pieces = PieceCounts::restored(read_file(state / "counts.bin"));
    if (pieces.total() != get_int(json, "total")) return out;
    return {std::move(pieces), {get_int(json, "corpus"), get_int(json, "file"), get_int(json, "row")}, get_int(json, "documents"),
            get_int(json, "text_bytes"), get_int(json, "forgotten_below")};
  }
};

/// Tables for the threads, one borrowed for each task.
class Tables {
 public:
  std::unique_ptr<PieceCounts> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<PieceCounts>();
    auto out = std::move(idle_.back());
    idle_.pop_back();
    return out;
  }
  void give(std::unique_ptr<PieceCounts> table) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(table));
  }
  /// Adds all to `total` and empties them. The sums do not depend on which thread counted what.
  void drain(PieceCounts& total) {
    for (auto& table : idle_) {
      total.add_all(*table);
      table->clear();
    }
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<PieceCounts>> idle_;
};

void count_pieces(Counting& counting, const std::vector<Artifact>& corpora, const PreTokenizer& cut, const TokenizerTrainConfig& config,
                  const fs::path& state, int64_t total_bytes, Progress& progress) {
  CorpusBatches batches(corpora, counting.next, kCountedBatch);
  Tables tables;
  double saved = seconds_now();
  batches.for_each_batch(
      [&](int64_t item, CorpusBatch& batch) {
        auto table = tables.take();
        const std::string& text = batch.items[static_cast<size_t>(item)].document.text;
        const char* end = text.data() + text.size();
        cut.split(text, [&](std::string_view piece) { table->add(piece, end); });
        tables.give(std::move(table));
      },
      [&](CorpusBatch& batch) {
        tables.drain(counting.pieces);
        // After each batch, whose ends are fixed: so what is forgotten is the same in every run.
        if (counting.pieces.distinct() > config.max_pieces) {
          counting.forgotten_below = std::max(counting.forgotten_below, counting.pieces.forget_rare(config.max_pieces / 2));
        }
        counting.next = batch.next;
        counting.documents += static_cast<int64_t>(batch.items.size());
        counting.text_bytes += batch.text_bytes;
        progress.update(counting.text_bytes, total_bytes, "bytes counted");
        if (stop_requested()) {
          counting.save(state);
          fail_interrupted("stopped on request; the counts of ", counting.documents, " documents are kept in ", state, ", the same command goes on");
        }
        if (seconds_now() - saved > config.save_minutes * 60) {
          counting.save(state);
          saved = seconds_now();
        }
        return true;
      });
}

/// Settings that decide what is made.
Json settings_of(const TokenizerTrainConfig& config) {
  Json settings = fields_to_json(config);
  settings.erase("save_minutes");
  return settings;
}

}  // namespace

std::vector<std::string> TokenizerTrainConfig::special_tokens() const {
  std::vector<std::string> out = special;
  if (chat) out.insert(out.end(), {"<|im_start|>", "<|im_end|>"});
  out.push_back("<|endoftext|>");
  return out;
}

void TokenizerTrainConfig::validate() const {
  std::vector<std::string> specials = special;
  std::erase(specials, "<|endoftext|>");  // it is one anyway
  require(specials.size() == special.size(), "--special <|endoftext|>: it is always a special token, the last one; leave it out");
  std::set<std::string> seen;
  for (const auto& token : special_tokens()) {
    require(!token.empty(), "--special: an empty text can be no token");
    require(seen.insert(token).second, "the special token ", token, " is there twice");
  }
  const auto least = 256 + static_cast<int64_t>(seen.size());
  require(vocab_size >= least, "tokenizer.train.vocab_size = ", vocab_size, " is too small: 256 bytes and ", seen.size(), " special tokens make ", least);
  require(vocab_size <= int64_t{1} << 22, "tokenizer.train.vocab_size = ", vocab_size, " is too large: the most is ", int64_t{1} << 22);
  require(ties == "hf" || ties == "greater" || ties == "sentencepiece", "tokenizer.train.ties = ", ties, " is none of hf, sentencepiece and greater");
  require(min_count >= 1, "tokenizer.train.min_count = ", min_count, " must be at least 1");
  require(max_pieces >= 1000, "tokenizer.train.max_pieces = ", max_pieces, " must be at least 1000");
  require(save_minutes >= 0, "tokenizer.train.save_minutes = ", save_minutes, " must not be negative");
  (void)PreTokenizer::from_pattern(pattern);
}

TrainedTokenizer train_tokenizer(const std::vector<Artifact>& corpora, const TokenizerTrainConfig& config, const fs::path& out_folder,
                                 bool force, Progress& progress) {
  config.validate();
  std::vector<ArtifactInput> inputs;
  int64_t total_bytes = 0;
  for (const Artifact& corpus : corpora) {
    inputs.push_back(corpus.as_input());
    total_bytes += get_int(corpus.counts, "bytes", 0);
  }
  ArtifactWriter out(out_folder, "tokenizer", settings_of(config), inputs, force);
  const PreTokenizer cut = PreTokenizer::from_pattern(config.pattern);

  TrainedTokenizer made;
  double clock = seconds_now();
  Counting counting = out.resumed() ? Counting::restore(out.state()) : Counting();
  if (out.resumed()) progress.note(cat("going on with ", out_folder.string(), ": ", with_commas(counting.documents), " documents are counted"));
  count_pieces(counting, corpora, cut, config, out.state(), total_bytes, progress);
  made.count_seconds = seconds_now() - clock;
  if (counting.forgotten_below > 1) {
    progress.warn(cat("more than ", with_commas(config.max_pieces), " different words: those seen fewer than ", counting.forgotten_below,
                      " times were forgotten on the way (--max-pieces)"));
  }

  clock = seconds_now();
  const std::vector<std::string> specials = config.special_tokens();
  LearnOptions options;
  options.tokens = config.vocab_size - static_cast<int64_t>(specials.size());
  options.min_count = config.min_count;
  options.ties = config.ties == "hf" ? Ties::hf : config.ties == "greater" ? Ties::greater : Ties::sentencepiece;
  LearntMerges learnt;
  try {
    learnt = learn_merges(counting.pieces.sorted(), options, progress);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::interrupted) counting.save(out.state());
    throw;
  }
  made.learn_seconds = seconds_now() - clock;

  TokenizerParts parts;
  parts.tokens = std::move(learnt.tokens);
  parts.merges = std::move(learnt.merges);
  parts.pre_tokenizer = cut;
  auto next = static_cast<int32_t>(parts.tokens.size());
  for (const auto& special : specials) parts.added.push_back({next++, special});
  made.vocab_size = next;
  made.merges = static_cast<int64_t>(parts.merges.size());
  made.documents = counting.documents;
  made.text_bytes = counting.text_bytes;
  made.pieces = counting.pieces.total();
  made.distinct_pieces = counting.pieces.distinct();
  if (made.vocab_size < config.vocab_size) {
    progress.warn(cat("the corpus has too little text for ", with_commas(config.vocab_size), " tokens: no pair is left that occurs ",
                      config.min_count, " times; the vocabulary is ", with_commas(made.vocab_size)));
  }
  parts.config = own_config(Tokenizer(parts));
  save_tokenizer(Tokenizer(std::move(parts)), out.folder());
  out.promise("tokenizer.json");
  out.promise("tokenizer_config.json");
  made.artifact = out.finish({{"vocab_size", made.vocab_size}, {"vocab_size_wanted", config.vocab_size}, {"merges", made.merges},
                              {"special_tokens", specials}, {"eot_id", next - 1}, {"documents", made.documents}, {"text_bytes", made.text_bytes},
                              {"pieces", made.pieces}, {"distinct_pieces", made.distinct_pieces}, {"forgotten_below", counting.forgotten_below}});
  return made;
}

}  // namespace loam
