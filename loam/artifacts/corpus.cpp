#include "loam/artifacts/corpus.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <cstring>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/memory.h"
#include "loam/formats/bytes.h"
#include "loam/formats/utf8.h"
#include "loam/formats/zstd.h"

namespace loam {
namespace {

constexpr int64_t kReadBytes = int64_t{1} << 20;
constexpr size_t kHeldRows = size_t{1} << 20;
constexpr int64_t kLongestRow = int64_t{2} << 30;  // no writer of ours comes near: a damaged file might

std::string part_name(const char* kind, int64_t part) { return fmt::format("{}-{:05}.jsonl.zst", kind, part); }

void append_member(std::string& out, const char* key, std::string_view text) {
  out += '"';
  out += key;
  out += "\":";
  if (valid_utf8(text)) {
    append_json_string(out, text);
  } else {
    append_json_string(out, repaired_utf8(text));
  }
}

std::vector<std::string> promised(const Artifact& corpus, std::string_view prefix) {
  std::vector<std::string> names;
  for (const auto& file : corpus.files) {
    if (file.name.starts_with(prefix) && file.name.ends_with(".jsonl.zst")) names.push_back(file.name);
  }
  std::sort(names.begin(), names.end(), [](const auto& a, const auto& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;  // part 100000 has a digit more
  });
  return names;
}

/// Lines of a zstd file; each is followed by simdjson's padding.
class LineReader {
 public:
  explicit LineReader(const fs::path& path) : path_(path), file_(path) {}

  /// False at the end. The view lives until the next call.
  bool next(std::string_view& line) {
    size_t looked = 0;
    for (;;) {
      const char* from = buffer_.data() + begin_ + looked;
      if (const void* at = std::memchr(from, '\n', end_ - begin_ - looked)) {
        const size_t length = static_cast<size_t>(static_cast<const char*>(at) - (buffer_.data() + begin_));
        line = std::string_view(buffer_.data() + begin_, length);
        begin_ += length + 1;
        return true;
      }
      looked = end_ - begin_;
      if (done_) {
        if (looked == 0) return false;
        line = std::string_view(buffer_.data() + begin_, looked);
        begin_ = end_;
        return true;
      }
      fill();
    }
  }

 private:
  void fill() {
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    require_input(static_cast<int64_t>(end_) < kLongestRow, path_, ": a row is longer than ", kLongestRow, " bytes");
    const size_t wanted = end_ + static_cast<size_t>(kReadBytes) + simdjson::SIMDJSON_PADDING;
    if (buffer_.size() < wanted) buffer_.resize(std::max(wanted, end_ * 2));
    const int64_t n = file_.read(buffer_.data() + end_, static_cast<int64_t>(buffer_.size() - end_ - simdjson::SIMDJSON_PADDING));
    if (n == 0) done_ = true;
    end_ += static_cast<size_t>(n);
  }

