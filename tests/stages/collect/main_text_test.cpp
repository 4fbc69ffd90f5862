#include "loam/stages/collect/main_text.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "loam/stages/collect/page_names.h"
#include "loam/stages/collect/schema_text.h"

namespace loam {
namespace {

const std::string kOne = "The committee met on Tuesday, and after a long debate, it agreed that the harbour should be dredged before winter.";
const std::string kTwo = "Fishermen had asked for this since spring, when two boats ran aground within a week of each other near the mole.";
const std::string kThree = "Work will begin in October, the mayor said, and it should not take longer than six weeks if the weather holds.";

std::string p(const std::string& text) { return "<p>" + text + "</p>"; }
std::string text_of(const std::string& html, TextMode mode = TextMode::balanced) { return main_text(HtmlTree::parse(html), mode); }

TEST(MainText, ArticleWithoutWhatSurroundsIt) {
  const std::string page = "<html><body><nav><a href=/>Home</a> <a href=/news>News</a></nav><div class='sidebar'>" + p("Our newsletter brings you the best of the week, every Friday, straight into your inbox, for free and for ever.") +
                           "</div><article><h1>Harbour to be dredged</h1>" + p(kOne) + p(kTwo) + "<div class='share-buttons'>Share on X</div>" + p(kThree) +
                           "</article><footer><p>Copyright 2020 The Harbour Gazette and its owners, all rights reserved everywhere.</p></footer></body></html>";
  const std::string text = text_of(page);
  for (const auto& line : {kOne, kTwo, kThree}) EXPECT_NE(text.find(line), std::string::npos) << text;
  for (const char* around : {"newsletter", "Share", "Copyright", "Home"}) EXPECT_EQ(text.find(around), std::string::npos) << text;
}

TEST(MainText, LeadBetweenHeadingAndBody) {
  const std::string lead = "Two boats ran aground in spring; now the town council has agreed to spend the money it takes.";
  const std::string page = "<body><h1>Harbour</h1><div class='intro-text'>" + p(lead) + "</div><div class='article-body'>" + p(kOne) + p(kTwo) + p(kThree) + "</div></body>";
  EXPECT_EQ(text_of(page), lead + "\n\n" + kOne + "\n\n" + kTwo + "\n\n" + kThree);
  EXPECT_EQ(text_of(page, TextMode::precision), kOne + "\n\n" + kTwo + "\n\n" + kThree);
}

TEST(MainText, SignpostsAndWhatFollowsTheEnd) {
  const std::string page = "<body><div class='entry-content'>" + p(kOne) + p("Read more: <a href=x>Another story altogether about boats</a>") + p(kTwo) + p(kThree) + "<h3>Related articles</h3>" +
                           p("A storm took the roof off the fish market last night, and nobody was hurt, the police said.") + "</div></body>";
  EXPECT_EQ(text_of(page), kOne + "\n\n" + kTwo + "\n\n" + kThree);
  EXPECT_NE(text_of(page, TextMode::recall).find("A storm took"), std::string::npos);
}

TEST(MainText, QuestionsAndAnswersSideBySide) {
  const std::string page = "<body><div class=question>" + p(kOne) + p(kTwo) + "</div><div class=answer>" + p(kThree) + p(kTwo + " Really.") + "</div></body>";
  const std::string text = text_of(page);
  EXPECT_NE(text.find(kOne), std::string::npos);
  EXPECT_NE(text.find(kThree), std::string::npos);
}

TEST(MainText, SchemaTextWhereTheMarkupHasNone) {
  const std::string page = "<body><script type='application/ld+json'>{\"@type\": \"NewsArticle\", \"articleBody\": \"" + kOne + "\\n\\n" + kTwo + " \\u201CYes\\u201D, \\ud83d\\ude00.\"}</script><div id=app>Loading</div></body>";
  EXPECT_EQ(text_of(page), kOne + "\n\n" + kTwo + " \u201CYes\u201D, \U0001F600.");
  EXPECT_EQ(schema_article_text(HtmlTree::parse("<body><script type='application/ld+json'>{\"articleBody\": \"cut of")), "cut of");
}

TEST(MainText, NothingToSpeakOf) {
  EXPECT_EQ(text_of(""), "");
  EXPECT_EQ(text_of("<body><ul><li><a href=a>One</a><li><a href=b>Two</a></ul>"), "- One\n- Two");
}

TEST(PageNames, SignpostsEndAtWords) {
  EXPECT_TRUE(is_signpost("Read more: the story"));
  EXPECT_TRUE(is_signpost("L\u00C4S OCKS\u00C5: mer"));
  EXPECT_TRUE(is_signpost("\u0427\u0438\u0442\u0430\u0439\u0442\u0435 \u0442\u0430\u043A\u0436\u0435"));
  EXPECT_FALSE(is_signpost("Recommendedness is a word"));
  EXPECT_TRUE(ends_article("Comments (12)"));
  EXPECT_FALSE(ends_article("Comments on the constitution"));
}

TEST(PageNames, Roles) {
  const HtmlTree page = HtmlTree::parse("<body><div class='post-nav-links'></div><div class='article__body'></div><h2 id='share-the-load'>x</h2><div class='author-box'></div>");
  const PageNames names(page);
  const int32_t nav = page.find(Tag::div), body = page.find(Tag::div, nav + 1), heading = page.find(Tag::h2), author = page.find(Tag::div, heading);
  EXPECT_TRUE(names.is(nav, kAround));
  EXPECT_TRUE(names.is(body, kBody));
  EXPECT_FALSE(names.is(heading, kAround));
  EXPECT_TRUE(names.is(author, kPerhaps));
}

TEST(TextModes, AreNamed) {
  EXPECT_EQ(text_mode_named("recall"), TextMode::recall);
  try {
    text_mode_named("precison");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(e.what()).find("did you mean \"precision\""), std::string::npos);
  }
}

}  // namespace
}  // namespace loam
