#include "loam/stages/collect/collect.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/formats/utf8.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/pipeline.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/rules.h"
#include "loam/stages/collect/seen.h"
#include "loam/stages/collect/sources.h"

namespace loam {
namespace {

constexpr int64_t kBatchBytes = int64_t{1} << 20;
constexpr int64_t kBatchRecords = 1024;
constexpr size_t kTroublesKept = 100, kTroublesShown = 10;
constexpr int64_t kFilesShown = 20;  // so many files or fewer: each is said to be what it was taken for

/// A record on its way: what it became, ready to be written.
struct Row {
  std::string row;           // of the documents, or of the ledger
  std::string reason;        // "": it stays
  std::string id, url;       // of one that stays: it may turn out to be a duplicate
  TextKey key;
  int64_t bytes = 0, characters = 0;
  std::string trouble;       // about its file, for people
};

struct CollectBatch : OrderedWork::Batch {
  int64_t file = 0;
  std::vector<RawRecord> records;
  std::vector<Row> rows;
  int64_t last_record = 0;   // number of the last one
  int64_t raw_bytes = 0;
  const char* format = "empty";  // of the file so far
  bool hash = false;         // the file is to be hashed: its last batch, and it is of a kind we read
  std::string sha256 = "-";
};

/// Everything that is counted while rows are written.
struct Tally {
  std::vector<CollectCounts> sources;
  int64_t file = 0, record = 0;                // the next file; records of it that are written
  int64_t file_documents = 0, file_dropped = 0;
  std::vector<std::string> troubles;
  std::map<std::string, int64_t> formats;

  Json json() const {
    Json out = {{"formats", formats}, {"file", file}, {"record", record}, {"file_documents", file_documents}, {"file_dropped", file_dropped}, {"troubles", troubles}, {"sources", Json::array()}};
    for (const CollectCounts& source : sources) out["sources"].push_back(source.json());
    return out;
  }

  void read(const Json& saved) {
    file = get_int(saved, "file");
    record = get_int(saved, "record");
    file_documents = get_int(saved, "file_documents");
    file_dropped = get_int(saved, "file_dropped");
    troubles = saved.at("troubles").get<std::vector<std::string>>();
    formats = saved.at("formats").get<std::map<std::string, int64_t>>();
    for (size_t i = 0; i < sources.size(); ++i) {
      const Json& each = saved.at("sources").at(i);
      sources[i].files = get_int(each, "files");
      sources[i].documents = get_int(each, "documents");
      sources[i].bytes = get_int(each, "bytes");
      sources[i].characters = get_int(each, "characters");
      sources[i].dropped = each.at("reasons").get<std::map<std::string, int64_t>>();
    }
  }
};

class CollectWork : public OrderedWork {
 public:
  CollectWork(const SourceList& list, const CollectConfig& config, ArtifactWriter& out, Progress& progress)
      : list_(list), config_(config), out_(out), progress_(progress), preset_(preset_named(config.preset)), text_mode_(text_mode_named(config.main_text)), rows_(out.folder()), seen_(out.state()) {
    for (const std::string& name : list.names) tally_.sources.emplace_back().name = name;
    for (const SourceFile& file : list.files) total_bytes_ += file.bytes;
    if (out.resumed() && fs::exists(state_file())) {
      load();
    } else {
      clear_leftovers();
      for (const std::string& folder : list.unreadable) trouble("cannot read the folder " + folder);
    }
    last_save_ = seconds_now();
  }

  int64_t first() const { return tally_.file; }
  int64_t total_bytes() const { return total_bytes_; }
  int64_t streams() const override { return static_cast<int64_t>(list_.files.size()); }

  std::unique_ptr<Stream> open(int64_t file) override;

  void process(Batch& batch) override {
    auto& b = static_cast<CollectBatch&>(batch);
    for (RawRecord& record : b.records) {
      b.rows.push_back(make_row(b.file, record));
      record = RawRecord();  // its memory goes as that of the rows comes
    }
    b.records.clear();
    b.bytes = 0;
    for (const Row& row : b.rows) b.bytes += static_cast<int64_t>(row.row.size() + sizeof(Row));
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
    for (Row& row : b.rows) write(row, counts);
    tally_.record = b.last_record;
    file_bytes_ += b.raw_bytes;
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

  Row make_row(int64_t file, const RawRecord& record) const;
  void write(Row& row, CollectCounts& counts);
  void end_file(int64_t file, const CollectBatch& last);
  void trouble(const std::string& what);
  void save();
  void load();
  void clear_leftovers() const;
  std::vector<ArtifactInput> inputs() const;

  const SourceList& list_;
  const CollectConfig& config_;
  ArtifactWriter& out_;
  Progress& progress_;
  Preset preset_;
  TextMode text_mode_;
  CorpusWriter rows_;
  SeenTable seen_;
  Tally tally_;
  std::string table_;            // files.tsv: what came since the last save
  int64_t table_bytes_ = 0;      // of it that is saved
  int64_t total_bytes_ = 0, done_bytes_ = 0, file_bytes_ = 0;
  double last_save_ = 0;
};

/// A file in batches. Records that an earlier run wrote are passed over.
class FileStream : public OrderedWork::Stream {
 public:
  FileStream(RecordReader reader, int64_t file, int64_t skip) : reader_(std::move(reader)), file_(file), skip_(skip) {}

