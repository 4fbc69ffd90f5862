// Gutenberg's plain texts and EPUBs.
#include <gtest/gtest.h>

#include <cstdlib>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/epub.h"
#include "loam/formats/gutenberg.h"

namespace loam {
namespace {

const std::string kBook =
    "The Project Gutenberg EBook of A Title, by Some One\n\nThis eBook is for the use of anyone.\n\nTitle: A Title\n       That goes on\n\nAuthor: Some One\n\nRelease Date: July 1992 [EBook #36]\n\nLanguage: English\n\n"
    "*** START OF THIS PROJECT GUTENBERG EBOOK A TITLE ***\n\n\n\nProduced by Judy Boss,\nand others\n\n\nCHAPTER ONE\n\nIt began. End of Project talk.\n\nThe last line.\n\n\nEnd of Project Gutenberg's A Title, by Some One\n\n"
    "*** END OF THIS PROJECT GUTENBERG EBOOK A TITLE ***\n\nUpdated editions...\n\n*** START: FULL LICENSE ***\n\nTHE FULL LICENSE\n";

TEST(Gutenberg, BetweenHeaderAndFooter) {
  EXPECT_TRUE(begins_as_gutenberg(kBook));
  const GutenbergBook book = read_gutenberg(kBook);
  EXPECT_EQ(book.title, "A Title That goes on");
  EXPECT_EQ(book.author, "Some One");
  EXPECT_EQ(book.released, "July 1992");
  EXPECT_EQ(book.number, "36");
  EXPECT_EQ(book.language, "English");
  EXPECT_EQ(book.text, "CHAPTER ONE\n\nIt began. End of Project talk.\n\nThe last line.\n");
}

TEST(Gutenberg, OldSmallPrintAndPlainTexts) {
  const std::string old = "**The Project Gutenberg Etext of X**\n\n***START**THE SMALL PRINT!**FOR PUBLIC DOMAIN ETEXTS**START***\nWhy is this here?\n*END*THE SMALL PRINT! FOR PUBLIC DOMAIN ETEXTS*Ver.04.29.93*END*\n\nThe text.\n\nEnd of the Project Gutenberg Etext of X\n";
  EXPECT_TRUE(begins_as_gutenberg(old));
  EXPECT_EQ(read_gutenberg(old).text, "The text.\n");
  EXPECT_FALSE(begins_as_gutenberg("An essay about Project Gutenberg and its founder.\n"));
  EXPECT_FALSE(begins_as_gutenberg("*** START OF THE GAME ***\n"));
  EXPECT_EQ(read_gutenberg("No marks at all.").text, "No marks at all.\n");
  EXPECT_EQ(read_gutenberg("").text, "");
}

class Epub : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) / "loam_epub";
    fs::remove_all(dir_);
    put("mimetype", "application/epub+zip");
    put("META-INF/container.xml", "<container><rootfiles><rootfile full-path=\"e/content.opf\"/></rootfiles></container>");
    put("e/content.opf", "<package><metadata xmlns:dc='x'><dc:title>The &amp; Title</dc:title><dc:creator>First</dc:creator><dc:creator>Second</dc:creator><dc:language>en-GB</dc:language><dc:date>1897-05-26</dc:date></metadata>"
                         "<manifest><item id='n' href='nav.xhtml' properties='nav' media-type='application/xhtml+xml'/><item id='a' href='t/two%20x.xhtml' media-type='application/xhtml+xml'/><item id='b' href='t/../one.xhtml' media-type='application/xhtml+xml'/>"
                         "<item id='i' href='p.png' media-type='image/png'/><item id='c' href='note.xhtml' media-type='application/xhtml+xml'/></manifest><spine><itemref idref='n'/><itemref idref='b'/><itemref idref='a'/><itemref idref='c' linear='no'/></spine></package>");
    put("e/nav.xhtml", "<html><body>nav</body></html>");
    put("e/one.xhtml", "<html><body epub:type=\"bodymatter\"><p>one</p></body></html>");
    put("e/t/two x.xhtml", "<html><body><section epub:type=\"colophon backmatter\">two</section></body></html>");
    put("e/note.xhtml", "<html><body>note</body></html>");
  }
  void put(const std::string& name, const std::string& bytes) {
    fs::create_directories((dir_ / "in" / name).parent_path());
    write_file(dir_ / "in" / name, bytes);
  }
  bool pack() { return std::system(("cd '" + (dir_ / "in").string() + "' && rm -f ../b.epub && zip -q -X0 ../b.epub mimetype && zip -q -Xr ../b.epub . -x mimetype").c_str()) == 0; }
  std::string refusal(int64_t limit = 1 << 20) {
    try {
      read_epub(dir_ / "b.epub", limit);
    } catch (const Error& e) {
      return e.kind() == ErrorKind::input ? e.what() : "another kind";
    }
    return "";
  }
  fs::path dir_;
};

TEST_F(Epub, ChaptersInReadingOrder) {
  if (!pack()) GTEST_SKIP() << "no zip";
  EXPECT_TRUE(begins_as_epub(read_file(dir_ / "b.epub").substr(0, 200)));
  const EpubBook book = read_epub(dir_ / "b.epub", 1 << 20);
  EXPECT_EQ(book.title, "The & Title");
  EXPECT_EQ(book.authors, (std::vector<std::string>{"First", "Second"}));
  EXPECT_EQ(book.language, "en-GB");
  EXPECT_EQ(book.date, "1897-05-26");
  ASSERT_EQ(book.chapters.size(), 2u);
  EXPECT_FALSE(epub_matter(book.chapters[0]));
  EXPECT_TRUE(epub_matter(book.chapters[1]));
}

TEST_F(Epub, BrokenBooksAreRefused) {
  if (!pack()) GTEST_SKIP() << "no zip";
  EXPECT_NE(refusal(100).find("longer than 100 bytes"), std::string::npos);
  put("META-INF/container.xml", "<container><rootfile full-path=\"../../etc/passwd\"/></container>");
  ASSERT_TRUE(pack());
  EXPECT_NE(refusal().find("is not in it"), std::string::npos);
  fs::remove(dir_ / "in" / "META-INF" / "container.xml");
  ASSERT_TRUE(pack());
  EXPECT_NE(refusal().find("container.xml"), std::string::npos);
  write_file(dir_ / "b.epub", "no zip at all");
  EXPECT_NE(refusal(), "");
}

}  // namespace
}  // namespace loam
