#include "loam/stages/collect/extract.h"

#include <simdjson.h>

#include <algorithm>

#include "loam/base/error.h"
#include "loam/formats/dates.h"
#include "loam/formats/encoding.h"
#include "loam/formats/epub.h"
#include "loam/formats/gutenberg.h"
#include "loam/formats/html.h"
#include "loam/formats/http.h"
#include "loam/formats/mail.h"
#include "loam/formats/info.h"
#include "loam/formats/man.h"
#include "loam/formats/pdf.h"
#include "loam/formats/pod.h"
#include "loam/formats/utf8.h"
#include "loam/formats/wikitext.h"
#include "loam/stages/collect/columns.h"
#include "loam/stages/collect/main_text.h"

namespace loam {
namespace {

constexpr size_t kMemberBytes = 16 << 10;  // a row's other members go along into the metadata up to this size each
constexpr int64_t kBodyBytes = int64_t{64} << 20;  // of an unpacked page
constexpr size_t kLedgerBytes = 64 << 10;  // of what could not be understood

void set(Json& metadata, const char* key, const std::string& value) {
  if (!value.empty()) metadata[key] = value;
}

/// Bytes as text: UTF-8, "\n" line ends.
std::string plain(std::string_view bytes, const std::string& charset, Json& metadata) {
  Decoded decoded = decode_text(bytes, charset);
  if (decoded.charset != "utf-8") metadata["charset"] = decoded.charset;
  if (decoded.repairs > 0) metadata["repairs"] = decoded.repairs;
  return with_unix_lines(std::move(decoded.text));
}

void refuse(Extracted& out, std::string reason, Json value = nullptr, Json threshold = nullptr) {
  out.reason = std::move(reason);
  out.value = std::move(value);
  out.threshold = std::move(threshold);
}

/// A member or column that says when a row's text was written.
bool is_date_name(std::string_view name) { return name == "created" || name == "date" || name == "timestamp" || name == "published"; }

int64_t letters(std::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

/// The first heading: "# Title", or a line over a row of "=", in reStructuredText over a row of any sign as long as it.
std::string heading_of(std::string_view text, bool restructured) {
  text = text.substr(0, 4096);
  std::string_view before;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(text.size(), end + 1));
    if (!restructured && line.starts_with("# ")) return std::string(line.substr(2));
    const bool row = line.size() >= 3 && line.find_first_not_of(line[0]) == std::string_view::npos && std::string_view("=-`:'\"~^_*+#<>").find(line[0]) != std::string_view::npos;
    const size_t first = std::min(before.find_first_not_of(" \t"), before.size());  // titles between two rows may stand in the middle
    if (row && first < before.size() && (restructured ? static_cast<int64_t>(line.size()) >= letters(before.substr(first)) : line[0] == '=')) return std::string(before.substr(first));
    before = row ? std::string_view() : line;
  }
  return "";
}

void from_page(Extracted& out, const RawRecord& record, const ExtractConfig& config) {
  const std::string charset = known_charset(record.charset) ? record.charset : html_charset(record.bytes);
  const std::string html = plain(record.bytes, charset, out.document.metadata);
  const HtmlTree page = HtmlTree::parse(html);
  const HtmlFacts facts = html_facts(page);
  out.document.text = config.whole_page ? html_text(page, std::max(0, page.find(Tag::body))) : main_text(page, config.main_text);
  if (begins_as_gutenberg(out.document.text)) {  // the licence stands on the pages of its books too
    out.document.text = read_gutenberg(std::move(out.document.text)).text;
    while (out.document.text.ends_with('\n')) out.document.text.pop_back();
  }
  out.document.url = facts.url;
  out.document.created = facts.date;
  out.title = facts.title;
  out.language = facts.language;
}

/// A page or text out of a web archive. What the archive says of it wins over what the page says of itself.
void from_archive(Extracted& out, const RawRecord& record, const ExtractConfig& config) {
  Json& metadata = out.document.metadata;
  HttpAnswer answer;
  answer.transfer = record.transfer;
  answer.coding = record.coding;
  RawRecord page;
  bool whole = true;
  page.bytes = http_body(record.bytes, answer, kBodyBytes, &whole);
  if (record.inside == FileKind::html) {
    page.charset = record.charset;
    from_page(out, page, config);
  } else {
    out.document.text = plain(page.bytes, record.charset, metadata);
  }
  if (!out.document.url.empty() && out.document.url != record.url) metadata["canonical"] = out.document.url;
  out.document.url = record.url;
  set(metadata, "crawled", record.date);
  if (!record.language.empty()) metadata["languages"] = record.language;
  if (record.torn || !whole) metadata["torn"] = true;
}

/// A book without the licence around it. A part behind the first has no header, one before the last no footer.
void from_gutenberg(Extracted& out, const RawRecord& record) {
  Json& metadata = out.document.metadata;
  GutenbergBook book = read_gutenberg(plain(record.bytes, record.charset, metadata));
  out.document.text = std::move(book.text);
  out.title = book.title;
  set(metadata, "author", book.author);
  set(metadata, "book_language", book.language);
  set(metadata, "released", book.released);
  if (!book.number.empty()) {
    metadata["number"] = book.number;
    out.document.url = "https://www.gutenberg.org/ebooks/" + book.number;
  }
}

void from_book(Extracted& out, const RawRecord& record) {
  constexpr size_t kFacts = 6;
  Json& metadata = out.document.metadata;
  set(metadata, "author", record.fields[1]);
  out.language = record.fields[2];
  out.document.created = iso_date(record.fields[3]);
  set(metadata, "identifier", record.fields[4].substr(0, 1000));
  set(metadata, "rights", record.fields[5].substr(0, 4000));
  if (record.fields[4].starts_with("http")) out.document.url = record.fields[4];
  for (size_t i = kFacts; i < record.fields.size(); ++i) {
    const std::string& chapter = record.fields[i];
    if (epub_matter(chapter)) continue;
    Decoded decoded = decode_text(chapter, html_charset(chapter));
    const HtmlTree page = HtmlTree::parse(decoded.text);
    const std::string text = html_text(page, std::max(0, page.find(Tag::body)));
    if (text.empty()) continue;
    if (!out.document.text.empty()) out.document.text += "\n\n";
    out.document.text += text;
  }
}

void from_wiki(Extracted& out, const RawRecord& record) {
  out.document.text = wikitext_text(record.bytes, {record.title, record.columns ? *record.columns : std::vector<std::string>()});
  out.document.created = iso_date(record.date);
  out.language = record.language;
}

void from_mail(Extracted& out, const RawRecord& record, const ExtractConfig& config) {
  std::string_view bytes = record.bytes;
  if (bytes.starts_with("From ")) bytes.remove_prefix(std::min(bytes.size(), bytes.find('\n') + 1));
  Mail mail = read_mail(bytes);
  Json& m = out.document.metadata;
  set(m, "subject", mail.subject);
  set(m, "from", mail.from);
  set(m, "to", mail.to);
  set(m, "cc", mail.cc);
  set(m, "reply_to", mail.reply_to);
  set(m, "date", mail.date);
  set(m, "message_id", mail.message_id);
  set(m, "list", mail.list);
  set(m, "content_type", mail.content_type);
  if (!mail.attachments.empty()) m["attachments"] = mail.attachments;
  out.document.created = mail.date;
  out.title = mail.subject;
  out.document.text = config.mail_subject && !mail.subject.empty() ? mail.subject + "\n\n" + mail.text : std::move(mail.text);
}

/// Half a surrogate pair, as careless programs write it: "\ud83d". Only strings can hold a backslash.
std::string without_lone_surrogates(const std::string& json) {
  auto surrogate = [&](size_t at) -> int {  // of a \uXXXX at `at`: 1 high, 2 low, 0 none
    if (at + 6 > json.size() || json[at] != '\\' || json[at + 1] != 'u' || (json[at + 2] | 0x20) != 'd') return 0;
    const char c = static_cast<char>(json[at + 3] | 0x20);
    return c == '8' || c == '9' || c == 'a' || c == 'b' ? 1 : c >= 'c' && c <= 'f' ? 2 : 0;
  };
  std::string out;
  for (size_t i = 0; i < json.size();) {
    if (json[i] != '\\') {
      out += json[i++];
      continue;
    }
    const int kind = surrogate(i);
    if (kind == 1 && surrogate(i + 6) == 2) {
      out += json.substr(i, 12);
      i += 12;
    } else if (kind != 0) {
      out += "\\ufffd";
      i += 6;
    } else {
      out += json.substr(i, 2);
      i += 2;
    }
  }
  return out;
}

void from_json(Extracted& out, const RawRecord& record, const ExtractConfig& config) {
  thread_local simdjson::dom::parser parser;
  Json& metadata = out.document.metadata;
  std::string text = valid_utf8(record.bytes) ? record.bytes : decode_text(record.bytes, record.charset).text;
  text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
  simdjson::dom::element row;
  auto error = parser.parse(text.data(), text.size(), false).get(row);
  if (error == simdjson::STRING_ERROR) {
    text = without_lone_surrogates(text);
    text.reserve(text.size() + simdjson::SIMDJSON_PADDING);
    error = parser.parse(text.data(), text.size(), false).get(row);
  }
  simdjson::dom::object members;
  std::string_view only;
  if (error == simdjson::SUCCESS && row.get(only) == simdjson::SUCCESS) {  // a list of texts
    out.document.text = with_unix_lines(std::string(only));
    return;
  }
  if (error != simdjson::SUCCESS || row.get(members) != simdjson::SUCCESS) {
    refuse(out, "malformed", error != simdjson::SUCCESS ? std::string(simdjson::error_message(error)) : "a JSON value that is neither object nor text");
    out.document.text = utf8_prefix(text, kLedgerBytes);
    return;
  }
  std::vector<std::string> names;
  std::vector<std::string> texts;  // of the members that are strings, else ""
  std::vector<bool> strings;
  for (const auto& [key, value] : members) {
    names.emplace_back(key);
    strings.push_back(value.is_string());
  }
  int64_t chosen = -1;
  if (!config.text_column.empty()) {
    chosen = column_named(names, config.text_column);
  } else {
    std::vector<std::string> candidates = names;  // a "content" that is a list is no text
    for (size_t i = 0; i < names.size(); ++i) {
      if (!strings[i]) candidates[i].clear();
    }
    chosen = recognised_text(candidates);
  }
  if (chosen < 0 || !strings[static_cast<size_t>(chosen)]) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ", ") + name.substr(0, 60);
    refuse(out, "no_text", "members: " + all, config.text_column.empty() ? Json() : Json(config.text_column));
    out.document.text = utf8_prefix(text, kLedgerBytes);
    return;
  }
  int64_t i = 0;
  Json left_out = Json::array();
  auto keep = [&](std::string_view key, simdjson::dom::element value) {
    if (key.empty() || value.is_null()) return;
    std::string name(key);
    if (name == "file" || name == "member" || name == "record" || name == "format") name = "row_" + name;
    const std::string json = simdjson::minify(value);
    if (json.size() > kMemberBytes) {
      left_out.push_back(name);
    } else if (!metadata.contains(name)) {
      metadata[name] = Json::parse(json, nullptr, /*allow_exceptions=*/false);
    }
  };
  for (const auto& [key, value] : members) {
    if (i++ == chosen) {
      out.document.text = with_unix_lines(std::string(value.get_string().value()));
      continue;
    }
    std::string_view string;
    const bool is_string = value.get(string) == simdjson::SUCCESS;
    if (key == "url" && is_string) {
      out.document.url = string;
    } else if (is_date_name(key) && is_string && out.document.created.empty() && !iso_date(string).empty()) {
      out.document.created = iso_date(string);
    } else if (key == "added") {
      continue;  // when another program wrote its row
    } else if (key == "title" && is_string) {
      out.title = string;
    } else if ((key == "lang" || key == "language") && is_string) {
      out.language = string;
    } else if (simdjson::dom::object nested; (key == "metadata" || key == "meta") && value.get(nested) == simdjson::SUCCESS) {
      for (const auto& [name, inner] : nested) {
        std::string_view inner_text;
        if (name == "url" && out.document.url.empty() && inner.get(inner_text) == simdjson::SUCCESS) out.document.url = inner_text;
        keep(name, inner);
      }
    } else {
      keep(key, value);
    }
  }
  if (!left_out.empty()) metadata["left_out"] = left_out;
}

