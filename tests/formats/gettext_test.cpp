// gettext catalogues, text and compiled; broken ones are refused with the place.
#include "loam/formats/gettext.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"

namespace loam {
namespace {

const char* kPo = R"(# comment
msgid ""
msgstr ""
"Language: fr\n"
"Content-Type: text/plain; charset=ISO-8859-1\n"

#: file.c:1
msgid "Open the "
"file\n"
msgstr "Ouvrir le "
"fichier)" "\xE9" R"(\n"

#, fuzzy
msgid "guess"
msgstr "supposition"

msgctxt "menu"
msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d fichier"
msgstr[1] "%d fichiers"
#~ msgid "old"
#~ msgstr "vieux"
msgid "a \"quoted\" \\ \101"
msgstr ""
)";

TEST(Gettext, TextForm) {
  const GettextCatalogue c = read_po(kPo);
  EXPECT_EQ(c.language, "fr");
  ASSERT_EQ(c.pairs.size(), 3u);
  EXPECT_EQ(c.pairs[0].source, "Open the file\n");
  EXPECT_EQ(c.pairs[0].target, "Ouvrir le fichier\u00E9\n");
  EXPECT_EQ(c.pairs[1].context, "menu");
  EXPECT_EQ(c.pairs[1].source, "%d file");
  EXPECT_EQ(c.pairs[1].source_plural, "%d files");
  EXPECT_EQ(c.pairs[1].targets, (std::vector<std::string>{"%d fichier", "%d fichiers"}));
  EXPECT_EQ(c.pairs[2].source, "a \"quoted\" \\ A");
  EXPECT_EQ(c.pairs[2].target, "");
  EXPECT_EQ(c.fuzzy, 1);
}

std::string word(uint32_t value, bool big) {
  std::string out(4, '\0');
  for (int i = 0; i < 4; ++i) out[static_cast<size_t>(big ? 3 - i : i)] = static_cast<char>(value >> (8 * i));
  return out;
}

std::string compiled(const std::vector<std::pair<std::string, std::string>>& entries, bool big) {
  const auto n = static_cast<uint32_t>(entries.size());
  std::string out = word(0x950412de, big) + word(0, big) + word(n, big) + word(28, big) + word(28 + 8 * n, big) + word(0, big) + word(0, big);
  std::string texts;
  std::string tables[2];
  for (int side = 0; side < 2; ++side) {
    for (const auto& entry : entries) {
      const std::string& text = side == 0 ? entry.first : entry.second;
      tables[side] += word(static_cast<uint32_t>(text.size()), big) + word(static_cast<uint32_t>(28 + 16 * n + texts.size()), big);
      texts += text + '\0';
    }
  }
  return out + tables[0] + tables[1] + texts;
}

TEST(Gettext, CompiledFormOfBothByteOrders) {
  using namespace std::string_literals;
  for (const bool big : {false, true}) {
    const GettextCatalogue c = read_mo(compiled({{"", "Language: fr\nContent-Type: text/plain; charset=UTF-8\n"}, {"menu\4file\0files"s, "fichier\0fichiers"s}, {"yes", "oui"}}, big));
    EXPECT_EQ(c.language, "fr");
    ASSERT_EQ(c.pairs.size(), 2u);
    EXPECT_EQ(c.pairs[0].context, "menu");
    EXPECT_EQ(c.pairs[0].source, "file");
    EXPECT_EQ(c.pairs[0].source_plural, "files");
    EXPECT_EQ(c.pairs[0].targets.size(), 2u);
    EXPECT_EQ(c.pairs[1].source, "yes");
    EXPECT_EQ(c.pairs[1].target, "oui");
  }
}

TEST(Gettext, DamageIsRefused) {
  const std::string good = compiled({{"", "h"}, {"yes", "oui"}}, false);
  for (size_t size = 0; size < good.size() - 1; ++size) {
    try {
      read_mo(std::string_view(good).substr(0, size));
      ADD_FAILURE() << "a file cut at " << size << " was read";
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), ErrorKind::input);
    }
  }
  EXPECT_THROW(read_po("msgid \"a\"\nmsgstr nothing\n"), Error);
  EXPECT_THROW(read_po("some text\n"), Error);
  EXPECT_THROW(read_po("msgstr \"a\"\n"), Error);
  EXPECT_TRUE(read_po("").pairs.empty());
}

}  // namespace
}  // namespace loam
