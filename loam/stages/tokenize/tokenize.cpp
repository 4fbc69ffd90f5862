#include "loam/stages/tokenize/tokenize.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "loam/artifacts/tokens.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/base/random.h"
#include "loam/base/stop.h"
#include "loam/base/stored_files.h"
#include "loam/stages/tokenize/encoded.h"
#include "loam/stages/tokenize/split.h"
#include "loam/text/tokenizer.h"

namespace loam {
namespace {

/// What is written next: a document, or its first or last part.
struct Stretch {
  int64_t document = 0;
  int64_t begin = 0, end = 0;  ///< in its tokens
  int64_t text_bytes = 0;
  int64_t tokens() const { return end - begin + 1; }  ///< with the end-of-text token
};

/// One source's documents of one part, over and over, each time in another order, until its tokens are written.
class SourceStream {
 public:
  SourceStream(const EncodedCorpora& encoded, const Tokenizer& tokenizer, const ValidationSplit& split, const StoredArray<int64_t>& list, bool is_val,
               std::string name, uint64_t seed)
      : encoded_(encoded), tokenizer_(tokenizer), split_(split), list_(list), is_val_(is_val), name_(std::move(name)), seed_(seed) {
    for (int64_t i = 0; i < list_.size(); ++i) available_ += whole(list_[i]).tokens();
  }
  int64_t available() const { return available_; }
  int64_t written() const { return written_; }
  int64_t target = 0;
  bool exact = false;  ///< the last document is cut so that the target is met
  bool done() const { return target - written_ <= (exact ? 1 : 0); }

  /// The next one; not after done().
  Stretch next() {
    const int64_t n = list_.size();
    if (turn_ % n == 0) {
      order_ = std::make_unique<Permutation>(n, stream_key(seed_, cat(is_val_ ? "tokenize.val." : "tokenize.train.", name_, ".", turn_ / n)));
    }
    Stretch s = whole(list_[order_->at(turn_ % n)]);
    ++turn_;
    const int64_t left = target - written_;
    if (exact && s.tokens() > left && s.end - s.begin >= 2) {
      std::vector<int32_t> tokens = encoded_.wide_tokens(s.document);
      tokens.resize(static_cast<size_t>(s.end));
      int64_t end = s.begin + left - 1;
      while (end > s.begin + 1 && !begins_character(tokens[static_cast<size_t>(end)])) --end;
      for (int64_t t = end; t < s.end; ++t) s.text_bytes -= static_cast<int64_t>(tokenizer_.bytes(tokens[static_cast<size_t>(t)]).size());
      s.end = end;
      written_ = target;
    } else {
      written_ += s.tokens();
    }
    return s;
  }

 private:
  bool begins_character(int32_t id) const {
    const std::string_view bytes = tokenizer_.bytes(id);
    return bytes.empty() || (static_cast<unsigned char>(bytes[0]) & 0xc0) != 0x80;
  }
  Stretch whole(int64_t document) const {
    const auto r = encoded_.record(document);
    if (!split_.cut || split_.cut->document != document) return {document, 0, r.tokens, r.text_bytes};
    if (is_val_) return {document, split_.cut->tokens, r.tokens, split_.cut->val_bytes};
    return {document, 0, split_.cut->tokens, split_.cut->train_bytes};
  }