void from_table(Extracted& out, const RawRecord& record) {
  const auto text = static_cast<size_t>(record.text_field);
  if (text >= record.fields.size()) {
    refuse(out, "malformed", "a row of " + std::to_string(record.fields.size()) + " fields", record.columns->size());
    for (const auto& field : record.fields) out.document.text += (out.document.text.empty() ? "" : "\t") + decode_text(field, record.charset).text;
    return;
  }
  Json& metadata = out.document.metadata;
  out.document.text = plain(record.fields[text], record.charset, metadata);
  for (size_t i = 0; i < record.fields.size(); ++i) {
    if (i == text || record.fields[i].empty() || record.fields[i].size() > kMemberBytes) continue;
    std::string name = i < record.columns->size() ? (*record.columns)[i] : std::to_string(i + 1);
    std::string value = decode_text(record.fields[i], record.charset).text;
    if (name == "url") {
      out.document.url = value;
    } else if (name == "title") {
      out.title = value;
    } else if (name == "lang" || name == "language") {
      out.language = value;
    } else if (is_date_name(name) && out.document.created.empty() && !iso_date(value).empty()) {
      out.document.created = iso_date(value);
    } else {
      if (name == "file" || name == "member" || name == "record" || name == "format") name = "row_" + name;
      metadata[name] = std::move(value);
    }
  }
}

