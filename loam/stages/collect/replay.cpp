#include "loam/stages/collect/replay.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/lines.h"
#include "loam/formats/zstd.h"
#include "loam/stages/collect/near_pass.h"

namespace loam {
namespace {

constexpr int64_t kLongestDrop = int64_t{2} << 30;

using Place = std::pair<int64_t, int64_t>;  // file, record

/// Rows begin {"id":"SOURCE:FILE#RECORD", as our own writer gives them. A file that `order` does not know is behind all it does.
Place place_of(std::string_view row, const std::map<std::string, int64_t>& order, const fs::path& path) {
  constexpr std::string_view kBegin = "{\"id\":";
  size_t end = kBegin.size() + 1;
  while (end < row.size() && row[end] != '"') end += row[end] == '\\' ? 2 : 1;
  require_input(row.starts_with(kBegin) && end < row.size(), path, ": a row does not begin with its id");
  const std::string id = parse_json(row.substr(kBegin.size(), end + 1 - kBegin.size()), path.string()).get<std::string>();
  const size_t mark = id.rfind('#');
  require_input(mark != std::string::npos, path, ": \"", id.substr(0, 200), "\" is no id of collect's");
  const auto file_of = order.find(id.substr(0, mark));
  Place place = {file_of == order.end() ? static_cast<int64_t>(order.size()) : file_of->second, 0};
  std::from_chars(id.data() + mark + 1, id.data() + id.size(), place.second);
  return place;
}

/// One file's rows, the next one at hand with its place.
struct Rows {
  ZstdFileReader file;
  LineReader lines;
  std::string row;
  Place place;
  bool have = true;

  explicit Rows(const fs::path& path) : file(path), lines([this](char* to, int64_t room) { return file.read(to, room); }, kLongestDrop) {}

  void advance(const std::map<std::string, int64_t>& order, const fs::path& path) {
    std::string_view line;
    have = lines.next(line);
    if (!have) return;
    row = line;
    place = place_of(row, order, path);
  }
};

}  // namespace

struct ReplayReader::State {
  fs::path documents_path, dropped_path;
  std::unique_ptr<Rows> documents, dropped;
  const std::map<std::string, int64_t>* order;
  int64_t number = 0;
};

ReplayReader::ReplayReader(const fs::path& documents, const fs::path& dropped, const std::map<std::string, int64_t>& order) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.documents_path = documents;
  s.dropped_path = dropped;
  s.order = &order;
  s.documents = std::make_unique<Rows>(documents);
  s.dropped = std::make_unique<Rows>(dropped);
  s.documents->advance(order, documents);
  s.dropped->advance(order, dropped);
}

ReplayReader::~ReplayReader() = default;
ReplayReader::ReplayReader(ReplayReader&&) noexcept = default;

bool ReplayReader::next(RawRecord& record) {
  State& s = *state_;
  if (!s.documents->have && !s.dropped->have) return false;
  const bool kept = s.documents->have && (!s.dropped->have || s.documents->place <= s.dropped->place);
  Rows& rows = kept ? *s.documents : *s.dropped;
  record = RawRecord();
  record.replayed = true;
  record.kind = FileKind::json_lines;
  record.number = ++s.number;
  record.bytes = std::move(rows.row);
  rows.advance(*s.order, kept ? s.documents_path : s.dropped_path);
  return true;
}

Replay::Replay(const Artifact& corpus) {
  const auto documents = document_files(corpus), dropped = dropped_files(corpus);
  require_input(documents.size() == dropped.size() && corpus.promises("files.tsv"), "--replay ", corpus.folder, ": the corpus was not made by collect");
  const std::string table = read_file(corpus.path("files.tsv"));
  for (size_t at = 0; at < table.size();) {
    const size_t end = std::min(table.find('\n', at), table.size()), first = table.find('\t', at), second = table.find('\t', first + 1);
    require_input(second < end, "--replay ", corpus.folder, ": files.tsv is damaged");
    const std::string source = table.substr(at, first - at);
    auto name = std::find(list_.names.begin(), list_.names.end(), source);
    if (name == list_.names.end()) {
      name = list_.names.insert(name, source);
      files_.push_back(0);
    }
    ++files_[static_cast<size_t>(name - list_.names.begin())];
    order_.emplace(source + ":" + table.substr(first + 1, second - first - 1), static_cast<int64_t>(rows_.size()));
    size_t counts = table.rfind('\t', end - 1);   // behind them: documents and dropped
    if (counts > second) counts = table.rfind('\t', counts - 1);
    require_input(counts > second && counts < end, "--replay ", corpus.folder, ": files.tsv is damaged");
    rows_.push_back(table.substr(at, counts - at));
    at = end + 1;
  }
  list_.roots.push_back({0, corpus.folder.string(), true});
  for (size_t part = 0; part < documents.size(); ++part) {
    SourceFile file;
    file.path = corpus.path(documents[part]);
    file.below = documents[part];
    file.bytes = static_cast<int64_t>(fs::file_size(file.path) + fs::file_size(corpus.path(dropped[part])));
    list_.files.push_back(std::move(file));
    ledgers_.push_back(corpus.path(dropped[part]));
  }
}

ReplayReader Replay::open(int64_t part) const { return ReplayReader(list_.files[static_cast<size_t>(part)].path, ledgers_[static_cast<size_t>(part)], order_); }

std::string Replay::table(const fs::path& folder, const std::vector<std::string>& names) const {
  std::vector<std::array<int64_t, 2>> counts(rows_.size() + 1);   // documents, dropped
  for (size_t i = 0; i < names.size(); ++i) {
    const fs::path file = folder / names[i];
    each_row(file, [&](std::string_view row) { ++counts[static_cast<size_t>(place_of(row, order_, file).first)][i < names.size() / 2 ? 0 : 1]; });
  }
  std::string out;
  for (size_t i = 0; i < rows_.size(); ++i) out += cat(rows_[i], "\t", counts[i][0], "\t", counts[i][1], "\n");
  return out;
}

bool judged_reason(const std::string& reason) {
  static constexpr std::string_view kOfReading[] = {"unsupported", "binary", "damaged", "malformed", "too_large", "no_text", "http_status", "content_type", "revisit", "redirect", "namespace", "empty"};
  return std::find(std::begin(kOfReading), std::end(kOfReading), reason) == std::end(kOfReading);
}

}  // namespace loam