  const EncodedCorpora& encoded_;
  const Tokenizer& tokenizer_;
  const ValidationSplit& split_;
  const StoredArray<int64_t>& list_;
  bool is_val_;
  std::string name_;
  uint64_t seed_;
  int64_t available_ = 0, written_ = 0, turn_ = 0;
  std::unique_ptr<Permutation> order_;
};

/// The source that is furthest behind its share: the least written / target; none when all are done.
int64_t furthest_behind(const std::vector<SourceStream>& streams) {
  int64_t best = -1;
  for (int64_t s = 0; s < static_cast<int64_t>(streams.size()); ++s) {
    const SourceStream& stream = streams[static_cast<size_t>(s)];
    if (stream.done()) continue;
    if (best < 0) {
      best = s;
      continue;
    }
    const SourceStream& other = streams[static_cast<size_t>(best)];
    const auto product = [](int64_t a, int64_t b) { return static_cast<unsigned __int128>(a) * static_cast<uint64_t>(b); };
    if (product(stream.written(), other.target) < product(other.written(), stream.target)) best = s;
  }
  return best;
}

struct Written {
  int64_t tokens = 0, documents = 0, bytes = 0;
  std::vector<int64_t> source_tokens, source_documents;
};

/// Writes one part's shards. Those that are there already are passed over: the order is the same in every run.
Written write_part(const std::string& part, std::vector<SourceStream>& streams, const EncodedCorpora& encoded, int32_t eot, int64_t shard_tokens,
                   ArtifactWriter& out, Progress& progress) {
  Written sum;
  sum.source_tokens.resize(streams.size());
  sum.source_documents.resize(streams.size());
  int64_t total = 0;
  for (const auto& stream : streams) total += stream.target;
  int64_t shard = 0, in_shard = 0;
  std::unique_ptr<TokenShardWriter> writer;
  bool there = false;
  const auto begin_shard = [&] {
    const std::string name = shard_name(part, shard);
    out.promise(name);
    out.promise(fs::path(name).replace_extension(".idx").string());
    there = fs::exists(out.path(name));
    if (!there) writer = std::make_unique<TokenShardWriter>(out.path(name), encoded.token_bytes());
  };
  const auto end_shard = [&] {
    if (writer) writer->commit();
    writer.reset();
    ++shard;
    in_shard = 0;
    stop_if_requested("what was encoded and the shards that are complete are kept, the same command goes on");
    progress.update(sum.tokens, total, part == "train" ? "training tokens written" : "validation tokens written");
  };
  for (int64_t source = furthest_behind(streams); source >= 0; source = furthest_behind(streams)) {
    const Stretch s = streams[static_cast<size_t>(source)].next();
    require_input(s.tokens() <= kMaxShardTokens, "document ", s.document, " has ", s.tokens(), " tokens; a file holds ", kMaxShardTokens, " at most");
    if (in_shard > 0 && in_shard + s.tokens() > shard_tokens) end_shard();
    if (in_shard == 0) begin_shard();
    if (writer) {
      const auto width = static_cast<size_t>(encoded.token_bytes());
      writer->add_raw(s.document, eot, encoded.tokens(s.document).subspan(static_cast<size_t>(s.begin) * width, static_cast<size_t>(s.end - s.begin) * width));
    }
    in_shard += s.tokens();
    sum.tokens += s.tokens();
    sum.bytes += s.text_bytes;
    ++sum.documents;
    sum.source_tokens[static_cast<size_t>(source)] += s.tokens();
    ++sum.source_documents[static_cast<size_t>(source)];
  }
  if (in_shard > 0) end_shard();
  return sum;
}

/// Shards of an unfinished run with other settings, which --force has put aside.
void remove_shards(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool ours = name.starts_with("train-") || name.starts_with("val-");
    if (ours && (name.ends_with(".bin") || name.ends_with(".idx"))) fs::remove(entry.path());
  }
}

/// Refuses a mixture that names a source no corpus has before hours go into encoding, where manifests list their sources.
void check_names(const Mixture& mixture, const std::vector<Artifact>& corpora) {
  std::vector<SourceShare> sources;
  for (const Artifact& corpus : corpora) {
    if (!corpus.counts.contains("sources") || !corpus.counts["sources"].is_object()) return;
    for (const auto& [name, counts] : corpus.counts["sources"].items()) sources.push_back({name, 1});
  }
  plan_mixture(mixture, 1, 1, sources);
}

/// Settings that decide what is made.
Json settings_of(const TokenizeConfig& config, uint64_t seed) {
  Json settings = fields_to_json(config);
  settings.erase("save_minutes");
  settings["seed"] = seed;
  return settings;
}

Json source_to_json(const TokenizedSource& s) {
  Json out = {{"name", s.name}, {"documents", s.documents}, {"tokens", s.tokens}, {"bytes", s.bytes}, {"train_documents", s.train_documents},
          {"train_tokens", s.train_tokens}, {"val_documents", s.val_documents}, {"val_tokens", s.val_tokens}, {"weight", s.weight},
          {"share", s.share}, {"epochs", s.epochs}};
  if (!s.languages.empty()) out["languages"] = s.languages;
  return out;
}

}  // namespace

