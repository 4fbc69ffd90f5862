#include "loam/stages/collect/reader.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/archive.h"
#include "loam/formats/csv.h"
#include "loam/formats/dictd.h"
#include "loam/formats/duckdb.h"
#include "loam/formats/encoding.h"
#include "loam/formats/epub.h"
#include "loam/formats/gettext.h"
#include "loam/formats/gzip_members.h"
#include "loam/formats/json_values.h"
#include "loam/formats/lines.h"
#include "loam/formats/mbox.h"
#include "loam/formats/mediawiki.h"
#include "loam/formats/parquet.h"
#include "loam/formats/utf8.h"
#include "loam/formats/warc.h"
#include "loam/stages/collect/behind_damage.h"
#include "loam/stages/collect/columns.h"
#include "loam/stages/collect/head.h"
#include "loam/stages/collect/web_page.h"

namespace loam {
namespace {

constexpr int64_t kHeadBytes = 64 << 10;
constexpr int64_t kPdfTimes = 4;  // so many times longer than a document may be
constexpr int kMostDamages = 1000;  // of one file: then it ends at the next
constexpr int64_t kIndexBytes = int64_t{256} << 20;

/// Where to end a part of a long text: behind the last empty line, line or word of its second half.
size_t part_end(std::string_view text) {
  const size_t half = text.size() / 2;
  if (const size_t at = text.rfind("\n\n"); at != std::string_view::npos && at >= half) return at + 2;
  if (const size_t at = text.rfind('\n'); at != std::string_view::npos && at >= half) return at + 1;
  if (const size_t at = text.rfind(' '); at != std::string_view::npos && at >= half) return at + 1;
  return utf8_prefix(text, static_cast<int64_t>(text.size()) - 1).size();
}

}  // namespace

struct RecordReader::State {
  fs::path file;
  std::string name;
  bool named = false;
  ReaderConfig config;
  SpareWork* spare = nullptr;
  std::unique_ptr<MemberReader> members;
  int64_t number = 0;
  bool ended = false, after_damage = false, archive_tried = false, packed_done = false, book = false, is_parquet = false;

  // Of the member that is being read.
  bool open = false, finished = false, source_failed = false;
  std::string member, charset, pending, failure;
  FileKind kind = FileKind::text;
  ReadBytes source;
  int64_t part = 0, nuls = 0;  // nuls: before its text, not told yet
  std::unique_ptr<LineReader> lines;
  std::unique_ptr<JsonValues> values;
  std::unique_ptr<CsvReader> table;
  std::unique_ptr<MboxReader> mails;
  std::unique_ptr<DictReader> dictionary;
  std::unique_ptr<GettextCatalogue> catalogue;
  std::unique_ptr<GzipMembers> packed;  // of a web archive: read past damage
  std::unique_ptr<WarcReader> archive;
  std::unique_ptr<WikiDumpReader> wiki;
  std::unique_ptr<ParquetReader> parquet;
  int64_t damages_told = 0;
  int damages_passed = 0;     // of a packed file that is no archive
  bool behind_damage = false; // the next member is the rest of the last one
  std::string wiki_head;      // what a dump says before its first page
  size_t at = 0;  // into held_rows or the catalogue
  std::shared_ptr<const std::vector<std::string>> columns;
  std::vector<std::vector<std::string>> held_rows;  // looked at to find the text column
  int64_t text_field = -1;

  static bool refuse(RawRecord& record, std::string reason, Json value = nullptr, Json threshold = nullptr) {
    record.reason = std::move(reason);
    record.value = std::move(value);
    record.threshold = std::move(threshold);
    return true;
  }

  bool refuse_long(RawRecord& record, int64_t limit) {
    record.bytes = std::string(utf8_prefix(record.bytes, 1000));
    return refuse(record, "too_large", nullptr, limit);
  }

