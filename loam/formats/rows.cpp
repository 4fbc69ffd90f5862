#include "loam/formats/rows.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

/// The JSON library's message without its own name and number in front: "[json.exception.parse_error.101] ".
std::string without_label(std::string what) {
  if (const size_t end = what.find("] "); what.rfind("[json.exception.", 0) == 0 && end != std::string::npos) what.erase(0, end + 2);
  return what;
}

constexpr int64_t kRowsBlock = 64 << 10;

/// Windows-1252's 0x80..0x9F; its five holes become the C1 controls, as the WHATWG encoding standard has it.
constexpr uint16_t kWindows1252[32] = {0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
                                       0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
                                       0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178};

/// Bytes one at a time, over a source.
class Scanner {
 public:
  Scanner(ReadBytes source, std::string first) : source_(std::move(source)), buffer_(std::move(first)) {}
  int peek() {
    if (at_ == buffer_.size()) {
      if (ended_) return -1;
      buffer_.resize(static_cast<size_t>(kRowsBlock));
      const int64_t n = source_(buffer_.data(), kRowsBlock);
      buffer_.resize(static_cast<size_t>(std::max<int64_t>(n, 0)));
      at_ = 0;
      ended_ = n <= 0;
      if (ended_) return -1;
    }
    return static_cast<unsigned char>(buffer_[at_]);
  }
  int get() {
    const int c = peek();
    if (c >= 0) {
      ++at_;
      ++bytes_;
    }
    return c;
  }
  int skip_space() {
    for (;;) {
      const int c = peek();
      if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return c;
      get();
    }
  }
  int64_t bytes() const { return bytes_; }

 private:
  ReadBytes source_;
  std::string buffer_;
  size_t at_ = 0;
  int64_t bytes_ = 0;
  bool ended_ = false;
};

/// Which kind of JSON a file that starts with `head` is, if any.
std::optional<RowFormat> json_kind(std::string_view head, const std::string& ending) {
  const size_t first = head.find_first_not_of(" \t\r\n");
  const char c = first == std::string_view::npos ? '\0' : head[first];
  if (ending == ".csv" || ending == ".tsv") return std::nullopt;
  if (ending == ".jsonl" || ending == ".ndjson") return RowFormat::json_lines;
  const size_t line_end = head.find('\n', first == std::string_view::npos ? 0 : first);
  const std::string_view line = head.substr(first == std::string_view::npos ? 0 : first, line_end == std::string_view::npos ? line_end : line_end - first);
  if (c == '[') {
    // An array a line is JSON lines; one over many lines, or alone, is the whole file.
    const bool more = line_end != std::string_view::npos && head.find_first_not_of(" \t\r\n", line_end) != std::string_view::npos;
    return more && Json::accept(line) ? RowFormat::json_lines : RowFormat::json_array;
  }
  if (c == '{') return Json::accept(line) ? RowFormat::json_lines : RowFormat::json_objects;
  if (ending == ".json") return RowFormat::json_array;  // whose reader says what is wrong
  return std::nullopt;
}

/// Refuses what is no text at all, by its first bytes.
void refuse_binary(std::string_view head, const std::string& name) {
  require_input(!head.starts_with("PAR1"), name, " is a Parquet file, which this build does not read; write it as JSON lines or CSV");
  require_input(!head.starts_with("PK\x03\x04"), name, " is a zip or office file; save the table as CSV");
  require_input(!head.starts_with(std::string_view("\xd0\xcf\x11\xe0", 4)), name, " is an old office file; save the table as CSV");
  require_input(!head.starts_with("%PDF"), name, " is a PDF, not rows of data");
  require_input(!head.starts_with("\xff\xfe") && !head.starts_with("\xfe\xff"), name, " is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)");
  require_input(head.find('\0') == std::string_view::npos, name, " holds NUL bytes: it is binary, not JSON, JSON lines, CSV or TSV");
}

}  // namespace

bool to_utf8(std::string& text) {
  if (valid_utf8(text)) return true;
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  for (const char byte : text) {
    const auto b = static_cast<unsigned char>(byte);
    const char32_t code = b >= 0x80 && b < 0xa0 ? kWindows1252[b - 0x80] : b;
    append_utf8(out, code);
  }
  text = std::move(out);
  return false;
}

