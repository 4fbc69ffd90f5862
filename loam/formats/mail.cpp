#include "loam/formats/mail.h"

#include <gmime/gmime.h>

#include <algorithm>
#include <mutex>

#include "loam/base/characters.h"
#include "loam/formats/dates.h"
#include "loam/formats/encoding.h"
#include "loam/formats/html.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

constexpr int kDeepestPart = 50;

/// A reference of GMime's, given back at the end of its scope.
template <class T>
struct Held {
  explicit Held(T* given) : object(given) {}
  ~Held() {
    if (object != nullptr) g_object_unref(object);
  }
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  T* object;
};

std::string text_of(const char* text) { return text == nullptr ? "" : decode_text(text).text; }

std::string addresses(InternetAddressList* list) {
  if (list == nullptr) return "";
  char* text = internet_address_list_to_string(list, nullptr, FALSE);
  std::string out = text_of(text);
  g_free(text);
  return out;
}

class MailText {
 public:
  explicit MailText(Mail& mail) : mail_(mail) {}

  void part(GMimeObject* object, int depth) {
    if (object == nullptr || depth > kDeepestPart) return;
    if (GMIME_IS_MULTIPART(object)) {
      several(GMIME_MULTIPART(object), depth);
    } else if (GMIME_IS_MESSAGE_PART(object)) {
      GMimeMessage* inside = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
      if (inside != nullptr) part(g_mime_message_get_mime_part(inside), depth + 1);
    } else if (GMIME_IS_PART(object)) {
      leaf(GMIME_PART(object));
    }
  }

 private:
  void several(GMimeMultipart* parts, int depth) {
    const int count = g_mime_multipart_get_count(parts);
    GMimeContentType* type = g_mime_object_get_content_type(GMIME_OBJECT(parts));
    const std::string kind = type == nullptr ? "" : ascii_lower(text_of(g_mime_content_type_get_media_subtype(type)));
    if (kind == "alternative") {
      // The plain form, if it says anything; else the last form, which the sender likes best.
      const std::string before = mail_.text;
      const bool html_before = mail_.from_html;
      for (int pass = 0; pass < 2; ++pass) {
        for (int i = 0; i < count; ++i) {
          GMimeObject* child = g_mime_multipart_get_part(parts, pass == 0 ? i : count - 1 - i);
          const bool plain = is_type(child, "text", "plain");
          if (plain == (pass == 1)) continue;
          const size_t attached = mail_.attachments.size();
          part(child, depth + 1);
          if (mail_.text != before) return;
          mail_.from_html = html_before;
          mail_.attachments.resize(attached);
        }
      }
      return;
    }
    if (kind == "signed" && count > 0) {
      part(g_mime_multipart_get_part(parts, 0), depth + 1);
      return;
    }
    for (int i = 0; i < count; ++i) part(g_mime_multipart_get_part(parts, i), depth + 1);
  }

  static bool is_type(GMimeObject* object, const char* type, const char* subtype) {
    GMimeContentType* content = object == nullptr ? nullptr : g_mime_object_get_content_type(object);
    return content != nullptr && g_mime_content_type_is_type(content, type, subtype);
  }

