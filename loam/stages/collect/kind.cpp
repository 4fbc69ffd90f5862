#include "loam/stages/collect/kind.h"

#include <algorithm>
#include <iterator>

#include "loam/base/characters.h"
#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/formats/archive.h"
#include "loam/formats/encoding.h"
#include "loam/formats/epub.h"
#include "loam/formats/gutenberg.h"
#include "loam/formats/mail.h"
#include "loam/formats/info.h"
#include "loam/formats/man.h"
#include "loam/formats/mbox.h"
#include "loam/formats/mediawiki.h"
#include "loam/formats/parquet.h"
#include "loam/formats/pdf.h"
#include "loam/formats/warc.h"

namespace loam {
namespace {

using namespace std::string_view_literals;

constexpr std::pair<const char*, FileKind> kLabels[] = {
    {"text", FileKind::text}, {"markdown", FileKind::markdown}, {"rst", FileKind::rst}, {"pod", FileKind::pod}, {"man", FileKind::man}, {"info", FileKind::info}, {"html", FileKind::html}, {"json", FileKind::json},
    {"jsonl", FileKind::json_lines}, {"csv", FileKind::csv}, {"mail", FileKind::mail}, {"mbox", FileKind::mbox}, {"mo", FileKind::mo}, {"po", FileKind::po},
    {"dict", FileKind::dict}, {"warc", FileKind::warc}, {"gutenberg", FileKind::gutenberg}, {"epub", FileKind::epub}, {"wiki", FileKind::wiki}, {"pdf", FileKind::pdf}, {"parquet", FileKind::parquet}, {"binary", FileKind::binary}, {"unsupported", FileKind::unsupported}};

constexpr std::pair<std::string_view, FileKind> kEndings[] = {
    {"txt", FileKind::text}, {"text", FileKind::text}, {"md", FileKind::markdown}, {"markdown", FileKind::markdown}, {"rst", FileKind::rst}, {"rest", FileKind::rst},
    {"pod", FileKind::pod}, {"html", FileKind::html}, {"htm", FileKind::html}, {"xhtml", FileKind::html}, {"shtml", FileKind::html}, {"json", FileKind::json},
    {"jsonl", FileKind::json_lines}, {"ndjson", FileKind::json_lines}, {"jsonlines", FileKind::json_lines}, {"csv", FileKind::csv}, {"tsv", FileKind::csv}, {"tab", FileKind::csv},
    {"eml", FileKind::mail}, {"mbox", FileKind::mbox}, {"mbx", FileKind::mbox}, {"mo", FileKind::mo}, {"gmo", FileKind::mo}, {"po", FileKind::po},
    {"pot", FileKind::po}, {"dict", FileKind::dict}, {"warc", FileKind::warc}, {"wet", FileKind::warc}, {"arc", FileKind::warc}, {"epub", FileKind::epub}, {"pdf", FileKind::pdf}, {"parquet", FileKind::parquet}, {"pq", FileKind::parquet}};

constexpr std::string_view kUnsupported[] = {
    "css", "js", "mjs", "map", "svg", "png", "jpg", "jpeg", "gif", "webp", "ico", "bmp", "tif", "tiff", "psd", "woff", "woff2", "ttf", "otf", "eot", "mp3", "mp4", "ogg",
    "ogv", "oga", "webm", "avi", "mov", "wav", "flac", "m4a", "ps", "eps", "djvu", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "msg", "so", "o",
    "a", "exe", "dll", "class", "jar", "pyc", "wasm", "bin", "dat", "db", "sqlite", "inv", "arrow", "npy", "npz", "pt", "safetensors", "gguf", "wat",
    "iso", "img", "deb", "rpm", "7z", "rar", "rss", "atom", "xsl", "dtd"};

bool known_binary(std::string_view head) {
  for (const std::string_view mark : {"\x89PNG"sv, "\xff\xd8\xff"sv, "GIF8"sv, "\x7f" "ELF"sv, "RIFF"sv, "OggS"sv, "ID3"sv, "7z\xbc\xaf"sv, "Rar!"sv, "SQLite format 3"sv,
                                      "GGUF"sv, "\xca\xfe\xba\xbe"sv, "MZ\x90\0"sv, "wOFF"sv, "wOF2"sv, "\xd0\xcf\x11\xe0"sv, "PK\x03\x04"sv}) {
    if (head.starts_with(mark)) return true;
  }
  return false;
}

}  // namespace

bool begins_as_html(std::string_view head) {
  std::string start = ascii_lower(head.substr(0, 1024));
  if (start.starts_with("\xEF\xBB\xBF")) start.erase(0, 3);
  for (;;) {
    const size_t at = start.find_first_not_of(" \t\r\n");
    if (at == std::string::npos) return false;
    start.erase(0, at);
    const size_t end = start.starts_with("<!--") ? start.find("-->") : start.starts_with("<?xml") ? start.find("?>") : std::string::npos;
    if (end == std::string::npos) break;
    start.erase(0, start.find('>', end) + 1);
  }
  return start.starts_with("<!doctype html") || start.starts_with("<html") || start.starts_with("<head>") || start.starts_with("<body");
}

const char* kind_label(FileKind kind) {
  for (const auto& [label, known] : kLabels) {
    if (known == kind) return label;
  }
  return "?";
}

FileKind kind_named(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [label, kind] : kLabels) {
    if (kind == FileKind::binary || kind == FileKind::unsupported) continue;
    if (name == label) return kind;
    names.emplace_back(label);
  }
  std::string all;
  for (const auto& each : names) all += (all.empty() ? "" : ", ") + each;
  const std::string near = nearest_name(name, names);
  fail(ErrorKind::usage, "there is no format \"", name, "\"", near.empty() ? "" : "; did you mean \"" + near + "\"?", " Known: ", all);
}