  std::unique_ptr<OrderedWork::Batch> read() override {
    auto batch = std::make_unique<CollectBatch>();
    batch->file = file_;
    batch->last_record = last_;
    batch->format = format_;
    RawRecord record;
    while (batch->raw_bytes < kBatchBytes && static_cast<int64_t>(batch->records.size()) < kBatchRecords) {
      if (!reader_.next(record)) {
        batch->last = true;
        batch->hash = readable_ || last_ != 1;
        break;
      }
      batch->last_record = last_ = record.number;
      readable_ = readable_ || record.kind != FileKind::unsupported;
      batch->format = format_ = kind_label(record.kind);
      if (record.number <= skip_) {
        if (stop_requested()) break;
        continue;
      }
      int64_t bytes = static_cast<int64_t>(record.bytes.size());
      for (const auto& field : record.fields) bytes += static_cast<int64_t>(field.size());
      batch->raw_bytes += bytes;
      batch->bytes += bytes + static_cast<int64_t>(sizeof(RawRecord));
      batch->records.push_back(std::move(record));
    }
    return batch;
  }

 private:
  RecordReader reader_;
  int64_t file_, skip_, last_ = 0;
  bool readable_ = false;
  const char* format_ = "empty";
};

std::unique_ptr<OrderedWork::Stream> CollectWork::open(int64_t file) {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  const ReaderConfig reader = {config_.format, config_.text_column, config_.max_document_bytes};
  return std::make_unique<FileStream>(RecordReader(f.path, f.below, f.named, reader), file, file == tally_.file ? tally_.record : 0);
}

Row CollectWork::make_row(int64_t file, const RawRecord& record) const {
  const SourceFile& f = list_.files[static_cast<size_t>(file)];
  Extracted made = extract_record(record, {config_.text_column, config_.whole_page, text_mode_, config_.mail_subject});
  Document& d = made.document;
  d.source = source_name(file);
  d.id = fmt::format("{}:{}#{}", d.source, f.below, record.number);
  Json metadata = {{"file", f.below}};
  if (!record.member.empty()) metadata["member"] = record.member;
  metadata["record"] = record.number;
  metadata["format"] = kind_label(record.kind);
  metadata.update(d.metadata);
  d.metadata = std::move(metadata);
  Row row;
  if (made.reason.empty() && preset_.tidies()) d.text = tidied(d.text);
  if (made.reason.empty()) {
    if (d.text.empty()) {
      made.reason = "empty";
      made.value = 0;
      made.threshold = 1;
    } else if (auto verdict = judge(d.text, preset_)) {
      made.reason = verdict->reason;
      made.value = verdict->value;
      made.threshold = verdict->threshold;
    }
  }
  if (!made.reason.empty()) {
    // What the reader refused is about the file, or most of it; what was refused later, about one of its records.
    const bool of_page = made.reason == "http_status" || made.reason == "content_type" || made.reason == "revisit";
    const bool whole_file = made.reason == "binary" || (!record.reason.empty() && record.reason != "unsupported" && !of_page);
    if (whole_file) {
      row.trouble = fmt::format("{}: {}: {}", f.path.string(), made.reason, made.value.is_string() ? made.value.get<std::string>() : fmt::format("{} (limit {})", to_line(made.value), to_line(made.threshold)));
    }
    row.row = dropped_row({d.id, d.source, d.url, made.reason, std::move(made.value), std::move(made.threshold), std::move(d.text)});
    row.reason = std::move(made.reason);
    return row;
  }
  row.bytes = static_cast<int64_t>(d.text.size());
  row.characters = count_code_points(d.text);
  if (preset_.deduplicates()) row.key = key_of(d.text);
  row.row = document_row(d);
  row.id = std::move(d.id);
  row.url = std::move(d.url);
  return row;
}

void CollectWork::write(Row& row, CollectCounts& counts) {
  if (!row.trouble.empty()) trouble(row.trouble);
  if (row.reason.empty() && preset_.deduplicates()) {
    if (const auto first = seen_.insert(row.key, rows_.documents())) {
      // The text again as it stands in the row: quotes inside it are escaped, so these marks are found where they are meant.
      const size_t from = row.row.find(",\"text\":") + 8, to = row.row.find(",\"source\":", from);
      std::string dropped = dropped_row({row.id, counts.name, row.url, "duplicate", *first, nullptr, ""});
      dropped.replace(dropped.rfind("\"text\":") + 7, 2, row.row, from, to - from);
      row.row = std::move(dropped);
      row.reason = "duplicate";
    }
  }
  if (row.reason.empty()) {
    rows_.add_row(row.row);
    ++counts.documents;
    counts.bytes += row.bytes;
    counts.characters += row.characters;
    ++tally_.file_documents;
  } else {
    rows_.drop_row(row.row);
    ++counts.dropped[row.reason];
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
  state["rows"] = rows_.save(out_.state());
  state["seen_bytes"] = seen_.save(out_.state() / "seen.log");
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
    rows_.resume(out_.state(), state.at("rows"));
    seen_.load(out_.state() / "seen.log", get_int(state, "seen_bytes"));
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

std::vector<ArtifactInput> CollectWork::inputs() const {
  // A file is named by its hash, a folder by that of the lines "<hash>  <file>\n".
  std::vector<ArtifactInput> out;
  std::vector<std::unique_ptr<Sha256>> folders;
  for (const SourceRoot& root : list_.roots) {
    out.push_back({root.path, root.folder ? "folder" : "file", ""});
    folders.push_back(std::make_unique<Sha256>());
  }
  const std::string table = read_file(out_.path("files.tsv"));
  size_t at = 0;
  for (const SourceFile& file : list_.files) {
    const size_t end = table.find('\n', at);
    std::string_view line = std::string_view(table).substr(at, end - at);
    at = end + 1;
    for (int column = 0; column < 3; ++column) line.remove_prefix(line.find('\t') + 1);
    const std::string hash(line.substr(0, line.find('\t')));
    const auto root = static_cast<size_t>(file.root);
    folders[root]->add(hash + "  " + file.below + "\n");
    if (!list_.roots[root].folder) out[root].sha256 = hash;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (list_.roots[i].folder) out[i].sha256 = folders[i]->hex();
  }
  return out;
}

Collected CollectWork::finish() {
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
  for (const std::string& name : rows_.finish()) out_.promise(name);
  append_durably(out_.state() / "files.tsv", table_bytes_, table_);
  write_file(out_.path("files.tsv"), read_file(out_.state() / "files.tsv"));
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

void CollectConfig::validate() const {
  preset_named(preset);
  if (!format.empty()) kind_named(format);
  text_mode_named(main_text);
  require(max_document_bytes >= 1000 && max_document_bytes <= (int64_t{1} << 30), "--max-document-bytes ", max_document_bytes, " is not in 1,000 to 1,073,741,824");
  require(save_minutes > 0, "--save-minutes ", save_minutes, " must be above 0");
}

int64_t CollectCounts::all_dropped() const {
  int64_t all = 0;
  for (const auto& [reason, count] : dropped) all += count;
  return all;
}

Json CollectCounts::json() const {
  Json reasons = Json::object();
  for (const auto& [reason, count] : dropped) reasons[reason] = count;
  return {{"name", name}, {"files", files}, {"documents", documents}, {"bytes", bytes}, {"characters", characters}, {"dropped", all_dropped()}, {"reasons", reasons}};
}

namespace {

/// "2 packed files are opened: a.txt.gz, b.zip": what is read from inside another file is said, for its documents' names
/// lie there.
std::string packed_files(const SourceList& list) {
  constexpr size_t kNamed = 8;
  std::vector<std::string> names;
  for (const SourceFile& file : list.files) {
    for (const char* ending : {".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".tar", ".zip", ".dz"}) {
      if (file.below.ends_with(ending)) names.push_back(file.below);
    }
  }
  if (names.empty()) return "";
  const size_t count = names.size();
  names.resize(std::min(count, kNamed));
  return fmt::format("{} packed file{} opened: {}{}", with_commas(static_cast<int64_t>(count)), count == 1 ? " is" : "s are", fmt::join(names, ", "), count > kNamed ? ", ..." : "");
}

}  // namespace

Collected collect(const std::vector<std::string>& sources, const CollectConfig& config, const fs::path& out, bool force, Progress& progress) {
  config.validate();
  const SourceList list = find_sources(sources, out);
  Json settings = fields_to_json(config);
  settings.erase("save_minutes");  // changes nothing that is made
  settings["sources"] = sources;
  std::vector<ArtifactInput> begun;
  begun.push_back({"", "listing", list.fingerprint()});
  ArtifactWriter writer(out, "corpus", settings, begun, force);
  CollectWork work(list, config, writer, progress);
  progress.note(fmt::format("{} files, {}", with_commas(work.streams()), human_bytes(static_cast<double>(work.total_bytes()))));
  if (const std::string packed = packed_files(list); !packed.empty()) progress.note(packed);
  run_ordered(work, work.first(), (int64_t{32} << 20) * threads());
  return work.finish();
}

}  // namespace loam
