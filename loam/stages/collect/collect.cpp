#include "loam/stages/collect/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/memory.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/file_stream.h"
#include "loam/stages/collect/file_table.h"
#include "loam/stages/collect/near.h"
#include "loam/stages/collect/near_pass.h"
#include "loam/stages/collect/passages.h"
#include "loam/stages/collect/pipeline.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/replay.h"
#include "loam/stages/collect/row.h"
#include "loam/stages/collect/seen.h"
#include "loam/stages/collect/sources.h"
#include "loam/stages/collect/tally.h"

namespace loam {
namespace {

constexpr int64_t kNumberElsewhere = int64_t{1} << 62;  // of a text that another corpus has
constexpr int64_t kTrimBytes = int64_t{32} << 20;            // of records, and then the allocator's holes are given back
constexpr size_t kTroublesKept = 100, kTroublesShown = 10;
constexpr int64_t kFilesShown = 20;  // so many files or fewer: each is said to be what it was taken for

class CollectWork : public OrderedWork {
 public:
  CollectWork(const SourceList& list, const Replay* replay, const CollectConfig& config, ArtifactWriter& out, Progress& progress)
      : list_(list), replay_(replay), config_(config), out_(out), progress_(progress), maker_(list, config), exact_(maker_.exact()), near_(maker_.near()), passages_(config.takes_out("substrings")), rows_(near_ || passages_ ? out.state() / "all" : out.folder(), out.state()), seen_(out.state()), pieces_(out.state() / "pieces") {
    make_folder(out.state() / "pieces");
    if (near_) signatures_ = std::make_unique<SignatureLog>(near_folder(), "own");
    for (const std::string& name : list.names) tally_.sources.emplace_back().name = name;
    for (const SourceFile& file : list.files) total_bytes_ += file.bytes;
    if (out.resumed() && fs::exists(state_file())) {
      load();
    } else {
      clear_leftovers();
      know_elsewhere();
      for (const std::string& folder : list.unreadable) trouble("cannot read the folder " + folder);
    }
    last_save_ = seconds_now();
  }

  int64_t first() const { return tally_.file; }
  int64_t total_bytes() const { return total_bytes_; }
  int64_t streams() const override { return static_cast<int64_t>(list_.files.size()); }
  /// A corpus's parts are long and their frames' windows wide: one at a time, or memory would grow with their number.
  int64_t most_open() const override { return replay_ != nullptr ? 1 : OrderedWork::most_open(); }

  std::unique_ptr<Stream> open(int64_t file, SpareWork& spare) override;

  void process(Batch& batch) override {
    auto& b = static_cast<CollectBatch&>(batch);
    for (RawRecord& record : b.records) {
      b.rows.push_back(record.replayed ? maker_.make_again(record) : maker_.make(b.file, record));
      record = RawRecord();  // its memory goes as that of the rows comes
    }
    b.records.clear();
    b.bytes = 0;
    for (const Row& row : b.rows) b.bytes += static_cast<int64_t>(sizeof(Row) + row.row.capacity() + row.id.capacity() + row.url.capacity() + row.signature.capacity() * sizeof(row.signature[0]) + row.pieces.capacity() * sizeof(row.pieces[0]));
    if (b.hash) {
      try {
        b.sha256 = sha256_file(list_.files[static_cast<size_t>(b.file)].path);
      } catch (const Error&) {  // it could not be read: its record says so
      }
    }
  }

  void consume(int64_t file, Batch& batch) override {
    auto& b = static_cast<CollectBatch&>(batch);
    CollectCounts& counts = tally_.sources[static_cast<size_t>(list_.files[static_cast<size_t>(file)].source)];
    for (Row& row : b.rows) write(row, row.source < 0 ? counts : tally_.sources[static_cast<size_t>(row.source)]);
    tally_.record = b.last_record;
    file_bytes_ += b.raw_bytes;
    untrimmed_bytes_ += b.raw_bytes;
    if (untrimmed_bytes_ >= kTrimBytes) {
      give_back_free_pages();
      untrimmed_bytes_ = 0;
    }
    if (b.last) end_file(file, b);
    const int64_t size = tally_.file < streams() ? list_.files[static_cast<size_t>(tally_.file)].bytes : 0;
    progress_.update(done_bytes_ + std::min(size, file_bytes_), total_bytes_, "bytes");
    if (seconds_now() - last_save_ >= 60 * config_.save_minutes) save();
  }

  void interrupted() override {
    save();
    fail_interrupted("stopped on request after ", rows_.documents(), " documents, all of them saved; the same command goes on from there");
  }