namespace {

/// The ending of a name, in lower case and without those of packing.
std::string ending_of(std::string_view name) {
  if (const size_t slash = name.rfind('/'); slash != std::string_view::npos) name.remove_prefix(slash + 1);
  const std::string bare = without_packing(ascii_lower(name));
  if (bare == "mimetype") return bare;  // the mark in EPUB and office files
  const size_t dot = bare.rfind('.');
  return dot == std::string::npos ? "" : bare.substr(dot + 1);
}

}  // namespace

bool unsupported_name(std::string_view name) {
  const std::string ending = ending_of(name);
  return ending == "mimetype" || std::find(std::begin(kUnsupported), std::end(kUnsupported), ending) != std::end(kUnsupported);
}

FileKind kind_of(std::string_view name, std::string_view head, bool named) {
  const std::string ending = ending_of(name);
  const auto* known = std::find_if(std::begin(kEndings), std::end(kEndings), [&](const auto& each) { return each.first == ending; });
  const bool by_name = known != std::end(kEndings);
  if (begins_as_wiki(head)) return FileKind::wiki;
  if (!named && (unsupported_name(name) || ending == "xml")) return FileKind::unsupported;
  if (head.starts_with("\xde\x12\x04\x95"sv) || head.starts_with("\x95\x04\x12\xde"sv)) return FileKind::mo;
  if (by_name && known->second == FileKind::mo) return FileKind::mo;
  if (begins_as_warc(head)) return FileKind::warc;
  if (begins_as_pdf(head)) return FileKind::pdf;
  if (begins_as_parquet(head)) return FileKind::parquet;
  if (known_binary(head)) return FileKind::binary;
  // Text in UTF-16 is half zeros: it is judged by what it decodes to.
  const std::string mark = charset_of_mark(head);
  std::string decoded;
  if (!mark.empty() && mark != "utf-8") {
    decoded = decode_text(head.substr(0, head.size() & ~size_t{3})).text;
    head = decoded;
  } else if (control_share(head) > kBinaryShare) {
    const Decoded wide = decode_text(head.substr(0, head.size() & ~size_t{1}));
    if (!wide.charset.starts_with("utf-16") || control_share(wide.text) > kBinaryShare) return FileKind::binary;
    decoded = wide.text;
    head = decoded;
  }
  if (by_name && known->second == FileKind::mail) {
    return mbox_from_line(head.substr(0, head.find('\n'))) ? FileKind::mbox : FileKind::mail;
  }
  if (by_name && known->second != FileKind::text && known->second != FileKind::warc) return known->second;
  if (begins_as_html(head)) return FileKind::html;
  if (looks_like_info(head)) return FileKind::info;
  if (looks_like_man(head)) return FileKind::man;
  if (looks_like_mail(head)) return mbox_from_line(head.substr(0, head.find('\n'))) ? FileKind::mbox : FileKind::mail;
  if (!by_name && head.starts_with("{\"")) return FileKind::json_lines;
  return begins_as_gutenberg(head) ? FileKind::gutenberg : FileKind::text;
}

}  // namespace loam
