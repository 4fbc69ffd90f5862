#include "loam/formats/csv.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <map>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr int64_t kCsvBlock = 64 << 10;
constexpr char kQuote = '"';
constexpr std::array<char, 4> kDelimiters = {',', '\t', ';', '|'};

std::string shown(char delimiter) { return delimiter == '\t' ? "tab" : std::string(1, delimiter); }

/// How many fields each record of a sample has under one delimiter; the last record may be cut off and is left out
/// unless it is the only one.
std::vector<int64_t> count_fields(std::string_view sample, char delimiter) {
  std::vector<int64_t> counts;
  int64_t fields = 1;
  bool quoted = false, field_start = true, any = false;
  for (size_t i = 0; i < sample.size(); ++i) {
    const char c = sample[i];
    if (quoted) {
      if (c == kQuote) {
        if (i + 1 < sample.size() && sample[i + 1] == kQuote) ++i;
        else quoted = false;
      }
    } else if (c == kQuote && field_start && delimiter != '\t') {
      quoted = true;
      field_start = false;
      any = true;
    } else if (c == '\n' || c == '\r') {
      if (any) counts.push_back(fields);
      fields = 1;
      field_start = true;
      any = false;
    } else {
      any = true;
      field_start = c == delimiter;
      fields += field_start;
    }
  }
  if (any && counts.empty()) counts.push_back(fields);
  return counts;
}

/// Do the quotes at the starts of a tab-separated sample's fields all close at the ends of fields?
bool tab_quotes_pair_up(std::string_view sample) {
  bool any = false;
  size_t i = 0;
  while (i < sample.size()) {
    if (sample[i] == kQuote) {
      any = true;
      for (++i; i < sample.size(); ++i) {
        if (sample[i] != kQuote) continue;
        if (i + 1 < sample.size() && sample[i + 1] == kQuote) ++i;
        else break;
      }
      if (i >= sample.size()) return static_cast<int64_t>(sample.size()) >= kCsvBlock;  // cut off by the sample's end
      ++i;
      if (i < sample.size() && sample[i] != '\t' && sample[i] != '\n' && sample[i] != '\r') return false;
    }
    while (i < sample.size() && sample[i] != '\t' && sample[i] != '\n' && sample[i] != '\r') ++i;
    ++i;
  }
  return any;
}

}  // namespace

char sniff_delimiter(std::string_view sample) {
  char best = ',';
  double best_share = 0;
  for (const char delimiter : kDelimiters) {
    const auto counts = count_fields(sample, delimiter);
    std::map<int64_t, int64_t> tally;
    for (const int64_t n : counts) ++tally[n];
    for (const auto& [fields, times] : tally) {
      const double share = static_cast<double>(times) / static_cast<double>(counts.size());
      if (fields > 1 && share > best_share) {
        best = delimiter;
        best_share = share;
      }
    }
  }
  return best;
}

CsvReader::CsvReader(ReadBytes source, std::string name, CsvOptions options)
    : source_(std::move(source)), name_(std::move(name)), options_(options) {
  buffer_.reserve(static_cast<size_t>(kCsvBlock));
  // One block to look at; a source may hand over less than asked for.
  std::string block(static_cast<size_t>(kCsvBlock), '\0');
  while (static_cast<int64_t>(buffer_.size()) < kCsvBlock) {
    const int64_t n = source_(block.data(), kCsvBlock - static_cast<int64_t>(buffer_.size()));
    if (n <= 0) {
      ended_ = true;
      break;
    }
    buffer_.append(block.data(), static_cast<size_t>(n));
  }
  std::string_view sample(buffer_);
  require_input(!sample.starts_with("\xff\xfe") && !sample.starts_with("\xfe\xff"), name_,
                " is UTF-16 text; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)");
  if (sample.starts_with("\xef\xbb\xbf")) {
    at_ = 3;
    sample.remove_prefix(3);
  }
  if (options_.delimiter == '\0') options_.delimiter = sniff_delimiter(sample);
  require(options_.delimiter != kQuote && options_.delimiter != '\n' && options_.delimiter != '\r',
          "a quote or a line end cannot separate the fields of ", name_);
  if (options_.quotes == CsvQuotes::automatic) {
    options_.quotes = options_.delimiter != '\t' || tab_quotes_pair_up(sample) ? CsvQuotes::on : CsvQuotes::off;
  }
  if (!read_record(held_)) return;
  if (options_.header == CsvHeader::first_record) {
    columns_ = held_;
  } else {
    for (size_t i = 0; i < held_.size(); ++i) columns_.push_back(std::to_string(i + 1));
    held_ready_ = true;
  }
}

