#include "loam/formats/warc.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "loam/base/characters.h"
#include "loam/formats/http.h"

namespace loam {
namespace {

constexpr size_t kWarcBlock = size_t{1} << 20;
constexpr size_t kHeadBytes = size_t{64} << 10;  // a record's header
constexpr size_t kLineBytes = size_t{16} << 10;  // an ARC record's

/// "WARC/1.0" and a line end.
bool warc_line(std::string_view text) {
  if (text.size() < 9 || !text.starts_with("WARC/") || !is_digit(text[5]) || text[6] != '.' || !is_digit(text[7])) return false;
  const size_t end = text.find_first_not_of("0123456789", 7);
  return end != std::string_view::npos && end < 12 && (text[end] == '\r' || text[end] == '\n');
}

/// The fields of an ARC record's line: an address, an IP address, 14 digits, a media type, ..., a length.
bool arc_line(std::string_view line, WarcRecord* record, int64_t* length) {
  while (line.ends_with('\r') || line.ends_with('\n')) line.remove_suffix(1);
  const size_t scheme = line.find("://");
  if (scheme == std::string_view::npos || scheme == 0 || scheme > 12) return false;
  std::string_view fields[16];
  size_t count = 0;
  for (size_t at = 0; at < line.size() && count < 16;) {
    const size_t end = std::min(line.find(' ', at), line.size());
    fields[count++] = line.substr(at, end - at);
    at = end + 1;
  }
  if (count < 5) return false;
  int64_t bytes = -1;
  const std::string_view last = fields[count - 1];
  const auto [end, code] = std::from_chars(last.data(), last.data() + last.size(), bytes);
  if (code != std::errc() || end != last.data() + last.size()) return false;
  // An address may hold spaces: the date is what tells where it ends.
  size_t date = 2;
  auto is_date = [](std::string_view f) { return f.size() >= 12 && f.size() <= 14 && std::all_of(f.begin(), f.end(), is_digit); };
  while (date < count && !is_date(fields[date])) ++date;
  if (date >= count - 1) return false;
  if (record != nullptr) {
    const std::string_view d = fields[date];
    record->uri = std::string(line.substr(0, static_cast<size_t>(fields[date - 1].data() - line.data()) - 1));
    record->date = std::string(d.substr(0, 4)) + "-" + std::string(d.substr(4, 2)) + "-" + std::string(d.substr(6, 2)) + "T" + std::string(d.substr(8, 2)) + ":" + std::string(d.substr(10, 2)) + ":" +
                   (d.size() >= 14 ? std::string(d.substr(12, 2)) : "00") + "Z";
    record->media = media_type(fields[date + 1]);
    *length = bytes;
  }
  return true;
}

std::string without_brackets(std::string value) {
  if (value.size() >= 2 && value.front() == '<' && value.back() == '>') value = value.substr(1, value.size() - 2);
  return value;
}

}  // namespace

bool begins_as_warc(std::string_view head) { return warc_line(head) || (head.starts_with("filedesc://") && head.substr(0, 1000).find('\n') != std::string_view::npos); }

bool WarcReader::fill() {
  if (ended_) return false;
  if (begin_ > 0 && (begin_ == end_ || buffer_.size() - end_ < kWarcBlock / 2)) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < kWarcBlock / 2) buffer_.resize(std::max(kWarcBlock, buffer_.size() * 2));
  const int64_t n = source_(buffer_.data() + end_, static_cast<int64_t>(buffer_.size() - end_));
  if (n == 0) ended_ = true;
  end_ += static_cast<size_t>(n);
  return n > 0;
}

bool WarcReader::have(size_t bytes) {
  while (end_ - begin_ < bytes && fill()) {
  }
  return end_ - begin_ >= bytes;
}

/// Where the line that begins `from` bytes ahead ends, one past its "\n"; 0 if it is longer than `most` or the file ends.
size_t WarcReader::line_end(size_t from, size_t most) {
  for (size_t looked = from;;) {
    const std::string_view text = at_hand();
    const size_t at = text.substr(0, from + most).find('\n', looked);
    if (at != std::string_view::npos) return at + 1;
    looked = std::min(text.size(), from + most);
    if (text.size() >= from + most || !fill()) return 0;
  }
}

/// Whether a record begins `at` bytes ahead; strict: with a field of its header, as in the midst of other bytes.
bool WarcReader::begins_record(size_t at, bool strict) {
  have(at + 64);
  const std::string_view text = at_hand().substr(std::min(at, end_ - begin_));
  if (arc_) {
    if (strict && (at == 0 || at_hand()[at - 1] != '\n')) return false;
    const size_t end = line_end(at, kLineBytes);
    return end != 0 && arc_line(at_hand().substr(at, end - at), nullptr, nullptr);
  }
  if (!warc_line(text)) return false;
  if (!strict) return true;
  const size_t field = text.find('\n') + 1;
  return text.substr(field, 5) == "WARC-" || text.substr(field, 8) == "Content-" || text.substr(field, 5) == "warc-";
}