  bool next(RawRecord& record) {
    while (!ended) {
      record = RawRecord();
      bool have = false;
      if (open && finished) close();
      if (!members && !named && config.format.empty() && unsupported_name(name)) {  // not opened: office files are zips
        ended = true;
        kind = record.kind = FileKind::unsupported;
        record.number = ++number;
        return refuse(record, "unsupported", fs::path(name).extension().string());
      }
      try {
        if (!open) {
          if (!next_member()) break;
          have = open_member(record);
        } else {
          have = next_record(record);
        }
      } catch (const Error& e) {
        if (e.kind() != ErrorKind::input) throw;
        // Members behind a damaged one may be whole; a second complaint about the same file says nothing new.
        if (!open && after_damage) break;
        const bool damaged = !open || source_failed;
        const bool more = damaged && members && (!open || (wide_charset.empty() && goes_on_behind_damage(kind))) && damages_passed < kMostDamages && found_more();
        if (more) ++damages_passed;
        behind_damage = more && open;
        if (!open && !more) ended = true;
        refuse(record, damaged ? "damaged" : "malformed", e.what());
        after_damage = damaged && !more;
        finished = have = true;
      }
      if (have) {
        record.kind = kind;
        record.member = member;
        record.charset = charset;
        record.nuls = std::exchange(nuls, 0);
        record.number = ++number;
        return true;
      }
    }
    ended = true;
    return false;
  }

  bool found_more() {
    try {
      return members->behind_damage();
    } catch (const Error&) {  // the file itself cannot be read
      return false;
    }
  }

  bool next_member() {
    if (behind_damage) return true;
    member.clear();
    if (!members && !archive_tried && (opens_as_archive() || opens_as_book() || opens_as_parquet())) return true;
    if (packed_done) return false;
    if (!members) members = std::make_unique<MemberReader>(file, spare);
    if (!members->next()) return false;
    member = members->path();
    return true;
  }

  void close() {
    open = finished = source_failed = false;
    nuls = 0;
    lines.reset();
    values.reset();
    table.reset();
    mails.reset();
    dictionary.reset();
    catalogue.reset();
    archive.reset();
    wiki.reset();
    parquet.reset();
    packed.reset();
    columns.reset();
    held_rows.clear();
    pending.clear();
    source = nullptr;
    text_field = -1;
    part = 0;
    at = 0;
  }

  /// Sets up the reader of the member's kind; true if it cannot be read as anything and `record` says why.
  bool open_member(RawRecord& record) {
    open = true;
    finished = false;
    if (book) {
      kind = FileKind::epub;
      return false;
    }
    if (is_parquet) {
      kind = FileKind::parquet;
      if (!DuckDb::missing().empty()) {
        finished = true;
        return refuse(record, "unsupported", "parquet: " + DuckDb::missing());
      }
      source_failed = true;  // what is wrong from here on is damage
      parquet = std::make_unique<ParquetReader>(file);
      return false;
    }
    if (packed) {
      kind = FileKind::warc;
      archive = std::make_unique<WarcReader>([this](char* into, int64_t limit) { return packed->read(into, limit); }, config.max_document_bytes);
      return false;
    }
    source = [this, raw = members->bytes()](char* into, int64_t limit) {
      if (source_failed) throw Error(ErrorKind::input, failure);  // a second try would only say that there was a first
      try {
        return raw(into, limit);
      } catch (const Error& e) {
        source_failed = true;
        failure = e.what();
        throw;
      }
    };
    if (std::exchange(behind_damage, false)) {
      source = from_next_record(kind, std::move(source), wiki_head);
      return open_kind(record);
    }
    std::string head;
    bool whole = false;
    try {
      whole = !read_more(source, head, kHeadBytes);
      while (padded(head)) {
        const size_t zeros = std::min(head.find_first_not_of('\0'), head.size());
        nuls += static_cast<int64_t>(zeros);
        head.erase(0, zeros);
        whole = whole || !read_more(source, head, static_cast<int64_t>(zeros));
      }
    } catch (const Error&) {
      if (head.empty()) throw;  // else the reader of its kind meets the damage behind the head again
    }
    const std::string& title = member.empty() ? name : member;
    kind = config.format.empty() ? kind_of(title, head, named && !members->archive()) : kind_named(config.format);
    if (kind == FileKind::binary || kind == FileKind::unsupported) {
      finished = true;
      const size_t dot = title.rfind('.');
      if (kind == FileKind::unsupported) return refuse(record, "unsupported", dot == std::string::npos ? "" : title.substr(dot));
      return refuse(record, "binary", control_share(head), kBinaryShare);
    }
    if (kind == FileKind::parquet) {
      finished = true;
      return refuse(record, "unsupported", "parquet: a file that does not begin as one, or that is packed or in an archive; unpack it first");
    }
    find_charset(head, whole);
    if (kind == FileKind::wiki) wiki_head = head.substr(0, head.find("<page>"));
    source = with_head(std::move(head), source);
    if (!wide_charset.empty()) source = to_utf8_stream(std::move(source), wide_charset);
    return open_kind(record);
  }

