// One e-mail (RFC 5322 with MIME): its headers apart from its text.
//
//   const Mail mail = read_mail(bytes);
//   use(mail.subject, mail.text);        // mail.text holds no header
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// All text is UTF-8 with "\n" line ends. "" for headers that are not there.
struct Mail {
  std::string subject, from, to, cc, date, message_id, list, reply_to;  ///< decoded (RFC 2047); date in ISO 8601
  std::string text;         ///< the body a reader sees: text parts, or HTML parts as text where there is no other form
  std::string content_type; ///< of the whole: "multipart/alternative"
  bool from_html = false;   ///< some of the text was HTML
  std::vector<std::string> attachments;  ///< names, or types, of the parts that were left out
};

/// Never fails on account of what the bytes hold: a mail without recognisable headers is all text. Parts nested deeper
/// than 50 are left out.
Mail read_mail(std::string_view bytes);

/// Whether a text begins like an e-mail: header lines, among them two that only mail has.
bool looks_like_mail(std::string_view head);

}  // namespace loam