struct RowReader::State {
  State(ReadBytes source, std::string name_in, RowOptions options_in) : name(std::move(name_in)), options(options_in) {
    std::string head;
    std::string block(static_cast<size_t>(kRowsBlock), '\0');
    while (static_cast<int64_t>(head.size()) < kRowsBlock) {
      const int64_t n = source(block.data(), kRowsBlock - static_cast<int64_t>(head.size()));
      if (n <= 0) break;
      head.append(block.data(), static_cast<size_t>(n));
    }
    refuse_binary(head, name);
    if (head.starts_with("\xef\xbb\xbf")) head.erase(0, 3);
    const std::string ending = without_compression(name).extension().string();
    if (options.delimiter == '\0' && ending == ".tsv") options.delimiter = '\t';
    const auto json = json_kind(head, ending);
    format = json.value_or(RowFormat::csv);
    if (format == RowFormat::csv) {
      auto rest = [head = std::move(head), used = size_t{0}, source = std::move(source)](char* into, int64_t limit) mutable -> int64_t {
        if (used < head.size()) {
          const size_t n = std::min(head.size() - used, static_cast<size_t>(limit));
          std::memcpy(into, head.data() + used, n);
          used += n;
          return static_cast<int64_t>(n);
        }
        return source(into, limit);
      };
      table.emplace(std::move(rest), name,
                    CsvOptions{.delimiter = options.delimiter, .header = options.header, .field_limit_bytes = options.row_limit_bytes});
      name_columns();
      return;
    }
    scanner.emplace(std::move(source), std::move(head));
    if (format == RowFormat::json_array) {
      const int c = scanner->skip_space();
      require_input(c == '[', name, c < 0 ? " is empty; wanted rows" : " begins with neither [ nor {: it is not JSON");
      scanner->get();
    }
  }

  void name_columns() {
    columns = table->columns();
    for (size_t i = 0; i < columns.size(); ++i) {
      to_utf8(columns[i]);
      if (columns[i].empty()) columns[i] = cat("column ", i + 1);
      const auto same = std::find(columns.begin(), columns.begin() + static_cast<int64_t>(i), columns[i]);
      require_input(same == columns.begin() + static_cast<int64_t>(i), name, ": two columns are named \"", columns[i], "\"");
    }
  }

  void skip(std::string why) {
    ++skipped;
    if (first_fault.empty()) first_fault = std::move(why);
  }

  std::string place() const {
    if (format == RowFormat::csv) return cat(name, ":", table->line());
    if (format == RowFormat::json_lines) return cat(name, ":", line);
    return cat(name, ", row ", number);
  }

  bool next_record(Json& row) {
    while (table->next(fields)) {
      ++number;
      size_t filled = fields.size();
      while (filled > columns.size() && fields[filled - 1].empty()) --filled;
      if (filled > columns.size()) {
        skip(cat(place(), ": ", fields.size(), " fields in a table of ", columns.size(), " columns"));
        continue;
      }
      row = Json::object();
      bool decoded = true;
      for (size_t i = 0; i < std::min(fields.size(), columns.size()); ++i) {
        decoded = to_utf8(fields[i]) && decoded;
        row[columns[i]] = fields[i];
      }
      redecoded += !decoded;
      return true;
    }
    return false;
  }

  bool next_line(Json& row) {
    for (;;) {
      if (scanner->peek() < 0) return false;
      ++line;
      text.clear();
      for (int c = scanner->get(); c >= 0 && c != '\n'; c = scanner->get()) {
        if (static_cast<int64_t>(text.size()) >= options.row_limit_bytes) {
          fail(ErrorKind::input, name, ":", line, ": a line is longer than ", options.row_limit_bytes, " bytes");
        }
        text += static_cast<char>(c);
      }
      if (text.find_first_not_of(" \t\r") == std::string::npos) continue;
      ++number;
      redecoded += !to_utf8(text);
      try {
        row = Json::parse(text);
        return true;
      } catch (const nlohmann::json::exception& e) {
        skip(cat(place(), ": not JSON: ", without_label(e.what())));
      }
    }
  }