  bool open_kind(RawRecord& record) {
    const int64_t limit = config.max_document_bytes;
    switch (kind) {
      case FileKind::json_lines: lines = std::make_unique<LineReader>(source, 2 * limit); break;
      case FileKind::json: values = std::make_unique<JsonValues>(source, 2 * limit); break;
      case FileKind::mbox: mails = std::make_unique<MboxReader>(source, limit); break;
      case FileKind::dict: dictionary = std::make_unique<DictReader>(source, dict_index(), limit); break;
      case FileKind::warc: archive = std::make_unique<WarcReader>(source, limit); break;
      case FileKind::wiki: wiki = std::make_unique<WikiDumpReader>(source, limit); break;
      case FileKind::csv: return open_table(record);
      case FileKind::mo: case FileKind::po: return open_catalogue(record);
      default: break;
    }
    return false;
  }

  /// Text kinds are brought to UTF-8 where they are wide; for others a guess goes along. Pages and mails say it themselves.
  void find_charset(std::string& head, bool whole) {
    charset.clear();
    wide_charset.clear();
    if (kind == FileKind::mo || kind == FileKind::po || kind == FileKind::mail || kind == FileKind::mbox || kind == FileKind::html || kind == FileKind::warc || kind == FileKind::wiki || kind == FileKind::pdf) return;
    const std::string mark = charset_of_mark(head);
    if (mark == "utf-8") {
      head.erase(0, 3);
    } else if (!mark.empty()) {
      wide_charset = mark;
      return;
    }
    if (valid_utf8(whole ? std::string_view(head) : utf8_prefix(head, static_cast<int64_t>(head.size()) - 1)) && head.find('\0') == std::string::npos) return;
    charset = decode_text(std::string_view(head).substr(0, whole ? head.size() : head.size() & ~size_t{1})).charset;
    if (charset.starts_with("utf-16")) wide_charset = charset;
    if (charset.starts_with("utf-")) charset.clear();
  }

  std::vector<DictPlace> dict_index() const {
    std::string stem = without_packing(file.filename().string());
    if (!member.empty() || !stem.ends_with(".dict")) return {};
    stem.resize(stem.size() - 5);
    const fs::path beside = file.parent_path() / (stem + ".index");
    std::error_code ignored;
    return fs::is_regular_file(beside, ignored) ? read_dict_index(read_file(beside, kIndexBytes)) : std::vector<DictPlace>();
  }

  bool open_table(RawRecord& record) {
    CsvOptions options;
    options.header = CsvHeader::none;  // decided here
    options.field_limit_bytes = config.max_document_bytes;
    table = std::make_unique<CsvReader>(source, member.empty() ? name : member, options);
    std::vector<std::string> fields;
    while (held_rows.size() < 20 && table->next(fields)) held_rows.push_back(fields);
    if (held_rows.empty()) return false;
    const TableShape shape = shape_of(held_rows, config.text_column);
    if (shape.text < 0) {
      finished = true;
      std::string all;
      for (const auto& column : held_rows.front()) all += (all.empty() ? "" : ", ") + column.substr(0, 60);
      return refuse(record, "no_text", "columns: " + all, config.text_column);
    }
    text_field = shape.text;
    auto names = std::make_shared<std::vector<std::string>>();
    for (size_t c = 0; c < held_rows.front().size(); ++c) names->push_back(shape.header ? decode_text(held_rows.front()[c], charset).text : std::to_string(c + 1));
    columns = std::move(names);
    at = shape.header ? 1 : 0;
    return false;
  }