void TokenizeConfig::validate() const {
  (void)parse_mixture(mix);
  require(!budget || *budget > 0, "tokenize.budget = ", budget.value_or(0), " must be at least 1");
  require(std::isfinite(max_epochs) && max_epochs > 0, "tokenize.max_epochs = ", max_epochs, " must be above 0");
  require(val_fraction >= 0 && val_fraction <= 0.9, "tokenize.val_fraction = ", val_fraction, " must be in [0, 0.9]");
  require(shard_tokens >= 1 && shard_tokens <= kMaxShardTokens, "tokenize.shard_tokens = ", shard_tokens, " must be in [1, ", kMaxShardTokens, "]");
  require(save_minutes >= 0, "tokenize.save_minutes = ", save_minutes, " must not be negative");
}

TokenizeResult tokenize(const std::vector<Artifact>& corpora, const fs::path& tokenizer_path, const TokenizeConfig& config, uint64_t seed,
                        const fs::path& out_folder, bool force, Progress& progress) {
  config.validate();
  const Mixture mixture = parse_mixture(config.mix);
  const Tokenizer tokenizer = Tokenizer::load(tokenizer_path);
  const int32_t eot = tokenizer.eot_id();
  std::vector<ArtifactInput> inputs;
  for (const Artifact& corpus : corpora) inputs.push_back(corpus.as_input());
  const fs::path tokenizer_json = fs::is_directory(tokenizer_path) ? tokenizer_path / "tokenizer.json" : tokenizer_path;
  inputs.push_back(is_artifact(tokenizer_path) ? open_artifact(tokenizer_path).as_input() : file_input(tokenizer_json));

  check_names(mixture, corpora);
  ArtifactWriter out(out_folder, "tokens", settings_of(config, seed), inputs, force);
  if (out.resumed()) {
    progress.note(cat("going on with ", out_folder.string()));
  } else {
    remove_shards(out.folder());
  }
  give_back_freed_memory();
  const EncodedCorpora encoded = encode_corpora(corpora, tokenizer, out.state(), progress);
  require_input(encoded.documents() > 0, "the corpora hold no documents");

  const size_t n = encoded.sources().size();
  std::vector<SourceShare> shares(n);
  std::vector<bool> kept(n, true);
  for (size_t s = 0; s < n; ++s) {
    shares[s].name = encoded.sources()[s];
    if (mixture.parts.empty()) continue;
    kept[s] = std::any_of(mixture.parts.begin(), mixture.parts.end(), [&](const auto& p) { return p.name == shares[s].name && p.weight > 0; });
    if (!kept[s]) progress.warn(cat("the source ", shares[s].name, " has no weight in --mix and is left out"));
  }
  const ValidationSplit split = split_documents(encoded, tokenizer, kept, config.val_fraction, out.state());
  std::vector<SourceStream> train, val;
  for (size_t s = 0; s < n; ++s) {
    train.emplace_back(encoded, tokenizer, split, split.train[s], false, encoded.sources()[s], seed);
    val.emplace_back(encoded, tokenizer, split, split.val[s], true, encoded.sources()[s], seed);
    shares[s].available = train[s].available();
    val[s].target = val[s].available();
  }
  plan_mixture(mixture, config.budget, config.max_epochs, shares);
  for (size_t s = 0; s < n; ++s) {
    train[s].target = shares[s].target;
    train[s].exact = !mixture.parts.empty() || config.budget;
  }

  const Written in_train = write_part("train", train, encoded, eot, config.shard_tokens, out, progress);
  require_input(in_train.tokens > 0, "there is nothing to train on: the corpora hold no text");
  const Written in_val = write_part("val", val, encoded, eot, config.shard_tokens, out, progress);
  if (config.val_fraction > 0 && in_val.tokens == 0) progress.warn("there is too little text to hold some out for validation");

  AtomicFile table(out.path("documents.tsv"));
  for (const auto& piece : encoded.tables()) table.write(MappedFile(piece).text());
  table.commit();
  out.promise("documents.tsv");
  write_file(out.path("tokenizer.json"), read_file(tokenizer_json));
  out.promise("tokenizer.json");
  if (const fs::path file = tokenizer_json.parent_path() / "tokenizer_config.json"; fs::exists(file)) {
    write_file(out.path("tokenizer_config.json"), read_file(file));
    out.promise("tokenizer_config.json");
  }

  TokenizeResult made;
  made.documents = encoded.documents();
  made.vocab_size = tokenizer.vocab_size();
  made.train_tokens = in_train.tokens, made.train_documents = in_train.documents, made.train_bytes = in_train.bytes;
  made.val_tokens = in_val.tokens, made.val_documents = in_val.documents, made.val_bytes = in_val.bytes;
  made.sources.resize(n);
  std::map<std::string, TokenizedLanguage> languages;
  for (int64_t i = 0; i < encoded.documents(); ++i) {
    const auto r = encoded.record(i);
    TokenizedSource& source = made.sources[static_cast<size_t>(r.source)];
    ++source.documents;
    source.tokens += r.tokens + 1;
    source.bytes += r.text_bytes;
    const std::string& named = encoded.languages()[static_cast<size_t>(r.language)];
    const std::string language = named.empty() ? kNoLanguage : named;
    TokenizedLanguage& same = languages[language];
    ++same.documents;
    same.tokens += r.tokens + 1;
    same.bytes += r.text_bytes;
    source.languages[language] += r.tokens + 1;
  }
  const bool told = languages.size() > 1 || !languages.contains(kNoLanguage);
  for (auto& [name, language] : languages) {
    language.name = name;
    if (told) made.languages.push_back(language);
  }
  std::stable_sort(made.languages.begin(), made.languages.end(), [](const auto& a, const auto& b) { return a.tokens > b.tokens; });
  Json sources = Json::array();
  for (size_t s = 0; s < n; ++s) {
    TokenizedSource& source = made.sources[s];
    source.name = shares[s].name;
    source.weight = shares[s].weight;
    source.train_documents = in_train.source_documents[s], source.train_tokens = in_train.source_tokens[s];
    source.val_documents = in_val.source_documents[s], source.val_tokens = in_val.source_tokens[s];
    source.share = static_cast<double>(source.train_tokens) / static_cast<double>(in_train.tokens);
    source.epochs = shares[s].available > 0 ? static_cast<double>(source.train_tokens) / static_cast<double>(shares[s].available) : 0;
    if (!told) source.languages.clear();
    sources.push_back(source_to_json(source));
  }
  made.dropped = config.count_dropped ? count_dropped(corpora, tokenizer, out.state(), progress) : guess_dropped(corpora, made.sources);
  Json counts = {{"vocab_size", made.vocab_size}, {"eot_id", eot}, {"token_bytes", encoded.token_bytes()}, {"documents", made.documents},
                 {"train_tokens", made.train_tokens}, {"train_documents", made.train_documents}, {"train_bytes", made.train_bytes},
                 {"val_tokens", made.val_tokens}, {"val_documents", made.val_documents}, {"val_bytes", made.val_bytes},
                 {"cut_document", split.cut ? Json(split.cut->document) : Json()}, {"sources", sources}};
  for (const TokenizedLanguage& each : made.languages) counts["languages"].push_back({{"language", each.name}, {"documents", each.documents}, {"tokens", each.tokens}, {"bytes", each.bytes}});
  for (const DroppedTokens& each : made.dropped) counts["left_out"].push_back(each.json());
  made.artifact = out.finish(counts);
  return made;
}

}  // namespace loam