  Collected finish();

 private:
  fs::path state_file() const { return out_.state() / "collect.json"; }
  const std::string& source_name(int64_t file) const { return list_.names[static_cast<size_t>(list_.files[static_cast<size_t>(file)].source)]; }

  void write(Row& row, CollectCounts& counts);
  void end_file(int64_t file, const CollectBatch& last);
  void trouble(const std::string& what);
  void save();
  void load();
  void clear_leftovers() const;
  void know_elsewhere();
  void without_near(const std::vector<std::string>& names, const fs::path& to, std::map<std::string, int64_t>& gone);
  void without_passages(const std::vector<std::string>& names, const fs::path& from, std::map<std::string, int64_t>& gone);
  void take_back(CollectCounts& counts, const Json& metadata, int64_t bytes);
  fs::path near_folder() const { return out_.state() / "near"; }
  CollectCounts* counts_of(const std::string& source) {
    const auto it = std::find_if(tally_.sources.begin(), tally_.sources.end(), [&](const CollectCounts& each) { return each.name == source; });
    require_input(it != tally_.sources.end(), "a row is of the source ", source, ", which there is not; give --force to start anew");
    return &*it;
  }
  std::vector<ArtifactInput> inputs() const;

  const SourceList& list_;
  const Replay* replay_;         // null: the list's files are read
  const CollectConfig& config_;
  ArtifactWriter& out_;
  Progress& progress_;
  RowMaker maker_;
  bool exact_, near_, passages_;   // which duplicates go
  std::unique_ptr<SignatureLog> signatures_;
  CorpusWriter rows_;
  SeenTable seen_, pieces_;
  Tally tally_;
  std::string table_;            // files.tsv: what came since the last save
  int64_t table_bytes_ = 0;      // of it that is saved
  int64_t total_bytes_ = 0, done_bytes_ = 0, file_bytes_ = 0, untrimmed_bytes_ = 0;
  double last_save_ = 0;
};

std::unique_ptr<OrderedWork::Stream> CollectWork::open(int64_t file, SpareWork& spare) {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  const int64_t skip = file == tally_.file ? tally_.record : 0;
  if (replay_ != nullptr) return std::make_unique<FileStream<ReplayReader>>(replay_->open(file), file, skip);
  const ReaderConfig reader = {config_.format, config_.text_column, config_.max_document_bytes};
  return std::make_unique<FileStream<RecordReader>>(RecordReader(f.path, f.below, f.named, reader, &spare), file, skip);
}

void CollectWork::write(Row& row, CollectCounts& counts) {
  if (!row.trouble.empty()) trouble(row.trouble);
  if (row.reason.empty() && exact_) {
    if (const auto first = seen_.insert(row.key, rows_.documents())) {
      // Text and metadata as they stand in the row: quotes inside them are escaped, so these marks are found where they are meant.
      const size_t from = row.row.find(",\"text\":") + 8, to = row.row.find(",\"source\":", from), rest = row.row.find(",\"created\":", to);
      std::string dropped = dropped_row({row.id, counts.name, row.url, "duplicate", *first == kNumberElsewhere ? Json() : Json(*first), nullptr, ""});
      dropped.resize(dropped.rfind("\"text\":") + 7);
      dropped.append(row.row, from, to - from).append(row.row, rest);
      row.row = std::move(dropped);
      row.reason = "duplicate";
    }
  }
  if (row.reason.empty() && !row.pieces.empty()) {
    std::vector<uint8_t> gone(row.pieces.size());
    int64_t count = 0;
    for (size_t i = 0; i < row.pieces.size(); ++i) count += gone[i] = pieces_.insert(row.pieces[i].key, rows_.documents()).has_value();
    if (count > 0) {
      if (take_pieces(row, gone)) {
        counts.repeated += count;
      } else {
        const Json old = parse_json(row.row, row.id);
        row.row = dropped_row({row.id, counts.name, row.url, "all_repeated", count, nullptr, get_string(old, "text"), get_string(old, "created", ""), old.at("metadata")});
        row.reason = "all_repeated";
      }
    }
  }
  if (row.reason.empty()) {
    if (!row.signature.empty()) {
      if (rows_.documents() >= kElsewhere - 1) fail(ErrorKind::resource, "near-duplicates are found among at most ", kElsewhere - 1, " documents; collect the sources in several corpora, each --against the ones before");
      signatures_->add(static_cast<uint32_t>(rows_.documents()), row.signature);
    }
    rows_.add_row(row.row);
    ++counts.documents;
    counts.bytes += row.bytes;
    counts.characters += row.characters;
    ++tally_.file_documents;
    if (!row.language.empty()) {
      ++counts.languages[row.language];
      counts.language_bytes[row.language] += row.bytes;
    }
    for (size_t kind = 0; kind < kPersonalKinds; ++kind) {
      if (row.masked[kind] > 0) counts.masked[personal_name(static_cast<Personal>(kind))] += row.masked[kind];
    }
  } else {
    rows_.drop_row(row.row);
    ++counts.dropped[row.reason];
    counts.dropped_bytes[row.reason] += row.bytes;
    ++tally_.file_dropped;
  }
}

void CollectWork::end_file(int64_t file, const CollectBatch& last) {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  table_ += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\n", source_name(file), f.below, f.bytes, last.sha256, tally_.file_documents, tally_.file_dropped);
  ++tally_.sources[static_cast<size_t>(f.source)].files;
  ++tally_.formats[last.format];
  if (streams() <= kFilesShown) {
    progress_.note(fmt::format("{}: {}, {} documents{}", f.path.string(), last.format, with_commas(tally_.file_documents),
                               tally_.file_dropped == 0 ? "" : fmt::format(", {} left out", with_commas(tally_.file_dropped))));
  }
  tally_.file = file + 1;
  tally_.record = tally_.file_documents = tally_.file_dropped = 0;
  done_bytes_ += f.bytes;
  file_bytes_ = 0;
}

void CollectWork::trouble(const std::string& what) {
  if (tally_.troubles.size() < kTroublesShown) progress_.warn(what);
  if (tally_.troubles.size() == kTroublesShown) progress_.warn("more files cannot be read in full; the ledger names them all");
  if (tally_.troubles.size() < kTroublesKept) tally_.troubles.push_back(what);
}

void CollectWork::save() {
  Json state = tally_.json();
  state["rows"] = rows_.save();
  state["seen_bytes"] = seen_.save();
  if (near_) state["signatures"] = signatures_->save();
  if (maker_.pieces()) state["pieces_bytes"] = pieces_.save();
  append_durably(out_.state() / "files.tsv", table_bytes_, table_);
  table_bytes_ += static_cast<int64_t>(table_.size());
  table_.clear();
  state["table_bytes"] = table_bytes_;
  write_file(state_file(), to_pretty(state));
  last_save_ = seconds_now();
}

void CollectWork::load() {
  const Json state = read_json(state_file());
  try {
    tally_.read(state);
    rows_.resume(state.at("rows"));
    seen_.load(get_int(state, "seen_bytes"));
    if (near_) signatures_->load(get_int(state, "signatures"));
    if (maker_.pieces()) pieces_.load(get_int(state, "pieces_bytes"));
    table_bytes_ = get_int(state, "table_bytes");
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, state_file(), " is damaged (", e.what(), "); give --force to start anew");
  }
  for (int64_t i = 0; i < tally_.file; ++i) done_bytes_ += list_.files[static_cast<size_t>(i)].bytes;
  progress_.note(fmt::format("going on after {} documents from {} of {} files", with_commas(rows_.documents()), with_commas(tally_.file), with_commas(streams())));
}

/// Parts of a run that was begun with --force over an unfinished one, or that was killed before its first save.
void CollectWork::clear_leftovers() const {
  std::error_code ignored;
  for (fs::directory_iterator it(out_.folder(), ignored), end; !ignored && it != end; it.increment(ignored)) {
    const std::string name = it->path().filename().string();
    const bool part = (name.starts_with("documents-") || name.starts_with("dropped-")) && name.ends_with(".jsonl.zst");
    if (part || name == "files.tsv") fs::remove(it->path(), ignored);
  }
}

/// What is in the corpora that this one is held against: texts by their keys, and the signatures of near-duplicates.
void CollectWork::know_elsewhere() {
  std::error_code ignored;
  fs::remove_all(near_folder(), ignored);
  if (near_) signatures_ = std::make_unique<SignatureLog>(near_folder(), "own");
  if (config_.against.empty()) return;
  std::unique_ptr<SignatureLog> log;
  if (near_) log = std::make_unique<SignatureLog>(near_folder(), "elsewhere");
  for (const std::string& folder : config_.against) {
    const Artifact corpus = open_artifact(folder, "corpus");
    CorpusReader reader(corpus, /*with_metadata=*/false);
    while (const auto document = reader.next()) {
      stop_if_requested("nothing was read of the sources yet");
      seen_.insert(key_of(document->text), kNumberElsewhere);
      if (!maker_.pieces()) continue;
      for (const TextPiece& piece : pieces_of(document->text, maker_.paragraphs())) pieces_.insert(piece.key, kNumberElsewhere);
    }
    if (log) add_elsewhere(*log, corpus, progress_);
  }
  if (log) log->save();
}

/// What a document that goes after all was counted as: its language, and what was masked in it.
void CollectWork::take_back(CollectCounts& counts, const Json& metadata, int64_t bytes) {
  --counts.documents;
  if (maker_.tells_language()) {
    const std::string language = get_string(metadata, "language");
    counts.language_bytes.at(language) -= bytes;
    if (--counts.languages.at(language) == 0) {
      counts.languages.erase(language);
      counts.language_bytes.erase(language);
    }
  }
  const Json masked = config_.mask_personal ? metadata.value("masked", Json::object()) : Json::object();
  for (const auto& [kind, count] : masked.items()) counts.masked.at(kind) -= count.get<int64_t>();
}

/// Finished parts without near-duplicates, in another folder; counts follow.
void CollectWork::without_near(const std::vector<std::string>& names, const fs::path& to, std::map<std::string, int64_t>& gone) {
  progress_.note("looking for near-duplicates");
  const NearClusters clusters = find_clusters(near_folder(), rows_.documents(), progress_);
  write_without_near(out_.state() / "all", to, names, clusters, near_folder(), [&](const NearDrop& drop) {
    CollectCounts& counts = *counts_of(drop.source);
    take_back(counts, drop.metadata, drop.bytes);
    counts.bytes -= drop.bytes;
    counts.characters -= drop.characters;
    ++counts.dropped["near_duplicate"];
    counts.dropped_bytes["near_duplicate"] += drop.bytes;
    ++gone[drop.source + "\t" + drop.file];
  }, progress_);
}

/// The same without passages that came before, in the corpus's own folder.
void CollectWork::without_passages(const std::vector<std::string>& names, const fs::path& from, std::map<std::string, int64_t>& gone) {
  progress_.note("looking for repeated passages");
  int64_t bytes = 0;
  for (const CollectCounts& source : tally_.sources) bytes += source.bytes;
  std::vector<Artifact> against;
  for (const std::string& folder : config_.against) against.push_back(open_artifact(folder, "corpus"));
  PassageFinder finder({from, names, out_.state() / "passages", config_.repeated_tokens});
  finder.find(bytes, against, progress_);
  finder.write(out_.folder(), [&](const PassageCut& cut) {
    CollectCounts& counts = *counts_of(cut.source);
    counts.bytes -= cut.bytes;
    counts.characters -= cut.characters;
    if (cut.gone) {
      take_back(counts, cut.metadata, cut.bytes);
      ++counts.dropped["all_repeated"];
      counts.dropped_bytes["all_repeated"] += cut.bytes;
      ++gone[cut.source + "\t" + cut.file];
    } else {
      counts.repeated += cut.spans;
      if (maker_.tells_language()) counts.language_bytes.at(get_string(cut.metadata, "language")) -= cut.bytes;
    }
  }, progress_);
}

std::vector<ArtifactInput> CollectWork::inputs() const {
  if (replay_ != nullptr) return {open_artifact(config_.replay, "corpus").as_input()};
  std::vector<ArtifactInput> out = inputs_of(list_, read_file(out_.path("files.tsv")));
  for (const std::string& folder : config_.against) out.push_back(open_artifact(folder, "corpus").as_input());
  for (const std::string& file : list_files(config_)) out.push_back(file_input(file));
  return out;
}

Collected CollectWork::finish() {
  if (near_ || passages_) save();  // all is read: a kill from here on loses none of it
  std::vector<std::string> names = rows_.finish();
  append_durably(out_.state() / "files.tsv", table_bytes_, table_);
  if ((near_ || passages_) && rows_.documents() > 0) {
    std::map<std::string, int64_t> gone;  // by source and file
    const fs::path distinct = out_.state() / "distinct";
    if (passages_) make_folder(distinct);
    if (near_) without_near(names, passages_ ? distinct : out_.folder(), gone);
    if (passages_) without_passages(names, near_ ? distinct : out_.state() / "all", gone);
    write_file(out_.path("files.tsv"), corrected_table(read_file(out_.state() / "files.tsv"), gone));
  } else {
    write_file(out_.path("files.tsv"), read_file(out_.state() / "files.tsv"));
  }
  if (replay_ != nullptr) {
    // The parts that were read are none of the sources' files.
    write_file(out_.path("files.tsv"), replay_->table(out_.folder(), names));
    for (size_t i = 0; i < tally_.sources.size(); ++i) tally_.sources[i].files = replay_->files()[i];
  }
  Collected made;
  made.sources = tally_.sources;
  made.troubles = tally_.troubles;
  made.read_bytes = total_bytes_;
  made.formats = tally_.formats;
  made.resumed = out_.resumed();
  made.total.name = "all";
  for (const CollectCounts& source : tally_.sources) {
    made.total.files += source.files;
    made.total.documents += source.documents;
    made.total.bytes += source.bytes;
    made.total.characters += source.characters;
    for (const auto& [reason, count] : source.dropped) made.total.dropped[reason] += count;
    made.total.repeated += source.repeated;
    for (const auto& [reason, bytes] : source.dropped_bytes) made.total.dropped_bytes[reason] += bytes;
    for (const auto& [language, count] : source.languages) made.total.languages[language] += count;
    for (const auto& [language, bytes] : source.language_bytes) made.total.language_bytes[language] += bytes;
    for (const auto& [kind, count] : source.masked) made.total.masked[kind] += count;
  }
  if (made.total.documents == 0) {
    std::string reasons;
    for (const auto& [reason, count] : made.total.dropped) reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", with_commas(count), reason);
    std::string from;
    for (const SourceRoot& root : list_.roots) from += (from.empty() ? "" : ", ") + root.path;
    // Nothing of use was made, so nothing is left in the way of another try.
    clear_leftovers();
    std::error_code ignored;
    fs::remove_all(out_.state(), ignored);
    fs::remove(out_.folder(), ignored);
    fail(ErrorKind::input, "no document came out of ", from.substr(0, 500), reasons.empty() ? ": there is nothing in it" : ": left out were " + reasons, made.troubles.empty() ? "" : "; first: " + made.troubles.front(),
         made.total.dropped.contains("few_words") || made.total.dropped.contains("duplicate") ? " (--preset none keeps everything)" : "");
  }
  for (const std::string& name : names) out_.promise(name);
  out_.promise("files.tsv");
  out_.set_inputs(inputs());
  Json counts = made.total.json();
  counts.erase("name");
  counts["sources"] = Json::object();
  for (const CollectCounts& source : made.sources) {
    Json each = source.json();
    each.erase("name");
    counts["sources"][source.name] = std::move(each);
  }
  made.corpus = out_.finish(counts);
  return made;
}

}  // namespace

