// Wiki markup as text, and the dumps that hold it.
#include "loam/formats/wikitext.h"

#include <gtest/gtest.h>

#include <chrono>

#include "loam/base/error.h"
#include "loam/formats/mediawiki.h"
#include "tests/support/texts.h"

namespace loam {
namespace {

std::string plain_text(std::string_view markup) { return wikitext_text(markup, {"Page (title)", {"Datei"}}); }

TEST(Wikitext, LinksAndEmphasis) {
  EXPECT_EQ(plain_text("'''Ada''' was a ''[[mathematician]]'' from [[London|the capital]]s."), "Ada was a mathematician from the capitals.");
  EXPECT_EQ(plain_text("[[File:x.jpg|thumb|A [[cat]] here]]Text[[Category:Cats]] [[Datei:y.png]][[fr:Chat]]."), "Text.");
  EXPECT_EQ(plain_text("[[:Category:Cats]] and [[Help:Contents|]] and [[Mercury (planet)|]]"), "Category:Cats and Contents and Mercury");
  EXPECT_EQ(plain_text("See [http://x.org the site], [http://y.org] or https://z.org."), "See the site, or https://z.org.");
  EXPECT_EQ(plain_text("unclosed [[link and {{template and ''more"), "unclosed [[link and {{template and more");
}

TEST(Wikitext, NumbersStay) {
  EXPECT_EQ(plain_text("It is {{convert|5|km|mi}} long, {{convert|10|-|20|kg|lb|abbr=on}} heavy, {{cvt|1234|m2}} wide."), "It is 5 km long, 10–20 kg heavy, 1,234 m² wide.");
  EXPECT_EQ(plain_text("{{convert|3|by|4|ft|m|0}} and {{convert|12|°C}}"), "3 by 4 feet and 12 °C");
  EXPECT_EQ(plain_text("Of {{formatnum:1234567}} people {{formatnum:{{#if:x|8125.5}}}} came; {{formatnum:1,234|R}}."), "Of 1,234,567 people 8,125.5 came; 1,234.");
  EXPECT_EQ(plain_text("{{val|1.25|0.5|u=kg}}, {{frac|3|4}}, {{frac|1|1|2}}, {{nowrap|10&nbsp;000}}"), "1.25 ± 0.5 kg, 3/4, 1 1/2, 10 000");
  EXPECT_EQ(plain_text("{{birth date|1815|12|10|df=yes}} – {{death date and age|1852|11|27|1815|12|10}}"), "10 December 1815 – November 27, 1852");
}

TEST(Wikitext, TemplatesThatAreTextAndThoseThatAreNot) {
  EXPECT_EQ(plain_text("{{Infobox person|name={{nowrap|A}}|x=[[y|z]]}}\n'''A''' ({{IPAc-en|x}}; {{lang|de|Wort}}, {{lang-fr|mot}}) is.{{cn|date=May}}"), "A (Wort, mot) is.");
  EXPECT_EQ(plain_text("{{quote|Words of others.|Someone}}{{unbulleted list|one|two}}"), "Words of others.\n\n- one\n- two");
  EXPECT_EQ(plain_text("{{PAGENAME}} has {{#if:|no|some}} {{lc:UPPER}} {{unknown|a|b}}words{{!}} {{{1|default}}} {{{2}}}"), "Page (title) has some UPPER words| default");
  EXPECT_EQ(plain_text("A{{ndash}}B{{spaced ndash}}C {{abbr|e.g.|for example}}"), "A–B – C e.g.");
}

TEST(Wikitext, ListsTablesAndHeadings) {
  EXPECT_EQ(plain_text("== One ==\n* a\n** b\n# c\n: indented\n; term\n=== Empty ===\n== Two==\ntext\n----\n== References ==\n{{reflist}}\n"), "One\n\n- a\n  - b\n- c\nindented\nterm\n\nTwo\n\ntext");
  EXPECT_EQ(plain_text("{| class=\"wikitable\"\n|+ The caption\n! style=\"x\" | Name !! Size\n|-\n| [[a|b]] || align=right | 1,000\n|- bgcolor=red\n| {{nowrap|c d}}\n| 2\n|}\nafter"), "The caption\nName | Size\nb | 1,000\nc d | 2\n\nafter");
  EXPECT_EQ(plain_text("{|\n| outer\n{|\n| inner\n|}\n|}"), "outer inner");
  EXPECT_EQ(plain_text("__TOC__text__NOTOC__ <!-- no\n[[x]] --><ref name=a>gone {{cite|x}}</ref><ref name=a/>here<br/>new &ndash; &#8212; &lt;b&gt; <b>bold</b> x<sup>2</sup>"), "text here\nnew – — <b> bold x^2");
  EXPECT_EQ(plain_text("<nowiki>[[not a link]] ''this''</nowiki> <math>a_{1} = {{b}}</math>\n<syntaxhighlight lang=c>\nint *x = {{0}};\n</syntaxhighlight>"), "[[not a link]] ''this'' a_{1} = {{b}}\n\nint *x = {{0}};");
}

TEST(Wikitext, HostileMarkupTakesLinearTime) {
  const auto began = std::chrono::steady_clock::now();
  for (const std::string& each : {repeated("{{", 200000), repeated("[[", 200000) + repeated("}}", 200000), repeated("{{#if:", 100000), repeated("{{{{a", 100000) + repeated("}}}}", 100000), repeated("<ref>", 200000), repeated("<ref", 200000), repeated("<!--", 200000),
                                  repeated("[http://a ", 100000), repeated("{|\n|", 100000) + repeated("\n|}", 100000), "{{a|" + repeated("[[", 100000) + repeated("\n|}", 100000), repeated("''[", 200000), repeated("&", 500000), repeated("{{a|{{b|", 300) + "x" + repeated("}}}}", 300),
                                  repeated("== a ==\n", 100000), repeated("(", 300000) + repeated(")", 300000), repeated("\x80[[\xff|", 100000)}) {
    plain_text(each);
  }
  EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count(), 20);
}

TEST(MediaWiki, PagesOfADump) {
  const std::string dump =
      "\xEF\xBB\xBF<?xml version='1.0'?>\n<mediawiki xml:lang=\"de\" version=\"0.10\"><siteinfo><base>https://de.wikipedia.org/wiki/Hauptseite</base><namespaces><namespace key=\"0\"/><namespace key=\"6\" case=\"first-letter\">Datei</namespace>"
      "<namespace key=\"14\">Kategorie</namespace></namespaces></siteinfo>"
      "<page><title>Ada &amp; Bob</title><ns>0</ns><id>7</id><revision><id>99</id><timestamp>2014-10-26T04:50:23Z</timestamp><contributor><username>x</username><id>5</id></contributor><text xml:space=\"preserve\">old</text></revision>"
      "<revision><id>100</id><timestamp>2015-10-26T04:50:23Z</timestamp><text>Text &lt;b&gt; <![CDATA[&amp;]]> &#233;</text></revision></page>"
      "<page><title>R</title><ns>0</ns><id>8</id><redirect title=\"Ada\"/><revision><text>#WEITERLEITUNG [[Ada]]</text></revision></page>"
      "<page><title>Diskussion:R</title><ns>1</ns><id>9</id><revision><text/></revision></page>"
      "<page><title>Old redirect</title><id>10</id><revision><text>#redirect [[Ada]]</text></revision></page><page><title>List</title><revision><text># [[Ada]]\n#1 [[Bob]]</text></revision></page></mediawiki>";
  EXPECT_TRUE(begins_as_wiki(dump));
  EXPECT_FALSE(begins_as_wiki("<?xml version='1.0'?><html>"));
  WikiDumpReader reader(read_text(dump), 1000);
  WikiPage page;
  ASSERT_TRUE(reader.next(page));
  EXPECT_EQ(page.title, "Ada & Bob");
  EXPECT_EQ(page.id, "7");
  EXPECT_EQ(page.time, "2015-10-26T04:50:23Z");
  EXPECT_EQ(page.text, "Text <b> &amp; \u00E9");
  EXPECT_FALSE(page.redirects);
  EXPECT_EQ(reader.language(), "de");
  EXPECT_EQ(reader.address(page.title), "https://de.wikipedia.org/wiki/Ada_&_Bob");
  EXPECT_EQ(*reader.unlinked(), (std::vector<std::string>{"Datei", "Kategorie"}));
  ASSERT_TRUE(reader.next(page));
  EXPECT_TRUE(page.redirects);
  ASSERT_TRUE(reader.next(page));
  EXPECT_EQ(page.space, 1);
  ASSERT_TRUE(reader.next(page));
  EXPECT_TRUE(page.redirects);
  ASSERT_TRUE(reader.next(page));
  EXPECT_FALSE(page.redirects);
  EXPECT_FALSE(reader.next(page));
}

/// "Billion laughs": ten entities, each ten of the one before. None is expanded, in text, title or attribute, and the pages
/// behind it are read.
TEST(MediaWiki, EntityBombs) {
  std::string dump = "<?xml version=\"1.0\"?>\n<!DOCTYPE mediawiki [\n<!-- it's no quote -->\n<!ENTITY lol0 \"lol\">\n";
  for (int i = 1; i <= 9; ++i) {
    dump += "<!ENTITY lol" + std::to_string(i) + " \"";
    for (int n = 0; n < 10; ++n) dump += "&lol" + std::to_string(i - 1) + ";";
    dump += "\">\n";
  }
  dump += "<!ENTITY file SYSTEM \"file:///etc/passwd\">\n<!ENTITY % more \"<!ENTITY again '&#37;more;&#37;more;'>\">\n%more;\n]>\n"
          "<mediawiki xml:lang=\"&lol9;\"><page><title>&lol9;</title><ns>0</ns><id>1</id><revision><text>&lol9;&file; and &amp;amp;</text></revision></page>"
          "<page><title>Next</title><ns>0</ns><id>2</id><revision><text>whole</text></revision></page></mediawiki>";
  EXPECT_FALSE(begins_as_wiki(dump));  // no dump has a document type: only --format wiki brings one here
  WikiDumpReader reader(read_text(dump), 1000);
  WikiPage page;
  ASSERT_TRUE(reader.next(page));
  EXPECT_EQ(page.title, "&lol9;");
  EXPECT_EQ(page.text, "&lol9;&file; and &amp;");
  EXPECT_EQ(reader.language(), "&lol9;");
  EXPECT_EQ(wikitext_text(page.text, {page.title, *reader.unlinked()}), "&lol9;&file; and &");
  ASSERT_TRUE(reader.next(page));
  EXPECT_EQ(page.text, "whole");
  EXPECT_FALSE(reader.next(page));
  // One that never ends is an error, not a wait.
  EXPECT_THROW(
      {
        WikiDumpReader open(read_text("<!DOCTYPE mediawiki [<!ENTITY a \"b\"><mediawiki><page><title>x</title></page></mediawiki>"), 1000);
        open.next(page);
      },
      Error);
}

TEST(Xml, BombsAndBrokenTags) {
  auto all = [](const std::string& bytes) {
    XmlReader xml(read_text(bytes));
    XmlEvent e;
    std::string out;
    while (xml.next(e)) out += e.kind == XmlEvent::text ? e.content : e.kind == XmlEvent::end ? "</" + e.name + ">" : "<" + e.name + ">";
    return out;
  };
  EXPECT_EQ(all("<!DOCTYPE a [<!ENTITY b \"x>y\"><!ENTITY c \"&b;&b;\">]><a>&c;&amp;</a>"), "<a>&c;&</a>");
  EXPECT_EQ(all("<a b='>' c=\"<\" d>x</a><!-- <no> --><?pi ?>"), "<a>x</a>");
  EXPECT_EQ(all("<![CDATA[<x>]]]]><![CDATA[>]]>"), "<x>]]>");
  EXPECT_EQ(all("a &lt b &#x41; &#xZZ; &#0;"), "a &lt b A &#xZZ; \uFFFD");
  EXPECT_THROW(all("<a " + std::string(100000, 'x') + ">"), Error);
  EXPECT_THROW(all("<a"), Error);
  std::string longer;
  for (int i = 0; i < 30000; ++i) longer += "&amp;\xC3\xA9 ";
  std::string plain;
  for (int i = 0; i < 30000; ++i) plain += "&\xC3\xA9 ";
  EXPECT_EQ(all(longer), plain) << "references on block ends";
}

}  // namespace
}  // namespace loam