  bool open_catalogue(RawRecord& record) {
    std::string whole;
    const int64_t limit = config.max_document_bytes;
    if (read_more(source, whole, limit + 1)) {
      finished = true;
      return refuse(record, "too_large", nullptr, limit);
    }
    catalogue = std::make_unique<GettextCatalogue>(kind == FileKind::mo ? read_mo(whole) : read_po(with_unix_lines(std::move(whole))));
    return false;
  }

  /// False, and `finished`, at the member's end.
  bool next_record(RawRecord& record) {
    const int64_t limit = config.max_document_bytes;
    bool have = false;
    switch (kind) {
      case FileKind::json_lines: {
        std::string_view line;
        do {
          have = lines->next(line);
        } while (have && line.find_first_not_of(" \t\r\n") == std::string_view::npos);
        if (!have) break;
        record.bytes = line;
        while (!record.bytes.empty() && (record.bytes.back() == '\n' || record.bytes.back() == '\r')) record.bytes.pop_back();
        if (lines->cut()) refuse_long(record, 2 * limit);
        break;
      }
      case FileKind::json:
        have = values->next(record.bytes);
        if (have && values->cut()) refuse_long(record, 2 * limit);
        break;
      case FileKind::mbox:
        have = mails->next(record.bytes);
        if (have && mails->cut()) refuse_long(record, limit);
        break;
      case FileKind::csv:
        if (at < held_rows.size()) {
          record.fields = std::move(held_rows[at++]);
          have = true;
        } else {
          have = !held_rows.empty() && table->next(record.fields);
        }
        record.columns = columns;
        record.text_field = text_field;
        break;
      case FileKind::dict: {
        DictEntry entry;
        have = dictionary->next(entry);
        record.title = std::move(entry.headword);
        record.bytes = std::move(entry.text);
        break;
      }
      case FileKind::mo: case FileKind::po:
        have = at < catalogue->pairs.size();
        if (have) {
          GettextPair& pair = catalogue->pairs[at++];
          record.fields = {std::move(pair.source), std::move(pair.target), std::move(pair.context), catalogue->language};
        }
        break;
      case FileKind::warc: have = next_page(record); break;
      case FileKind::wiki: have = next_article(record); break;
      case FileKind::epub: return read_book(record);
      case FileKind::parquet:
        have = parquet->next(record.bytes);
        if (have && static_cast<int64_t>(record.bytes.size()) > 2 * limit) refuse_long(record, 2 * limit);
        break;
      case FileKind::pdf:  // a page's pictures are most of it
        have = true;
        finished = true;
        if (read_more(source, record.bytes, kPdfTimes * limit + 1)) refuse_long(record, kPdfTimes * limit);
        break;
      case FileKind::text: case FileKind::gutenberg: case FileKind::markdown: case FileKind::rst: have = next_part(record); break;
      default:
        have = true;
        finished = true;
        if (read_more(source, record.bytes, limit + 1)) refuse_long(record, limit);
    }
    if (!have) finished = true;
    return have;
  }

  /// A gzip file of web records is not read through the general unpacker: that one ends at the first damage.
  bool opens_as_archive() {
    archive_tried = true;
    if (!config.format.empty() && kind_named(config.format) != FileKind::warc) return false;
    std::string head;
    read_more(open_stored(file), head, 4);
    if (!head.starts_with("\x1f\x8b")) return false;
    GzipMembers look(file);
    head.clear();
    read_more([&look](char* into, int64_t limit) { return look.read(into, limit); }, head, 1024);
    if (!begins_as_warc(head)) return false;
    packed = std::make_unique<GzipMembers>(file, spare);
    packed_done = true;
    return true;
  }