void from_pdf(Extracted& out, const RawRecord& record) {
  if (pdf_program().empty()) return refuse(out, "unsupported", "pdf: pdftotext is not installed (package poppler-utils)");
  try {
    out.document.text = pdf_text(record.bytes);
  } catch (const Error& e) {
    if (e.kind() != ErrorKind::input) throw;
    refuse(out, "damaged", e.what());
  }
}

}  // namespace

Extracted extract_record(const RawRecord& record, const ExtractConfig& config) {
  Extracted out;
  Json& metadata = out.document.metadata;
  out.title = record.title;
  out.document.url = record.url;
  if (!record.reason.empty()) {
    refuse(out, record.reason, record.value, record.threshold);
    if (record.reason != "binary" && record.reason != "unsupported" && record.kind != FileKind::warc && record.kind != FileKind::pdf) out.document.text = decode_text(std::string_view(record.bytes).substr(0, kLedgerBytes), record.charset).text;
    return out;
  }
  bool is_text = true;  // bytes that should read as text
  switch (record.kind) {
    case FileKind::html: from_page(out, record, config); break;
    case FileKind::warc: from_archive(out, record, config); break;
    case FileKind::mail: case FileKind::mbox: from_mail(out, record, config); break;
    case FileKind::json: case FileKind::json_lines: case FileKind::parquet:
      from_json(out, record, config);
      is_text = false;  // a row's text may hold any character
      break;
    case FileKind::csv: from_table(out, record); break;
    case FileKind::mo: case FileKind::po:
      out.document.text = record.fields[0] + (record.fields[1].empty() ? "" : "\n" + record.fields[1]);
      metadata["source"] = record.fields[0];
      metadata["target"] = record.fields[1];
      set(metadata, "context", record.fields[2]);
      out.language = record.fields[3];
      break;
    case FileKind::gutenberg: from_gutenberg(out, record); break;
    case FileKind::epub: from_book(out, record); break;
    case FileKind::wiki: from_wiki(out, record); break;
    case FileKind::pdf: from_pdf(out, record); break;
    case FileKind::pod: out.document.text = pod_text(plain(record.bytes, record.charset, metadata)); break;
    case FileKind::info: out.document.text = info_text(plain(record.bytes, record.charset, metadata)); break;
    case FileKind::man: out.document.text = man_text(plain(record.bytes, record.charset, metadata)); break;
    case FileKind::markdown: case FileKind::rst:
      out.document.text = plain(record.bytes, record.charset, metadata);
      out.title = heading_of(out.document.text, record.kind == FileKind::rst);
      break;
    default: out.document.text = plain(record.bytes, record.charset, metadata);
  }
  set(metadata, "title", out.title);
  set(metadata, "lang", out.language);
  if (record.part > 0) metadata["part"] = record.part;
  if (!out.reason.empty()) return out;
  if (is_text) {
    const double controls = control_share(out.document.text);
    if (controls > kBinaryShare) {
      refuse(out, "binary", controls, kBinaryShare);
      out.document.text.clear();
      return out;
    }
  }
  const int64_t nuls = record.nuls + static_cast<int64_t>(std::erase(out.document.text, '\0'));  // no letter, and the end of the text to many programs
  if (nuls > 0) metadata["nuls"] = nuls;
  if (out.document.text.empty()) refuse(out, "empty", 0, 1);
  return out;
}

}  // namespace loam
