// Personal data: the input and output pairs of datatrove's test, and numbers with checksums.
#include "loam/stages/collect/personal.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/stages/collect/language.h"

namespace loam {
namespace {

std::string marked(std::string_view text) {
  return mask_personal(text, [](Personal kind, std::string_view) {
           std::string name = personal_name(kind);
           for (char& c : name) c = static_cast<char>(c - 32);
           return name;
         }).text;
}

TEST(Personal, AddressesAsTheReferenceFindsThem) {
  for (const char* whole : {"email@example.com", "firstname.lastname@example.com", "email@subdomain.example.com", "firstname+lastname@example.com", "email@123.123.123.123", "email@[123.123.123.123]",
                            "1234567890@example.com", "email@example-one.com", "_______@example.com", "email@example.name", "email@example.museum", "email@example.co.jp", "NAME@MYSITE.COM", "email@example.web",
                            "email@111.222.333.44444"}) {
    EXPECT_EQ(marked(whole), "EMAIL") << whole;
  }
  const std::pair<const char*, const char*> pairs[] = {
      {"\"email\"@example.com", "\"email\"@example.com"}, {"plainaddress", "plainaddress"}, {"#@%^%#$@#$@#.com", "#@%^%#$@#$@#.com"}, {"@example.com", "@example.com"},
      {"Joe Smith <email@example.com>", "Joe Smith <EMAIL>"}, {"email.example.com", "email.example.com"}, {"email@example@example.com", "email@EMAIL"}, {".email@example.com", ".EMAIL"},
      {"email.@example.com", "email.@example.com"}, {"email..email@example.com", "email..EMAIL"}, {"あいうえお@example.com", "あいうえお@example.com"}, {"email@example.com (Joe Smith)", "EMAIL (Joe Smith)"},
      {"email@example", "email@example"}, {"email@-example.com", "email@-example.com"}, {"email@example..com", "email@example..com"}, {"Abc..123@example.com", "Abc..EMAIL"},
      {"just”not”right@example.com", "just”not”EMAIL"}, {"this\\ is\"really\"not\\allowed@example.com", "this\\ is\"really\"not\\EMAIL"}, {"very.unusual.”@”.unusual.com@example.com", "very.unusual.”@”.EMAIL"},
      {"write to a@b.org, or c@d.net.", "write to EMAIL, or EMAIL."}};
  for (const auto& [in, out] : pairs) EXPECT_EQ(marked(in), out);
}

TEST(Personal, PublicAddressesAlone) {
  for (const char* kept : {"999.999.999.999.", "108.0.0.01", "0.1.2.3", "00.0000.00.00", "192.168.l.1", "912.456.123.123", "192.168.o.0", "172.16.0.9", "172.31.254.254", "127.0.0.2", "10.255.255.254",
                           "192.168.254.0", "version 1.2.3"}) {
    EXPECT_EQ(marked(kept), kept);
  }
  for (const char* ip : {"163.36.107.25", "114.35.103.54", "57.120.21.121", "29.116.31.158", "4.132.211.142", "35.88.121.75"}) EXPECT_EQ(marked(ip), "IP") << ip;
  EXPECT_EQ(marked(".3.3.3.0"), ".IP");
}

TEST(Personal, NumbersWithChecksumsAndTelephones) {
  EXPECT_EQ(marked("Pay GB29 NWBK 6016 1331 9268 19 now, or DE89370400440532013000."), "Pay IBAN now, or IBAN.");
  EXPECT_EQ(marked("GB28 NWBK 6016 1331 9268 19"), "GB28 NWBK 6016 1331 9268 19") << "the checksum is wrong";
  EXPECT_EQ(marked("4539 1488 0343 6467 and 5425-2334-3010-9903"), "CARD and CARD");
  EXPECT_EQ(marked("4539 1488 0343 6468, 0000 0000 0000 0000, 4444444444444444"), "4539 1488 0343 6468, 0000 0000 0000 0000, 4444444444444444");
  EXPECT_EQ(marked("Call +44 20 7946 0958, (212) 736-5000 or 212-736-5000."), "Call PHONE, PHONE or PHONE.");
  EXPECT_EQ(marked("In 1998-2004 about 123-456-7890 or 212 736 people; x = +5, 1,234,567,890"), "In 1998-2004 about 123-456-7890 or 212 736 people; x = +5, 1,234,567,890");
}

TEST(Personal, TheSameForTheSame) {
  const Masked a = mask_personal("me@a.org you@b.org me@a.org 35.88.121.75 +44 20 7946 0958"), again = mask_personal("x me@a.org");
  EXPECT_EQ(a.counts, (std::array<int64_t, kPersonalKinds>{3, 1, 1, 0, 0}));
  EXPECT_EQ(a.all(), 5);
  const std::string first = a.text.substr(0, a.text.find(' '));
  EXPECT_EQ(again.text, "x " + first);
  EXPECT_TRUE(first == "email@example.com" || first == "firstname.lastname@example.org");
  EXPECT_EQ(mask_personal(a.text).text.find("a.org"), std::string::npos);
  EXPECT_EQ(mask_personal("nothing here").all(), 0);
}

TEST(Language, ToldByTables) {
  const LanguageFinder finder("cld2");
  EXPECT_EQ(finder.of("I wish it need not have happened in my time, said Frodo. So do I, said Gandalf, and so do all who live to see such times.").code, "en");
  EXPECT_EQ(finder.of("Un magicien n'est jamais en retard Frodon Sacquet. Pas plus qu'il est en avance. Il arrive précisément à l'heure prévue.").code, "fr");
  EXPECT_EQ(finder.of("Um mago nunca chega tarde, Frodo Bolseiro. Nem cedo. Ele chega precisamente na hora que pretende.").code, "pt");
  const Guess italian = finder.of("Molti tra i vivi meritano la morte. E parecchi che sono morti avrebbero meritato la vita. Sei forse tu in grado di dargliela?");
  EXPECT_EQ(italian.code, "it");
  EXPECT_GT(italian.share, 0.9);
  EXPECT_EQ(finder.of("").code, "un");
  EXPECT_EQ(finder.of("12345 67890").code, "un");
  EXPECT_FALSE(LanguageFinder("none").finds());
  EXPECT_THROW(LanguageFinder("/no/such/model.bin"), Error);
}

}  // namespace
}  // namespace loam
