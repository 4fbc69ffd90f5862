#include "loam/stages/collect/web_page.h"

#include <string_view>
#include <utility>

#include "loam/formats/http.h"
#include "loam/stages/collect/kind.h"

namespace loam {
namespace {

bool refuse(RawRecord& record, std::string reason, Json value = nullptr, Json threshold = nullptr) {
  record.reason = std::move(reason);
  record.value = std::move(value);
  record.threshold = std::move(threshold);
  return false;
}

}  // namespace

bool take_web_page(RawRecord& record, WarcRecord& page, std::string& charset) {
  record.url = std::move(page.uri);
  record.date = std::move(page.date);
  record.language = std::move(page.language);
  record.torn = page.damaged;
  if (page.type == "revisit") return refuse(record, "revisit");
  std::string media = page.media;
  std::string_view body = page.body;
  if (page.type == "response" || media == "application/http") {
    const HttpAnswer answer = read_http(body);
    if (answer.head_bytes == 0 && media == "application/http") return refuse(record, "malformed", "no HTTP answer");
    if (answer.head_bytes > 0) {
      if (answer.status != 200) return refuse(record, "http_status", answer.status, 200);
      media = answer.media;
      charset = answer.charset;
      record.transfer = answer.transfer;
      record.coding = answer.coding;
      body.remove_prefix(static_cast<size_t>(answer.head_bytes));
    }
  }
  const bool unsaid = media.empty() || media == "application/octet-stream" || media == "unknown/unknown" || media == "unk" || media == "no-type";
  if (media == "text/html" || media == "application/xhtml+xml" || (unsaid && begins_as_html(body))) {
    record.inside = FileKind::html;
  } else if (media == "text/plain") {
    record.inside = FileKind::text;
  } else {
    return refuse(record, "content_type", media);
  }
  const std::string_view path = std::string_view(record.url).substr(0, record.url.find_first_of("?#"));
  const size_t slash = path.rfind('/');
  if (slash != std::string_view::npos && slash > 8 && (unsupported_name(path.substr(slash + 1)) || path.ends_with(".xml"))) return refuse(record, "content_type", "address ends in " + std::string(path.substr(slash + 1).substr(0, 100)));
  record.bytes = body;
  return true;
}

}  // namespace loam