/// The byte at the reading place, or -1 at the end.
int CsvReader::peek() {
  if (at_ == static_cast<int64_t>(buffer_.size())) {
    if (ended_) return -1;
    buffer_.resize(static_cast<size_t>(kCsvBlock));
    const int64_t n = source_(buffer_.data(), kCsvBlock);
    buffer_.resize(static_cast<size_t>(std::max<int64_t>(n, 0)));
    at_ = 0;
    if (n <= 0) {
      ended_ = true;
      return -1;
    }
  }
  return static_cast<unsigned char>(buffer_[static_cast<size_t>(at_)]);
}

void CsvReader::add_bytes(std::string& field, int64_t begin, int64_t end) const {
  require_input(static_cast<int64_t>(field.size()) + end - begin <= options_.field_limit_bytes, name_, ":", record_line_,
                ": a field is longer than ", options_.field_limit_bytes, " bytes",
                quoted() ? "; is a quote left open?" : "");
  field.append(buffer_, static_cast<size_t>(begin), static_cast<size_t>(end - begin));
}

/// After an opening quote: up to and including the closing one.
void CsvReader::read_quoted(std::string& field) {
  const int64_t opened = line_;
  for (;;) {
    if (peek() < 0) fail(ErrorKind::input, name_, ":", opened, ": the quote that opens here never closes");
    const int64_t begin = at_;
    const char* start = buffer_.data() + begin;
    const size_t left = buffer_.size() - static_cast<size_t>(begin);
    const void* found = std::memchr(start, kQuote, left);
    at_ = found != nullptr ? static_cast<const char*>(found) - buffer_.data() : static_cast<int64_t>(buffer_.size());
    line_ += std::count(start, static_cast<const char*>(buffer_.data()) + at_, '\n');
    add_bytes(field, begin, at_);
    if (found == nullptr) continue;
    take();
    if (peek() != kQuote) return;
    add_bytes(field, at_, at_ + 1);
    take();
  }
}

bool CsvReader::read_record(std::vector<std::string>& fields) {
  for (;;) {  // empty lines
    const int c = peek();
    if (c < 0) return false;
    if (c != '\n' && c != '\r') break;
    line_ += c == '\n';
    take();
    if (c == '\r' && peek() != '\n') ++line_;
  }
  record_line_ = line_;
  size_t count = 0;
  for (;;) {
    require_input(static_cast<int64_t>(count) < options_.field_limit_count, name_, ":", record_line_, ": a record has more than ",
                  options_.field_limit_count, " fields separated by ", shown(options_.delimiter));
    if (fields.size() <= count) fields.emplace_back();
    std::string& field = fields[count++];
    field.clear();
    if (quoted() && peek() == kQuote) {
      take();
      read_quoted(field);
    }
    int c;
    for (;;) {  // to the end of the field, block by block
      c = peek();
      if (c < 0 || c == static_cast<unsigned char>(options_.delimiter) || c == '\n' || c == '\r') break;
      const int64_t begin = at_;
      const int64_t size = static_cast<int64_t>(buffer_.size());
      while (at_ < size) {
        const char b = buffer_[static_cast<size_t>(at_)];
        if (b == options_.delimiter || b == '\n' || b == '\r') break;
        ++at_;
      }
      add_bytes(field, begin, at_);
    }
    if (c >= 0) take();
    if (c >= 0 && c == static_cast<unsigned char>(options_.delimiter)) continue;
    if (c == '\r' && peek() == '\n') take();
    if (c >= 0) ++line_;
    fields.resize(count);
    return true;
  }
}

bool CsvReader::next(std::vector<std::string>& fields) {
  if (held_ready_) {
    held_ready_ = false;
    fields = held_;
    ++records_;
    return true;
  }
  if (!read_record(fields)) return false;
  ++records_;
  return true;
}

}  // namespace loam