  fs::path path_;
  ZstdFileReader file_;
  std::string buffer_;
  size_t begin_ = 0, end_ = 0;
  bool done_ = false;
};

}  // namespace

std::string document_row(const Document& d) {
  thread_local std::string out;  // rows wait in thousands: each as long as it is, not as it grew
  out = "{";
  append_member(out, "id", d.id);
  out += ',';
  append_member(out, "text", d.text);
  out += ',';
  append_member(out, "source", d.source);
  out += ',';
  append_member(out, "url", d.url);
  out += ',';
  append_member(out, "added", d.added);
  out += ',';
  append_member(out, "created", d.created);
  out += ",\"metadata\":";
  out += to_line(d.metadata.is_null() ? Json::object() : d.metadata);
  out += "}\n";
  std::string row(out);
  if (out.capacity() > kHeldRows) std::string().swap(out);
  return row;
}

std::string dropped_row(const Dropped& d) {
  std::string out = "{";
  append_member(out, "id", d.id);
  out += ',';
  append_member(out, "source", d.source);
  out += ',';
  append_member(out, "url", d.url);
  out += ',';
  append_member(out, "reason", d.reason);
  out += ",\"value\":";
  out += to_line(d.value);
  out += ",\"threshold\":";
  out += to_line(d.threshold);
  out += ',';
  append_member(out, "text", d.text);
  if (!d.metadata.is_null()) {
    out += ',';
    append_member(out, "created", d.created);
    out += ",\"metadata\":";
    out += to_line(d.metadata);
  }
  out += "}\n";
  return out;
}

CorpusWriter::CorpusWriter(fs::path folder, fs::path spill, int64_t part_bytes) : folder_(std::move(folder)), spill_(spill.empty() ? folder_ : std::move(spill)), part_bytes_(part_bytes) {
  make_folder(folder_);
}

fs::path CorpusWriter::spill_file(const Pile& pile, int64_t part) const { return spill_ / fmt::format("{}-{:05}.rows", pile.kind, part); }

void CorpusWriter::take(Pile& pile, std::string_view row) {
  pile.rows += row;
  held_bytes_ += static_cast<int64_t>(row.size());
  if (held_bytes_ >= part_bytes_) {
    end_part();
  } else if (pile.rows.size() >= kHeldRows) {
    append_file(spill_file(pile, part_), pile.spilled, pile.rows);
    pile.spilled += static_cast<int64_t>(pile.rows.size());
    pile.rows.clear();
    if (pile.rows.capacity() > 4 * kHeldRows) pile.rows.shrink_to_fit();  // after a row of many MiB
  }
}

void CorpusWriter::add_row(std::string_view row) {
  ++documents_;
  take(kept_, row);
}

void CorpusWriter::drop_row(std::string_view row) { take(dropped_, row); }

/// The part's rows to their file.
void CorpusWriter::pack(Pile& pile) {
  ZstdFileWriter out(folder_ / part_name(pile.kind, part_));
  const fs::path spilled = spill_file(pile, part_);
  if (pile.spilled > 0) {
    const ReadBytes read = open_stored(spilled);
    std::string block(kHeldRows, '\0');
    for (int64_t left = pile.spilled; left > 0;) {
      const int64_t n = read(block.data(), std::min(left, static_cast<int64_t>(block.size())));
      if (n == 0) fail(ErrorKind::io, spilled, " was cut by another program");
      out.write(std::string_view(block.data(), static_cast<size_t>(n)));
      left -= n;
    }
  }
  out.write(pile.rows);
  out.commit();
  std::error_code ignored;
  if (part_ != saved_part_) fs::remove(spilled, ignored);
  pile.rows.clear();
  if (pile.rows.capacity() > 4 * kHeldRows) pile.rows.shrink_to_fit();
  pile.spilled = 0;
}

void CorpusWriter::end_part() {
  give_back_free_pages();  // packing takes 24 MiB for a moment: the peak is not to have holes of the small blocks in it too
  pack(kept_);
  pack(dropped_);
  held_bytes_ = 0;
  ++part_;
}

std::vector<std::string> CorpusWriter::finish() {
  if (part_ == 0 || held_bytes_ > 0) end_part();
  std::vector<std::string> names;
  for (int64_t part = 0; part < part_; ++part) names.push_back(part_name("documents", part));
  for (int64_t part = 0; part < part_; ++part) names.push_back(part_name("dropped", part));
  return names;
}

Json CorpusWriter::save() {
  // Files of one part only grow, and those of the part before stay: so an earlier result holds until the caller has
  // stored this one.
  if (saved_part_ != part_) {
    std::error_code ignored;
    for (const Pile* pile : {&kept_, &dropped_}) {
      for (int64_t old = last_saved_; old < saved_part_; ++old) fs::remove(spill_file(*pile, old), ignored);
    }
    last_saved_ = std::max<int64_t>(saved_part_, 0);
    saved_part_ = part_;
  }
  for (Pile* pile : {&kept_, &dropped_}) {
    append_durably(spill_file(*pile, part_), pile->spilled, pile->rows);
    pile->spilled += static_cast<int64_t>(pile->rows.size());
    pile->rows.clear();
  }
  return {{"part", part_}, {"documents", documents_}, {"rows_bytes", kept_.spilled}, {"dropped_bytes", dropped_.spilled}, {"part_bytes", part_bytes_}};
}

void CorpusWriter::resume(const Json& saved) {
  part_ = get_int(saved, "part");
  documents_ = get_int(saved, "documents");
  require_input(get_int(saved, "part_bytes") == part_bytes_, spill_, ": was written with parts of another size");
  kept_.spilled = get_int(saved, "rows_bytes");
  dropped_.spilled = get_int(saved, "dropped_bytes");
  for (const Pile* pile : {&kept_, &dropped_}) {
    if (pile->spilled == 0) continue;
    std::error_code code;
    const fs::path file = spill_file(*pile, part_);
    const auto bytes = fs::file_size(file, code);
    require_input(!code && static_cast<int64_t>(bytes) >= pile->spilled, file, " is cut off; give --force to start anew");
  }
  held_bytes_ = kept_.spilled + dropped_.spilled;
  saved_part_ = last_saved_ = part_;
}

struct CorpusReader::State {
  std::vector<fs::path> files;
  bool with_metadata = true;
  size_t next_file = 0;
  std::unique_ptr<LineReader> lines;
  std::string name;
  int64_t row = -1;
  // The DOM, not ondemand: only the former picks the processor's widest instructions when the program runs.
  simdjson::dom::parser parser;