  /// One value's text, from its first byte to its last: brackets are counted outside strings.
  void take_value() {
    text.clear();
    int64_t depth = 0;
    bool in_string = false, escaped = false;
    for (;;) {
      const int c = scanner->peek();
      if (c < 0) {
        fail(ErrorKind::input, name, " ends inside row ", number, " (byte ", scanner->bytes(), "): the file is cut off");
      }
      if (!in_string && depth == 0 && (c == ',' || c == ']' || c == '}')) return;
      scanner->get();
      if (static_cast<int64_t>(text.size()) >= options.row_limit_bytes) {
        fail(ErrorKind::input, place(), " is longer than ", options.row_limit_bytes, " bytes");
      }
      text += static_cast<char>(c);
      if (in_string) {
        if (escaped) escaped = false;
        else if (c == '\\') escaped = true;
        else if (c == '"') in_string = false;
      } else if (c == '"') {
        in_string = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if ((c == '}' || c == ']') && --depth == 0) {
        return;
      }
    }
  }

  bool next_value(Json& row) {
    if (finished) return false;
    int c = scanner->skip_space();
    if (format == RowFormat::json_array) {
      if (number > 0 && c == ',') {
        scanner->get();
        c = scanner->skip_space();
        require_input(c != ']', name, ": a comma after the last row (byte ", scanner->bytes(), ")");
      } else if (c >= 0 && c != ']') {
        require_input(number == 0, name, ": no comma after row ", number, " (byte ", scanner->bytes(), ")");
      }
      if (c == ']') {
        scanner->get();
        require_input(scanner->skip_space() < 0, name, ": there is more after the array's end (byte ", scanner->bytes(), ")");
        finished = true;
        return false;
      }
      require_input(c >= 0, name, " ends after row ", number, " without a ]: the file is cut off");
    } else if (c < 0) {
      return false;
    }
    ++number;
    take_value();
    redecoded += !to_utf8(text);
    try {
      row = Json::parse(text);
    } catch (const nlohmann::json::exception& e) {
      fail(ErrorKind::input, place(), " (before byte ", scanner->bytes(), ") is not JSON: ", without_label(e.what()));
    }
    return true;
  }

  std::string name;
  RowOptions options;
  RowFormat format = RowFormat::csv;
  std::optional<CsvReader> table;
  std::optional<Scanner> scanner;
  std::vector<std::string> columns, fields;
  std::string text, first_fault;
  int64_t number = 0, line = 0, skipped = 0, redecoded = 0;
  bool finished = false;
};

RowReader::RowReader(const std::filesystem::path& file, RowOptions options) : RowReader(open_bytes(file), file.string(), options) {}
RowReader::RowReader(ReadBytes source, std::string name, RowOptions options)
    : state_(std::make_unique<State>(std::move(source), std::move(name), options)) {}
RowReader::~RowReader() = default;
RowReader::RowReader(RowReader&&) noexcept = default;
RowReader& RowReader::operator=(RowReader&&) noexcept = default;

bool RowReader::next(Json& row) {
  switch (state_->format) {
    case RowFormat::csv: return state_->next_record(row);
    case RowFormat::json_lines: return state_->next_line(row);
    default: return state_->next_value(row);
  }
}

RowFormat RowReader::format() const { return state_->format; }
const std::vector<std::string>& RowReader::columns() const { return state_->columns; }
int64_t RowReader::number() const { return state_->number; }
std::string RowReader::place() const { return state_->place(); }
int64_t RowReader::skipped() const { return state_->skipped; }
int64_t RowReader::redecoded() const { return state_->redecoded; }
const std::string& RowReader::first_fault() const { return state_->first_fault; }

std::string RowReader::described() const {
  switch (state_->format) {
    case RowFormat::json_lines: return "JSON lines";
    case RowFormat::json_array: return "a JSON array";
    case RowFormat::json_objects: return "JSON objects";
    case RowFormat::csv: break;
  }
  const char d = state_->table->delimiter();
  const std::string kind = d == '\t' ? "TSV" : d == ',' ? "CSV" : cat("CSV separated by ", d);
  return cat(kind, ", ", state_->columns.size(), state_->columns.size() == 1 ? " column" : " columns");
}

}  // namespace loam