  void leaf(GMimePart* leaf) {
    GMimeObject* object = GMIME_OBJECT(leaf);
    GMimeContentType* type = g_mime_object_get_content_type(object);
    const bool text = type == nullptr || g_mime_content_type_is_type(type, "text", "*") || g_mime_content_type_is_type(type, "message", "delivery-status");
    const char* disposition = g_mime_object_get_disposition(object);
    if (!text || (disposition != nullptr && ascii_lower(disposition) == "attachment")) {
      std::string name = text_of(g_mime_part_get_filename(leaf));
      if (name.empty() && type != nullptr) {
        name = text_of(g_mime_content_type_get_media_type(type)) + "/" + text_of(g_mime_content_type_get_media_subtype(type));
      }
      if (mail_.attachments.size() < 100) mail_.attachments.push_back(name.substr(0, 200));
      return;
    }
    GMimeDataWrapper* content = g_mime_part_get_content(leaf);
    if (content == nullptr) return;
    Held<GMimeStream> memory(g_mime_stream_mem_new());
    g_mime_data_wrapper_write_to_stream(content, memory.object);
    const GByteArray* array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory.object));
    const std::string_view bytes(reinterpret_cast<const char*>(array->data), array->len);
    std::string declared = type == nullptr ? "" : text_of(g_mime_content_type_get_parameter(type, "charset"));
    const bool html = type != nullptr && g_mime_content_type_is_type(type, "text", "html");
    // Some mail says text/plain and is a page from its first tag on.
    const std::string head = ascii_lower(bytes.substr(0, 64));
    const size_t first = head.find_first_not_of(" \r\n\t");
    const bool page = first != std::string::npos && (head.substr(first).starts_with("<html") || head.substr(first).starts_with("<!doctype html"));
    if (html || page) {
      if (declared.empty()) declared = html_charset(bytes);
      const HtmlTree tree = HtmlTree::parse(with_unix_lines(decode_text(bytes, declared).text));
      if (append(html_text(tree, std::max(0, tree.find(Tag::body))))) mail_.from_html = true;
    } else {
      append(with_unix_lines(decode_text(bytes, declared).text));
    }
  }

  bool append(std::string_view text) {
    if (text.find_first_not_of(" \n\t") == std::string_view::npos) return false;
    if (!mail_.text.empty()) mail_.text += mail_.text.ends_with('\n') ? "\n" : "\n\n";
    mail_.text += text;
    return true;
  }

  Mail& mail_;
};

}  // namespace

Mail read_mail(std::string_view bytes) {
  static std::once_flag once;
  std::call_once(once, [] { g_mime_init(); });
  Mail mail;
  Held<GMimeStream> stream(g_mime_stream_mem_new_with_buffer(bytes.data(), bytes.size()));
  Held<GMimeParser> parser(g_mime_parser_new_with_stream(stream.object));
  Held<GMimeMessage> message(g_mime_parser_construct_message(parser.object, nullptr));
  if (message.object == nullptr) {
    mail.text = with_unix_lines(decode_text(bytes).text);
    return mail;
  }
  GMimeMessage* m = message.object;
  GMimeObject* object = GMIME_OBJECT(m);
  mail.subject = text_of(g_mime_message_get_subject(m));
  mail.from = addresses(g_mime_message_get_from(m));
  mail.to = addresses(g_mime_message_get_to(m));
  mail.cc = addresses(g_mime_message_get_cc(m));
  mail.reply_to = addresses(g_mime_message_get_reply_to(m));
  mail.message_id = text_of(g_mime_message_get_message_id(m));
  mail.list = text_of(g_mime_object_get_header(object, "List-Id"));
  mail.date = iso_date(text_of(g_mime_object_get_header(object, "Date")));
  GMimeObject* body = g_mime_message_get_mime_part(m);
  if (body != nullptr) {
    if (GMimeContentType* type = g_mime_object_get_content_type(body)) {
      mail.content_type = ascii_lower(text_of(g_mime_content_type_get_media_type(type)) + "/" + text_of(g_mime_content_type_get_media_subtype(type)));
    }
  }
  MailText(mail).part(body, 0);
  return mail;
}

bool looks_like_mail(std::string_view head) {
  int headers = 0, of_mail = 0;
  if (head.starts_with("From ")) head.remove_prefix(std::min(head.size(), head.find('\n') == std::string_view::npos ? head.size() : head.find('\n') + 1));
  while (!head.empty()) {
    const size_t end = head.find('\n');
    if (end == std::string_view::npos) break;  // cut off by whoever took the head
    std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) break;
    if (line[0] == ' ' || line[0] == '\t') {
      if (headers == 0) return false;
      continue;
    }
    const size_t colon = line.find(':');
    if (colon == 0 || colon == std::string_view::npos || colon > 76) {
      if (line.starts_with(">From ")) continue;
      return false;
    }
    const std::string name = ascii_lower(line.substr(0, colon));
    if (std::any_of(name.begin(), name.end(), [](char c) { return c <= ' ' || c >= 0x7f; })) return false;
    ++headers;
    static constexpr const char* kOfMail[] = {"received", "return-path", "message-id", "delivered-to", "mime-version", "content-type", "content-transfer-encoding", "x-mailer", "in-reply-to",
                                              "references", "reply-to", "from", "to", "date", "subject", "sender", "errors-to", "x-sender", "x-spam-status", "envelope-to"};
    of_mail += std::any_of(std::begin(kOfMail), std::end(kOfMail), [&](const char* known) { return name == known; });
  }
  return headers >= 3 && of_mail >= 3;
}

}  // namespace loam
