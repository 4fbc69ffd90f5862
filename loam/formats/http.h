// An HTTP answer as web archives store it: status line, header, body.
//
//   const HttpAnswer answer = read_http(bytes);
//   std::string body = http_body(bytes.substr(answer.head_bytes), answer, limit, &whole);
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace loam {

struct HttpAnswer {
  int64_t head_bytes = 0;        ///< up to the body; 0: the bytes do not begin with "HTTP/"
  int status = 0;
  std::string media;             ///< "text/html", in lower case, without parameters
  std::string charset;           ///< of the Content-Type, as given
  std::string transfer, coding;  ///< Transfer-Encoding and Content-Encoding, in lower case
  std::string modified;          ///< Last-Modified, as given
};
HttpAnswer read_http(std::string_view bytes);

/// The body with its transfer and content coding undone, at most `limit` bytes of it. A body that is not coded as its
/// header says is taken as it stands. `whole`, if given, tells whether all of it could be had.
std::string http_body(std::string_view body, const HttpAnswer& answer, int64_t limit, bool* whole = nullptr);

/// The value of a header field in a block of "Name: value" lines, the name in any case; "" if there is none. Lines that
/// begin with white space belong to the one before.
std::string header_value(std::string_view block, std::string_view name);

/// "text/html; charset=x" -> "text/html", and x.
std::string media_type(std::string_view value, std::string* charset = nullptr);

}  // namespace loam