  /// An EPUB is a zip whose members are one document.
  bool opens_as_book() {
    const bool asked = !config.format.empty() && kind_named(config.format) == FileKind::epub;
    if (!config.format.empty() && !asked) return false;
    std::string head;
    read_more(open_stored(file), head, 256);
    book = asked || begins_as_epub(head);
    packed_done = packed_done || book;
    return book;
  }

  /// A Parquet file's directory stands at its end, and its rows where that says: it is no stream.
  bool opens_as_parquet() {
    if (!config.format.empty() && kind_named(config.format) != FileKind::parquet) return false;
    std::string head;
    read_more(open_stored(file), head, 4);
    is_parquet = begins_as_parquet(head);
    packed_done = packed_done || is_parquet;
    return is_parquet;
  }

  /// Its fields: title, authors, language, date, identifier, rights, and then a chapter each.
  bool read_book(RawRecord& record) {
    finished = true;
    EpubBook made = read_epub(file, 4 * config.max_document_bytes);
    std::string authors;
    for (const std::string& author : made.authors) authors += (authors.empty() ? "" : "; ") + author;
    record.title = made.title;
    record.fields = {made.title, authors, made.language, made.date, made.identifier, made.rights};
    record.fields.insert(record.fields.end(), std::make_move_iterator(made.chapters.begin()), std::make_move_iterator(made.chapters.end()));
    return true;
  }

  /// The next page of a wiki's dump; talk, templates, files and redirects come with a reason.
  bool next_article(RawRecord& record) {
    WikiPage page;
    if (!wiki->next(page)) return false;
    record.title = page.title;
    record.url = wiki->address(page.title);
    record.date = page.time;
    record.language = wiki->language();
    record.columns = wiki->unlinked();
    if (page.space != 0) return refuse(record, "namespace", page.space, 0);
    if (page.redirects) return refuse(record, "redirect");
    record.bytes = std::move(page.text);
    if (page.cut) return refuse_long(record, config.max_document_bytes);
    return true;
  }

  /// The next record of a web archive that holds, or should hold, a page.
  bool next_page(RawRecord& record) {
    WarcRecord page;
    charset.clear();
    if (held_page) {
      page = std::move(*held_page);
      held_page.reset();
      if (page.wanted) return take_page(record, page);
    }
    for (;;) {
      const bool more = archive->next(page);
      if (packed && packed->damaged() > damages_told) {
        damages_told = packed->damaged();
        if (more) held_page = std::move(page);
        return refuse(record, "damaged", packed->damage());
      }
      if (!more) return false;
      if (page.wanted) return take_page(record, page);
    }
  }

  bool take_page(RawRecord& record, WarcRecord& page) {
    if (take_web_page(record, page, charset) && page.cut) return refuse_long(record, config.max_document_bytes);
    return true;
  }

  std::optional<WarcRecord> held_page;  // read, but what was wrong before it is told first

  /// Plain text is one document, or several if it is longer than one may be.
  bool next_part(RawRecord& record) {
    const auto limit = static_cast<size_t>(config.max_document_bytes);
    record.bytes = std::move(pending);
    pending.clear();
    // What an Error leaves behind is a text cut off in its middle: next() turns it into a ledger row, text and all.
    const bool more = read_more(source, record.bytes, static_cast<int64_t>(limit + 1 - record.bytes.size()));
    if (!more) {
      finished = true;
      if (part > 0) record.part = ++part;
      return true;
    }
    const size_t end = part_end(record.bytes);
    pending = record.bytes.substr(end);
    record.bytes.resize(end);
    record.part = ++part;
    return true;
  }

  std::string wide_charset;  // not "": the source is transcoded from it
};

RecordReader::RecordReader(const fs::path& file, std::string name, bool named, const ReaderConfig& config, SpareWork* spare) : state_(std::make_unique<State>()) {
  state_->file = file;
  state_->name = std::move(name);
  state_->named = named;
  state_->config = config;
  state_->spare = spare;
}

RecordReader::~RecordReader() = default;
RecordReader::RecordReader(RecordReader&&) noexcept = default;

bool RecordReader::next(RawRecord& record) { return state_->next(record); }

}  // namespace loam
