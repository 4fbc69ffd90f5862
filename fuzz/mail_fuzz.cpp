// E-mails and mboxes of any bytes: UTF-8 comes out, whatever went in.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "loam/formats/mail.h"
#include "loam/formats/mbox.h"
#include "loam/formats/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  loam::looks_like_mail(bytes);
  loam::MboxReader mails(loam::read_text(bytes), 1 << 14);
  std::string one;
  while (mails.next(one)) {
    const loam::Mail mail = loam::read_mail(one);
    if (!loam::valid_utf8(mail.text) || !loam::valid_utf8(mail.subject) || !loam::valid_utf8(mail.from)) std::abort();
  }
  return 0;
}
