// E-mail: headers apart, parts chosen, charsets; mbox cut where mails begin.
#include "loam/formats/mail.h"

#include <gtest/gtest.h>

#include "loam/formats/mbox.h"

namespace loam {
namespace {

TEST(Mail, HeadersAreDecodedAndApart) {
  const Mail mail = read_mail(
      "Return-Path: <a@b.org>\r\nFrom: =?iso-8859-1?Q?Andr=E9?= <andre@example.org>\r\nTo: you@example.org\r\nSubject: =?UTF-8?B?w6l0w6k=?= 2\r\n"
      "Date: Thu, 22 Aug 2002 18:26:25 +0700\r\nMessage-Id: <1@x>\r\nList-Id: <l.example.org>\r\n\r\nLine one\r\nline two\r\n");
  EXPECT_EQ(mail.subject, "\u00E9t\u00E9 2");
  EXPECT_EQ(mail.from, "Andr\u00E9 <andre@example.org>");
  EXPECT_EQ(mail.date, "2002-08-22T18:26:25+07:00");
  EXPECT_EQ(mail.message_id, "1@x");
  EXPECT_EQ(mail.list, "<l.example.org>");
  EXPECT_EQ(mail.text, "Line one\nline two\n");
  EXPECT_FALSE(mail.from_html);
}

std::string multipart(const std::string& kind, const std::string& parts) {
  return "From: a@b.c\nMIME-Version: 1.0\nContent-Type: multipart/" + kind + "; boundary=XX\n\npreamble\n" + parts + "--XX--\n";
}
std::string part(const std::string& headers, const std::string& body) { return "--XX\n" + headers + "\n\n" + body + "\n"; }

TEST(Mail, PartsAreChosen) {
  const std::string plain = part("Content-Type: text/plain; charset=utf-8", "the plain form"), html = part("Content-Type: text/html", "<p>the <b>page</b> form</p><script>no</script>");
  EXPECT_EQ(read_mail(multipart("alternative", plain + html)).text, "the plain form");
  EXPECT_EQ(read_mail(multipart("alternative", html)).text, "the page form");
  // Nothing in a part is nothing to decode, whatever it should be in.
  EXPECT_EQ(read_mail(multipart("mixed", "--XX\nContent-Type: text/plain; charset=iso-2022-jp\n\n" + plain)).text, "the plain form");
  EXPECT_EQ(read_mail(multipart("alternative", part("Content-Type: text/plain", " ") + html)).text, "the page form");
  const Mail mixed = read_mail(multipart("mixed", plain + part("Content-Type: image/png; name=p.png\nContent-Transfer-Encoding: base64", "AAAA") +
                                                      part("Content-Type: text/plain\nContent-Disposition: attachment; filename=a.txt", "attached") + part("Content-Type: text/plain", "second")));
  EXPECT_EQ(mixed.text, "the plain form\n\nsecond");
  EXPECT_EQ(mixed.attachments, (std::vector<std::string>{"p.png", "a.txt"}));
  EXPECT_EQ(mixed.content_type, "multipart/mixed");
  const Mail forwarded = read_mail(multipart("mixed", plain + part("Content-Type: message/rfc822", "Subject: inner\n\ninner text")));
  EXPECT_EQ(forwarded.text, "the plain form\n\ninner text");
}

TEST(Mail, EncodingsOfBodies) {
  EXPECT_EQ(read_mail("From: a@b\nContent-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: base64\n\nz9LJ18XU\n").text, "\u043E\u0440\u0438\u0432\u0435\u0442");
  EXPECT_EQ(read_mail("From: a@b\nContent-Type: text/plain; charset=no-such\n\ncaf\xE9\n").text, "caf\u00E9\n");
  EXPECT_EQ(read_mail("From: a@b\n\n<html><body><p>page in disguise</p></body></html>").text, "page in disguise");
  EXPECT_TRUE(read_mail("From: a@b\nContent-Type: text/html\n\n<p>x</p>").from_html);
}

TEST(Mail, HostileMailsAreRead) {
  std::string deep = "From: a@b\n";
  for (int i = 0; i < 5000; ++i) deep += "Content-Type: multipart/mixed; boundary=b" + std::to_string(i) + "\n\n--b" + std::to_string(i) + "\n";
  read_mail(deep);
  std::string forwards = "From: a@b\n";
  for (int i = 0; i < 5000; ++i) forwards += "Content-Type: message/rfc822\n\n";
  read_mail(forwards);
  for (const char* odd : {"", "\n", "x", ":", "From", "From: ", "Content-Type: multipart/mixed; boundary=\n\n--\n", "Subject: =?utf-8?b?!!!?=\n\nx", "Content-Type: text/plain; charset=\n\nx\xFF"}) read_mail(odd);
}

TEST(Mail, WhatLooksLikeMail) {
  EXPECT_TRUE(looks_like_mail("From a@b Thu Aug 22 12:36:23 2002\nReturn-Path: <a@b>\nReceived: x\n\tby y\nSubject: z\n\nbody"));
  EXPECT_TRUE(looks_like_mail("Subject: a\nFrom: b\nTo: c\n\nbody"));
  EXPECT_FALSE(looks_like_mail("Subject: only one\nbody text: here\n\n"));
  EXPECT_FALSE(looks_like_mail("Title: A book\nAuthor: Somebody\nRelease Date: 1900\nLanguage: English\n\nText"));
  EXPECT_FALSE(looks_like_mail("A letter from: me\nTo: you\nSubject: x\nDate: y\n"));
  EXPECT_FALSE(looks_like_mail(""));
}

std::vector<std::string> mails_of(const std::string& text, int64_t limit = 1 << 20) {
  MboxReader reader(read_text(text), limit);
  std::vector<std::string> out;
  std::string mail;
  while (reader.next(mail)) out.push_back(mail);
  return out;
}

TEST(Mbox, MailsAreCutApart) {
  const std::string mark = "From a@b Thu Aug 22 12:36:23 2002\n";
  EXPECT_EQ(mails_of(mark + "A: 1\n\none\n\n" + mark + "B: 2\n\ntwo\n>From x\n>>From y\n"), (std::vector<std::string>{"A: 1\n\none\n", "B: 2\n\ntwo\nFrom x\n>From y\n"}));
  EXPECT_EQ(mails_of(mark + "A: 1\n\nx\n\nFrom here on 12:30 in 1999\nit goes on\n").size(), 1u);
  EXPECT_EQ(mails_of("no mark at all\n\nFrom a text\n").size(), 1u);
  EXPECT_EQ(mails_of("").size(), 0u);
  EXPECT_EQ(mails_of(mark).size(), 1u);
  EXPECT_EQ(mails_of(mark + "A: 1\n\n" + std::string(1000, 'x') + "\n\n" + mark + "B: 2\n\ny\n", 100).size(), 2u);
  EXPECT_TRUE(mbox_from_line("From a@b Thu Aug 22 12:36:23 2002"));
  EXPECT_FALSE(mbox_from_line("From the beginning"));
}

}  // namespace
}  // namespace loam
