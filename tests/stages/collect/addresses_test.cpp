// Rules on web addresses: the examples of datatrove's filter, and lists.
#include "loam/stages/collect/addresses.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

std::string list(const char* name, const std::string& bytes) {
  const fs::path file = fs::path(testing::TempDir()) / name;
  write_file(file, bytes);
  return file.string();
}

TEST(Addresses, ReasonsOfTheReference) {
  const AddressRules rules({list("loam_rules.txt", "blocked.com\ndanger.org  # a comment\n\nbadsubdomain.nice.com\nhttps://nice.com/one/page\nword bad\nsoft worse\nsoft worst\npart evil-word\nbad.co.uk\n")});
  auto why = [&](const char* url) {
    const auto verdict = rules.judge(url);
    return std::string(verdict ? verdict->reason : "");
  };
  EXPECT_EQ(why("https://blocked.com/some-sub-url?with=stuff"), "domain");
  EXPECT_EQ(why("https://hey.danger.org/some-sub-url?with=stuff"), "domain");
  EXPECT_EQ(why("http://hey.danger.org/some-sub-url?with=stuff"), "domain");
  EXPECT_EQ(why("http://www.danger.org/some-sub-url?with=stuff"), "domain");
  EXPECT_EQ(why("https://nice.com/some-sub-url?with=stuff"), "");
  EXPECT_EQ(why("https://badsubdomain.nice.com/some-sub-url?with=stuff"), "subdomain");
  EXPECT_EQ(why("https://sdsd.badsubdomain.nice.com/some-sub-url?with=stuff"), "");
  EXPECT_EQ(why("https://blocke.dcom/some-sub-url?with=stuff"), "");
  EXPECT_EQ(why("http://www.nice.com/one/page/"), "url");
  EXPECT_EQ(why("https://nice.com/a-bad-page"), "hard_blacklisted");
  EXPECT_EQ(why("https://nice.com/a-badly-made-page"), "");
  EXPECT_EQ(why("https://nice.com/worse"), "");
  EXPECT_EQ(why("https://nice.com/worse/worse"), "") << "twice the same is one";
  EXPECT_EQ(why("https://nice.com/worse/worst"), "soft_blacklisted");
  EXPECT_EQ(why("https://nice.com/some_Evil.Words"), "blacklisted_subword");
  EXPECT_EQ(why("https://shop.bad.co.uk/"), "domain");
  EXPECT_EQ(why("https://good.co.uk/"), "");
  EXPECT_EQ(why(""), "");
  EXPECT_THROW(AddressRules({list("loam_rules2.txt", "wrong thing\n")}), Error);
  EXPECT_FALSE(AddressRules({}).any());
}

TEST(Addresses, OnePageByManyNames) {
  EXPECT_EQ(host_of("HTTPS://user:pw@WWW.Example.org:8080/x"), "www.example.org");
  EXPECT_EQ(registered_domain("news.bbc.co.uk"), "bbc.co.uk");
  EXPECT_EQ(comparable_address("http://www.Example.org:80/Path/#top"), "example.org/Path");
  EXPECT_EQ(comparable_address("https://example.org"), comparable_address("http://example.org/"));
}

TEST(Addresses, LinksWithScores) {
  const LinkList links(list("loam_links.txt", "{\"url\":\"http://a.org/x\",\"score\":2}\n{\"url\":\"https://www.a.org/x/\",\"score\":7.0}\nhttps://b.org/plain\nnot an address\n{broken\n"));
  EXPECT_EQ(links.size(), 2);
  EXPECT_EQ(links.score("https://a.org/x#y"), 7);
  EXPECT_GT(links.score("b.org/plain").value(), 1000000);
  EXPECT_EQ(links.score("https://c.org"), std::nullopt);
  EXPECT_THROW(LinkList(list("loam_links2.txt", "\n\n")), Error);
}

}  // namespace
}  // namespace loam
