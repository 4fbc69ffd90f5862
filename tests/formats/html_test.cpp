// HTML to text: flow, lists, tables, code, facts, ids; pages made to hurt.
#include "loam/formats/html.h"

#include <gtest/gtest.h>

namespace loam {
namespace {

std::string text_of(std::string_view html) {
  const HtmlTree page = HtmlTree::parse(html);
  return html_text(page, page.find(Tag::body));
}

TEST(Html, BlocksAndLines) {
  EXPECT_EQ(text_of("<h1>Title</h1><p>One <b>two</b>,\n three.</p><p>Four<br>five</p><div>six</div><div>seven</div>"),
            "Title\n\nOne two, three.\n\nFour\nfive\n\nsix\nseven");
  EXPECT_EQ(text_of("a<br><br>b<br><br><br><br>c"), "a\n\nb\n\nc");
  EXPECT_EQ(text_of("x&nbsp;&amp;&lt;&eacute;&#233; y"), "x &<\u00E9\u00E9 y");
  // Past Unicode's last: the parser's own sum overflows, into letters and into bytes that are none.
  EXPECT_EQ(text_of("&#1114111;&#1114112;b &#2331114112 &#2147483648; &#4294967361; &#x110000;&#X80000041; &#x00000041; &#00000000000000000066;"),
            "\U0010FFFF\uFFFDb \uFFFD \uFFFD \uFFFD \uFFFD\uFFFD A B");
  EXPECT_EQ(text_of("<p title='&#4294967361;'>a &#2147483648; b"), "a \uFFFD b");
  EXPECT_EQ(text_of("<p>H<sub>2</sub>O and <q>so</q> on</p>"), "H2O and \"so\" on");
  EXPECT_EQ(text_of("  <p>  </p> <p>only</p>  "), "only");
}

TEST(Html, Lists) {
  EXPECT_EQ(text_of("<p>before</p><ul><li>one<li>two<ul><li>deep</ul><li><p>three</p></ul>after"), "before\n\n- one\n- two\n  - deep\n- three\n\nafter");
  EXPECT_EQ(text_of("<ol><li>a</li><li>b</li></ol>"), "1. a\n2. b");
  EXPECT_EQ(text_of("<dl><dt>term<dd>meaning<dt>next<dd>another</dl>"), "term\nmeaning\nnext\nanother");
}

TEST(Html, Tables) {
  EXPECT_EQ(text_of("<table><caption>Cap</caption><tr><th>k<th>v<tr><td>1<td>2<tr><td><p>x</p><p>y</p><td>z</table>"), "Cap\nk | v\n1 | 2\nx y | z");
  EXPECT_EQ(text_of("<table><tr><td><div>menu</div><td><h2>Head</h2><p>body text</p></table>"), "menu\n\nHead\n\nbody text");
}

TEST(Html, CodeStaysAsItStands) {
  EXPECT_EQ(text_of("<p>run</p><pre>\nif x:\n    y  =  1\n\n\nz</pre><p>done</p>"), "run\n\nif x:\n    y  =  1\n\n\nz\n\ndone");
  EXPECT_EQ(text_of("<p>in <code>a  b</code> line</p>"), "in a b line");
}

TEST(Html, InvisibleThingsHaveNoText) {
  EXPECT_EQ(text_of("<p>a</p><script>var x = '<p>no</p>';</script><style>p{}</style><noscript>no</noscript><p hidden>no</p><p style='display : none'>no</p>"
                    "<select><option>no</select><textarea>no</textarea><!-- no --><p aria-hidden=true>no</p><p>b</p>"),
            "a\n\nb");
}

TEST(Html, Facts) {
  const HtmlFacts facts = html_facts(HtmlTree::parse(
      "<html lang=en_GB><head><title> A\n page </title><link rel=canonical href='https://example.org/a'>"
      "<script type='application/ld+json'>{\"@type\":\"NewsArticle\", \"datePublished\" : \"2020-05-06T07:08:09Z\"}</script></head><body><h1>H</h1>"));
  EXPECT_EQ(facts.title, "A page");
  EXPECT_EQ(facts.language, "en-GB");
  EXPECT_EQ(facts.url, "https://example.org/a");
  EXPECT_EQ(facts.date, "2020-05-06T07:08:09Z");
  const HtmlFacts none = html_facts(HtmlTree::parse("words"));
  EXPECT_EQ(none.title + none.language + none.url + none.date, "");
}

TEST(Html, CharsetOfThePage) {
  EXPECT_EQ(html_charset("<html><head><META http-equiv=Content-Type content='text/html; charset=KOI8-R'>"), "koi8-r");
  EXPECT_EQ(html_charset("<meta charset=\"utf-8\"/>"), "utf-8");
  EXPECT_EQ(html_charset("<?xml version='1.0' encoding='iso-8859-1'?><html>"), "iso-8859-1");
  EXPECT_EQ(html_charset("<p>charset=no"), "");
}

TEST(Html, TextsWithId) {
  const auto found = texts_with_id(
      "<h1 id='hd_1'>no</h1><div id=par_0><p id=\"par_id12\" class=x>First <a href=#>link</a>\n text</p></div><h2 id='par_id13'>Head</h2><a id='par_3'></a>", "par_");
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0].text, "First link text");
  EXPECT_EQ(found[1].id, "par_id12");
  EXPECT_EQ(found[1].text, "First link text");
  EXPECT_EQ(found[2].text, "Head");
  EXPECT_EQ(found[2].tag, Tag::h2);
  EXPECT_EQ(found[3].text, "");
}

TEST(Html, PagesMadeToHurt) {
  std::string deep;
  for (int i = 0; i < 300000; ++i) deep += "<div>";
  deep += "core &amp; more<p>second";
  const HtmlTree page = HtmlTree::parse(deep);
  EXPECT_TRUE(page.simple());
  EXPECT_EQ(html_text(page, page.find(Tag::body)), "core & more\n\nsecond");
  std::string fonts;  // unclosed formatting elements are opened again in every paragraph
  for (int i = 0; i < 2000; ++i) fonts += "<font a" + std::to_string(i) + ">";
  for (int i = 0; i < 20000; ++i) fonts += "<p>x";
  EXPECT_NE(text_of(fonts).find("x\n\nx"), std::string::npos);
  for (const char* odd : {"", "<", "<!", "</", "<a", "<a b='", "&#", "&#xFFFFFFFFF;", "<script>", "<!--", "<table><td><table>", "\xFF\xFE\0x", "<p id=>"}) text_of(odd);
}

}  // namespace
}  // namespace loam