Collected collect(const std::vector<std::string>& sources, const CollectConfig& config, const fs::path& out, bool force, Progress& progress) {
  config.validate();
  require(config.replay.empty() || sources.empty(), "--replay judges a corpus again: it takes no sources");
  std::optional<Replay> replay;
  if (!config.replay.empty()) {
    const Artifact corpus = open_artifact(config.replay, "corpus");
    replay.emplace(corpus);
    const bool taken_out = get_string(corpus.config, "repeated", "none") != "none", masked = corpus.config.value("mask_personal", false);
    if (taken_out || masked) {
      progress.warn(fmt::format("--replay {}: of documents that stayed, {} not come back; for that the sources must be read again", config.replay,
                                taken_out && masked ? "lines and passages that were taken out and personal data that was masked do" : masked ? "personal data that was masked does" : "lines and passages that were taken out do"));
    }
  }
  const SourceList list = replay ? replay->list() : find_sources(sources, out);
  Json settings = fields_to_json(config);
  settings.erase("save_minutes");  // changes nothing that is made
  settings["sources"] = sources;
  std::vector<ArtifactInput> begun;
  begun.push_back(replay ? open_artifact(config.replay, "corpus").as_input() : ArtifactInput{"", "listing", list.fingerprint()});
  for (const std::string& folder : config.against) begun.push_back(open_artifact(folder, "corpus").as_input());
  for (const std::string& file : list_files(config)) begun.push_back(file_input(file));
  ArtifactWriter writer(out, "corpus", settings, begun, force);
  CollectWork work(list, replay ? &*replay : nullptr, config, writer, progress);
  progress.note(fmt::format("{} files, {}", with_commas(work.streams()), human_bytes(static_cast<double>(work.total_bytes()))));
  if (const std::string packed = packed_files(list); !packed.empty()) progress.note(packed);
  give_back_freed_memory();
  run_ordered(work, work.first(), (int64_t{8} << 20) * threads());
  return work.finish();
}

}  // namespace loam