  Document parse(std::string_view line) {
    Document d;
    bool has_text = false;
    const simdjson::dom::object fields = parser.parse(line.data(), line.size(), /*realloc_if_needed=*/false).get_object();
    for (const auto& [key, value] : fields) {
      if (key == "text") {
        d.text = std::string(value.get_string().value());
        has_text = true;
      } else if (key == "metadata") {
        std::string_view language;
        if (value["language"].get(language) == simdjson::SUCCESS) d.language = language;
        if (with_metadata) d.metadata = Json::parse(simdjson::minify(value));
      } else if (std::string* member = member_of(d, key); member != nullptr && !value.is_null()) {
        *member = std::string(value.get_string().value());
      }
    }
    require_input(has_text, "the row has no \"text\"");
    return d;
  }

  static std::string* member_of(Document& d, std::string_view key) {
    if (key == "id") return &d.id;
    if (key == "source") return &d.source;
    if (key == "url") return &d.url;
    if (key == "added") return &d.added;
    if (key == "created") return &d.created;
    return nullptr;
  }
};

CorpusReader::CorpusReader(const Artifact& corpus, bool with_metadata) : state_(std::make_unique<State>()) {
  require_input(corpus.kind == "corpus", corpus.folder, " is a ", corpus.kind, ", wanted a corpus");
  for (const auto& name : document_files(corpus)) state_->files.push_back(corpus.path(name));
  state_->with_metadata = with_metadata;
}

CorpusReader::CorpusReader(const fs::path& file, bool with_metadata) : state_(std::make_unique<State>()) {
  state_->files.push_back(file);
  state_->with_metadata = with_metadata;
}

CorpusReader::~CorpusReader() = default;
CorpusReader::CorpusReader(CorpusReader&&) noexcept = default;
CorpusReader& CorpusReader::operator=(CorpusReader&&) noexcept = default;

std::optional<Document> CorpusReader::next() {
  State& s = *state_;
  std::string_view line;
  for (;;) {
    if (s.lines) {
      if (s.lines->next(line)) break;
      s.lines.reset();
    }
    if (s.next_file == s.files.size()) return std::nullopt;
    const fs::path& file = s.files[s.next_file++];
    s.lines = std::make_unique<LineReader>(file);
    s.name = file.filename().string();
    s.row = -1;
  }
  ++s.row;
  try {
    return s.parse(line);
  } catch (const simdjson::simdjson_error& e) {
    fail(ErrorKind::input, s.files[s.next_file - 1], ": row ", s.row, " is not a document: ", e.what());
  } catch (const nlohmann::json::exception& e) {
    fail(ErrorKind::input, s.files[s.next_file - 1], ": row ", s.row, " is not a document: ", e.what());
  } catch (Error& e) {
    e.during(s.files[s.next_file - 1], ": row ", s.row);
    throw;
  }
}

const std::string& CorpusReader::file() const { return state_->name; }
int64_t CorpusReader::row() const { return state_->row; }

struct LedgerReader::State {
  fs::path file;
  LineReader lines;
};

LedgerReader::LedgerReader(const fs::path& file) : state_(new State{file, LineReader(file)}) {}
LedgerReader::~LedgerReader() = default;
LedgerReader::LedgerReader(LedgerReader&&) noexcept = default;

std::optional<Dropped> LedgerReader::next() {
  std::string_view line;
  if (!state_->lines.next(line)) return std::nullopt;
  const Json row = parse_json(line, state_->file.string());
  return Dropped{get_string(row, "id"), get_string(row, "source"), get_string(row, "url", ""), get_string(row, "reason"), row.value("value", Json()), row.value("threshold", Json()),
                 get_string(row, "text", ""), get_string(row, "created", ""), row.value("metadata", Json())};
}

std::vector<Dropped> read_dropped(const fs::path& file) {
  std::vector<Dropped> out;
  LedgerReader rows(file);
  while (auto row = rows.next()) out.push_back(std::move(*row));
  return out;
}

std::vector<std::string> document_files(const Artifact& corpus) { return promised(corpus, "documents-"); }
std::vector<std::string> dropped_files(const Artifact& corpus) { return promised(corpus, "dropped-"); }

Artifact write_corpus(const fs::path& folder, const std::vector<Document>& documents, bool force) {
  ArtifactWriter out(folder, "corpus", Json::object(), {}, force);
  CorpusWriter rows(folder);
  int64_t bytes = 0, characters = 0;
  for (const Document& document : documents) {
    rows.add(document);
    bytes += static_cast<int64_t>(document.text.size());
    characters += count_code_points(document.text);
  }
  for (const std::string& name : rows.finish()) out.promise(name);
  return out.finish({{"documents", documents.size()}, {"bytes", bytes}, {"characters", characters}, {"dropped", 0}});
}

}  // namespace loam