/// Moves to the next record; false at the end of the file.
bool WarcReader::find_start() {
  bool between = true;  // only line ends so far
  for (;;) {
    if (!have(1)) return false;
    while (begin_ < end_ && (buffer_[begin_] == '\r' || buffer_[begin_] == '\n')) ++begin_;
    if (begin_ == end_) continue;
    if (begins_record(0, !between && !arc_)) return true;
    between = false;
    // On to the next place where one may begin.
    const std::string_view text = at_hand();
    const size_t next = arc_ ? text.find('\n', 1) : text.find("WARC/", 1);
    size_t step = next;
    if (next == std::string_view::npos) step = ended_ ? text.size() : std::max<size_t>(1, text.size() - std::min<size_t>(text.size(), 8));
    begin_ += step;
    skipped_bytes_ += static_cast<int64_t>(step);
    if (next == std::string_view::npos && !fill() && ended_ && begin_ == end_) return false;
  }
}

bool WarcReader::read_head(WarcRecord& record) {
  // Up to the empty line.
  size_t at = 0;
  for (;;) {
    const size_t end = line_end(at, kHeadBytes);
    if (end == 0 || end > kHeadBytes) return false;
    const bool empty = end - at == 1 || (end - at == 2 && at_hand()[at] == '\r');
    at = end;
    if (empty) break;
  }
  const std::string_view head = at_hand().substr(0, at);
  record.type = media_type(header_value(head, "warc-type"));
  record.uri = without_brackets(header_value(head, "warc-target-uri"));
  record.date = header_value(head, "warc-date");
  record.media = media_type(header_value(head, "content-type"));
  record.payload = media_type(header_value(head, "warc-identified-payload-type"));
  record.language = header_value(head, "warc-identified-content-language");
  const std::string length = header_value(head, "content-length");
  length_ = -1;
  const auto [end, code] = std::from_chars(length.data(), length.data() + length.size(), length_);
  if (code != std::errc() || length_ < 0) length_ = -1;
  begin_ += at;
  return true;
}

bool WarcReader::read_arc_head(WarcRecord& record) {
  const size_t end = line_end(0, kLineBytes);
  if (end == 0 || !arc_line(at_hand().substr(0, end), &record, &length_)) return false;
  record.type = record.uri.starts_with("filedesc://") ? "warcinfo" : "response";
  begin_ += end;
  return true;
}

void WarcReader::read_body(WarcRecord& record) {
  record.wanted = record.type != "request" && record.type != "warcinfo" && record.type != "metadata";
  const auto limit = static_cast<size_t>(limit_);
  if (length_ >= 0 && static_cast<uint64_t>(length_) > limit) {
    // Too long to hold: its beginning is kept, its length believed.
    have(limit);
    record.cut = true;
    if (record.wanted) record.body = at_hand().substr(0, limit);
    auto left = static_cast<uint64_t>(length_);
    while (left > 0) {
      if (begin_ == end_ && !fill()) {
        record.damaged = true;
        break;
      }
      const size_t n = static_cast<size_t>(std::min<uint64_t>(left, end_ - begin_));
      begin_ += n;
      left -= n;
    }
    return;
  }
  const size_t length = length_ < 0 ? 0 : static_cast<size_t>(length_);
  const bool all = have(length);
  size_t take = std::min(length, end_ - begin_);
  bool good = all && length_ >= 0;
  if (good) {
    // What follows: line ends and the next record, or the end of the file.
    size_t after = length;
    while (after < length + 8 && have(after + 1) && (at_hand()[after] == '\r' || at_hand()[after] == '\n')) ++after;
    good = !have(after + 1) || begins_record(after, false);
  }
  if (!good) {
    record.damaged = true;
    // The next record may begin earlier than the length says, or anywhere behind it.
    have(std::max(length, std::min(limit, size_t{1} << 20)));
    const std::string_view text = at_hand();
    size_t found = std::string_view::npos;
    for (size_t at = 0; at < text.size() && found == std::string_view::npos;) {
      const size_t next = arc_ ? text.find('\n', at) : text.find("WARC/", at);
      if (next == std::string_view::npos) break;
      const size_t start = arc_ ? next + 1 : next;
      if (start < text.size() && start < limit && begins_record(start, true)) found = start;
      at = next + 1;
      if (text.data() != at_hand().data() || text.size() != end_ - begin_) break;  // begins_record() read on: look again below
    }
    if (found == std::string_view::npos && all && length_ >= 0) found = length;  // the length is all there is to go by
    take = found != std::string_view::npos ? found : length_ < 0 ? 0 : std::min(length, end_ - begin_);
  }
  std::string_view body = at_hand().substr(0, take);
  if (record.damaged) {
    while (!body.empty() && (body.back() == '\r' || body.back() == '\n')) body.remove_suffix(1);
  }
  if (record.wanted) record.body = body;
  begin_ += take;
}

bool WarcReader::next(WarcRecord& record) {
  for (;;) {
    record = WarcRecord();
    if (first_) {
      have(64);
      arc_ = at_hand().starts_with("filedesc://");
      first_ = false;
    }
    if (!find_start()) return false;
    if (arc_ ? read_arc_head(record) : read_head(record)) {
      read_body(record);
      return true;
    }
    // A first line with no header behind it.
    const size_t step = std::min<size_t>(end_ - begin_, 5);
    begin_ += step;
    skipped_bytes_ += static_cast<int64_t>(step);
  }
}

}  // namespace loam
