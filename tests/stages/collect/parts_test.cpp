// The parts of collect: kinds, records, main text, rules, the table of seen texts, the ordered pipeline.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/stages/collect/columns.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/kind.h"
#include "loam/stages/collect/main_text.h"
#include "loam/stages/collect/pipeline.h"
#include "loam/stages/collect/reader.h"
#include "loam/stages/collect/rules.h"
#include "loam/stages/collect/seen.h"
#include "tests/support/texts.h"

namespace loam {
namespace {

using namespace std::string_literals;

TEST(Kind, NamesAndBytes) {
  EXPECT_EQ(kind_of("a.txt", "words", false), FileKind::text);
  EXPECT_EQ(kind_of("a.rst.txt", "Title\n=====\n", false), FileKind::text);
  EXPECT_EQ(kind_of("A.MD.GZ", "words", false), FileKind::markdown);
  EXPECT_EQ(kind_of("a.txt", "<!DOCTYPE html><html>", false), FileKind::html);
  EXPECT_EQ(kind_of("a.txt", "<!-- x -->\n<html lang=en>", false), FileKind::html);
  EXPECT_EQ(kind_of("00001.7c53", "From: a\nTo: b\nSubject: c\n\nx", false), FileKind::mail);
  EXPECT_EQ(kind_of("inbox", "From a@b Thu Aug 22 12:36:23 2002\nFrom: a\nTo: b\nSubject: c\n\n", false), FileKind::mbox);
  EXPECT_EQ(kind_of("rows", "{\"text\": 1}\n", false), FileKind::json_lines);
  EXPECT_EQ(kind_of("x.png", "text really", false), FileKind::unsupported);
  EXPECT_EQ(kind_of("x.js", "var a = 1;", false), FileKind::unsupported);
  EXPECT_EQ(kind_of("x.js", "var a = 1;", true), FileKind::text);
  EXPECT_EQ(kind_of("x.txt", "\x89PNG\r\n", false), FileKind::binary);
  EXPECT_EQ(kind_of("x.txt", std::string(100, '\0'), false), FileKind::binary);
  EXPECT_EQ(kind_of("x.txt", "\xFF\xFEh\0i\0 \0y\0o\0u\0"s, false), FileKind::text);
  EXPECT_EQ(kind_of("x.txt", "h\0i\0 \0y\0o\0u\0 \0a\0l\0l\0"s, false), FileKind::text);
  EXPECT_EQ(kind_of("x.1", ".\\\" c\n.TH X 1\n", false), FileKind::man);
  EXPECT_EQ(kind_of("dump.xml.bz2", "<mediawiki xmlns=", false), FileKind::wiki);
  EXPECT_EQ(kind_of("feed.xml", "<?xml version='1.0'?><rss>", false), FileKind::unsupported);
  EXPECT_EQ(kind_of("pg36.txt", "The Project Gutenberg EBook of X\n\n*** START OF THIS PROJECT GUTENBERG EBOOK X ***\n", false), FileKind::gutenberg);
  EXPECT_THROW(kind_named("htlm"), Error);
}

TEST(Columns, FoundByName) {
  EXPECT_EQ(recognised_text({"id", "Content", "TEXT "}), 2);
  EXPECT_EQ(recognised_text({"id", "Content"}), 1);
  EXPECT_EQ(recognised_text({"id"}), -1);
  EXPECT_EQ(column_named({"a", "B"}, "b"), 1);
  EXPECT_TRUE(looks_like_header({"label", "message body"}));
  EXPECT_FALSE(looks_like_header({"ham", "Go until jurong point, crazy.. Available only"}));
  EXPECT_FALSE(looks_like_header({"1", "x"}));
}

std::vector<Extracted> records_of(const std::string& name, const std::string& bytes, ReaderConfig config = {}) {
  const fs::path file = fs::path(testing::TempDir()) / ("loam_parts_" + name);
  write_file(file, bytes);
  RecordReader reader(file, name, /*named=*/true, config);
  std::vector<Extracted> out;
  RawRecord record;
  while (reader.next(record)) out.push_back(extract_record(record, {.text_column = config.text_column}));
  return out;
}

TEST(Records, TablesWithAndWithoutHeaders) {
  auto rows = records_of("sms.tsv", "ham\tGo until jurong point, crazy.. it's here\nspam\tFree entry in 2 a wkly comp to win\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].document.text, "Go until jurong point, crazy.. it's here");
  EXPECT_EQ(rows[0].document.metadata["1"], "ham");
  rows = records_of("named.csv", "kind,long\na,some longer words\nb,and more of them\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].document.text, "some longer words");
  EXPECT_EQ(rows[0].document.metadata["kind"], "a");
  ReaderConfig second, body;
  second.text_column = "2";
  body.text_column = "body";
  rows = records_of("second.csv", "x one,y one\nx two,y two\n", second);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].document.text, "y one");
  rows = records_of("none.csv", "a,b\n1,2\n", body);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].reason, "no_text");
  rows = records_of("latin.csv", "text\nd\xE9j\xE0 vu\n");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].document.text, "d\u00E9j\u00E0 vu");
}

TEST(Records, ColumnsThatSayWhatARowIs) {
  const auto rows = records_of("t.tsv", "title\tbody\tdate\tlang\turl\tstars\nOne\tThe body of a row\t2020-01-02\ten\thttps://a.example/\t5\nTwo\tAnother body of one\tsometime\tde\t\t\n");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].document.text, "The body of a row");
  EXPECT_EQ(rows[0].document.created, "2020-01-02");
  EXPECT_EQ(rows[0].document.url, "https://a.example/");
  EXPECT_EQ(rows[0].language, "en");
  EXPECT_EQ(rows[0].title, "One");
  EXPECT_EQ(rows[0].document.metadata["stars"], "5");
  EXPECT_FALSE(rows[0].document.metadata.contains("date"));
  EXPECT_EQ(rows[1].document.created, "");
  EXPECT_EQ(rows[1].document.metadata["date"], "sometime");  // no date that we know: kept as it is
}

TEST(Records, HeadingsAreTitles) {
  EXPECT_EQ(records_of("a.rst", ".. a comment\n\n=======\nA title\n=======\n\nText.\n")[0].title, "A title");
  EXPECT_EQ(records_of("a.rst", "M\u00E4rchen\n-------\n\nText.\n")[0].title, "M\u00E4rchen");
  EXPECT_EQ(records_of("a.rst", "====\n  Up\n====\n\nText.\n")[0].title, "Up");
  EXPECT_EQ(records_of("a.rst", "A line of text that is longer\n----\n\nText.\n")[0].title, "");
  EXPECT_EQ(records_of("a.md", "---\nlayout: x\n---\n\n# Head\n\nText.\n")[0].title, "Head");
  EXPECT_EQ(records_of("a.md", "Head\n====\n\nText.\n")[0].title, "Head");
}

/// Zeros before a text hide nothing, and those inside it go; all are counted.
TEST(Records, ZerosAreLeftOutAndCounted) {
  const std::string text = "There is a text behind the zeros, and it has more than a few words.";
  const std::vector<std::pair<const char*, std::string>> files = {
      {"a.txt", text}, {"a.md", text}, {"a.pod", "=head1 Head\n\n" + text + "\n\n=cut\n"}, {"a.1", ".TH A 1\n.SH NAME\n" + text + "\n"},
      {"a.jsonl", "{\"text\": \"" + text + "\"}\n"}, {"a.csv", "id,text\n1,\"" + text + "\"\n"}, {"a.html", "<html><body><p>" + text + "</p></body></html>"},
      {"a.po", "msgid \"" + text + "\"\nmsgstr \"b\"\n"}, {"a.eml", "From: a@b.c\nTo: d@e.f\nSubject: x\n\n" + text}};
  for (const size_t zeros : {size_t{1}, size_t{4}, size_t{200000}}) {
    for (const auto& [name, bytes] : files) {
      const auto rows = records_of(name, std::string(zeros, '\0') + bytes);
      ASSERT_EQ(rows.size(), 1u) << name;
      EXPECT_EQ(rows[0].reason, "") << name << " behind " << zeros;
      EXPECT_NE(rows[0].document.text.find(text), std::string::npos) << name << " behind " << zeros;
      EXPECT_EQ(rows[0].document.metadata["nuls"], zeros) << name;
    }
  }
  auto rows = records_of("a.txt", text + '\0' + text + std::string(1, '\0'));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].document.text, text + text);
  EXPECT_EQ(rows[0].document.metadata["nuls"], 2);
  rows = records_of("a.jsonl", "{\"text\": \"a\\u0000b\"}\n");
  EXPECT_EQ(rows[0].document.text, "ab");
  EXPECT_EQ(rows[0].document.metadata["nuls"], 1);
  // Letters of two bytes are no zeros before a text.
  rows = records_of("a.txt", "\0w\0i\0d\0e\0 \0t\0e\0x\0t\0 \0i\0t\0 \0i\0s"s);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].document.text, "wide text it is");
  EXPECT_FALSE(rows[0].document.metadata.contains("nuls"));
  rows = records_of("a.txt", std::string(300000, '\0'));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].reason, "empty");
  EXPECT_EQ(rows[0].document.metadata["nuls"], 300000);
}

TEST(Records, WideTextOfEveryKind) {
  auto wide = [](const std::string& text) {
    std::string out = "\xFF\xFE";
    for (const char c : text) out += std::string(1, c) + '\0';
    return out;
  };
  EXPECT_EQ(records_of("w.txt", wide("words\r\nmore\n")).at(0).document.text, "words\nmore\n");
  EXPECT_EQ(records_of("w.csv", wide("text,n\nrow one,1\n")).at(0).document.text, "row one");
  EXPECT_EQ(records_of("w.jsonl", wide("{\"text\":\"row\"}\n")).at(0).document.text, "row");
  EXPECT_EQ(records_of("m.json", "\xEF\xBB\xBF[{\"text\":\"row\"}, \"bare\"]").at(1).document.text, "bare");
}

TEST(Records, RowsOfJson) {
  const auto rows = records_of("r.jsonl", "{\"text\":\"a\",\"meta\":{\"url\":\"http://x\",\"k\":1},\"title\":\"T\",\"lang\":\"fr\",\"file\":\"f\",\"big\":\"" + std::string(20000, 'x') + "\"}\n"
                                           "{\"text\":[1],\"content\":\"b\"}\n{\"text\":\"\"}\n[1]\n{\"text\":\"caf\xE9\"}\n");
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].document.url, "http://x");
  EXPECT_EQ(rows[0].document.metadata["k"], 1);
  EXPECT_EQ(rows[0].document.metadata["row_file"], "f");
  EXPECT_EQ(rows[0].document.metadata["left_out"], Json::parse("[\"big\"]"));
  EXPECT_EQ(rows[0].title, "T");
  EXPECT_EQ(rows[0].language, "fr");
  EXPECT_EQ(rows[1].document.text, "b");
  EXPECT_EQ(rows[2].reason, "empty");
  EXPECT_EQ(rows[3].reason, "malformed");
  EXPECT_EQ(rows[4].document.text, "caf\u00E9");
}

TEST(MainText, ArticlesWithoutTheirSurroundings) {
  const std::string p = "<p>The traveller of the day came over the hill, looked at the town for a long while, and said nothing to us about it.</p>";
  const std::string around = "<header><a href=/>Site</a></header><nav><ul><li><a href=1>One</a><li><a href=2>Two</a></ul></nav>";
  const std::string end = "<div class='related-posts'><p>Read also: " + p + "</div><footer>Copyright</footer>";
  for (const std::string& body : {"<article><h1>Head</h1>" + p + p + "<div class=share>Share it</div></article>", "<div class=entry-content><h1>Head</h1>" + p + p + "</div>",
                                  "<main><div><h1>Head</h1>" + p + p + "</div></main>", "<div id=x><div><h1>Head</h1>" + p + p + p + p + "</div></div>"}) {
    const std::string text = main_text(HtmlTree::parse("<html><body>" + around + body + end + "</body></html>"));
    EXPECT_TRUE(text.starts_with("Head\n\nThe traveller")) << text;
    for (const char* no : {"Site", "One", "Share", "Read also", "Copyright"}) EXPECT_EQ(text.find(no), std::string::npos) << no << " in\n" << text;
  }
  EXPECT_EQ(main_text(HtmlTree::parse("<ul><li><a href=1>only</a><li><a href=2>links</a></ul>")), "- only\n- links");
  EXPECT_EQ(main_text(HtmlTree::parse("plain words")), "plain words");
  EXPECT_EQ(main_text(HtmlTree::parse("")), "");
}

std::string preset_reason(std::string text, const char* preset) {
  const auto verdict = judge(text, preset_named(preset));
  return verdict ? verdict->reason : "";
}

TEST(Rules, Clean) {
  EXPECT_EQ(preset_reason("Ten words of plain running text are quite enough here.", "clean"), "");
  EXPECT_EQ(preset_reason("Nine words of plain running text are not enough.", "clean"), "few_words");
  EXPECT_EQ(preset_reason("a b c d e f g h i j k l m n", "clean"), "short_words");
  EXPECT_EQ(preset_reason(repeated("https://example.org/some/path/index ", 12), "clean"), "long_words");
  EXPECT_EQ(preset_reason(repeated("word ... ", 12), "clean"), "symbols");
  EXPECT_EQ(preset_reason("# Title\n\n## Part\n\n" + repeated("and some words of text under the headings ", 3), "clean"), "");
  EXPECT_EQ(preset_reason(repeated("an even longer text of words ", 40) + std::string(600, 'x'), "clean"), "one_long_word");
  EXPECT_EQ(preset_reason(repeated("broken \uFFFD words here ", 20), "clean"), "broken_characters");
  EXPECT_EQ(preset_reason("anything", "none"), "");
  EXPECT_EQ(preset_reason("anything", "dedup"), "");
}

TEST(Rules, GopherRepetition) {
  EXPECT_EQ(preset_reason(repeated("I am your father.\n", 4), "gopher"), "dup_line_frac");
  EXPECT_EQ(preset_reason(repeated("I am your father.\n\n", 4), "gopher"), "dup_para_frac");
  EXPECT_EQ(preset_reason("I am Frank, I am Frank, I am Frank", "gopher"), "top_2_gram");
}

TEST(Rules, GopherQuality) {
  std::string text;
  for (int i = 0; i < 70; ++i) text += "word" + std::string(1, static_cast<char>('a' + i % 26)) + std::string(static_cast<size_t>(i / 26), 'q') + " the with ";
  EXPECT_EQ(preset_reason("one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty", "gopher"), "gopher_short_doc");
  std::string varied;
  for (int i = 0; i < 120; ++i) varied += "w" + repeated("x", i % 7) + std::to_string(i) + (i % 10 == 0 ? " the " : i % 10 == 5 ? " with " : " ");
  EXPECT_EQ(preset_reason(varied, "gopher"), "");
  std::string foreign;
  for (int i = 0; i < 120; ++i) foreign += "mot" + std::to_string(i) + " ";
  EXPECT_EQ(preset_reason(foreign, "gopher"), "gopher_enough_stop_words");
  std::string numbers;
  for (int i = 0; i < 120; ++i) numbers += std::to_string(i * 7919 + 1000) + " ";
  EXPECT_EQ(preset_reason(numbers, "gopher"), "gopher_below_alpha_threshold");
}

TEST(Rules, Tidied) {
  EXPECT_EQ(tidied("\n \n a  b \t\n\n\n\nc\x01" "d\f e\n\n"), " a  b\n\ncd\n e");
  EXPECT_EQ(tidied(" \n\t\n"), "");
  const std::string once = tidied("x \n\n\n y\t\n");
  EXPECT_EQ(tidied(once), once);
}

TEST(Rules, KeysAreOfWords) {
  EXPECT_EQ(key_of("a  b\n\nc "), key_of("a b c"));
  EXPECT_FALSE(key_of("a b c") == key_of("ab c"));
  EXPECT_FALSE(key_of("a b c") == key_of("a c b"));
  EXPECT_FALSE(key_of("A b c") == key_of("a b c"));
}

TEST(Seen, GrowsSavesAndLoads) {
  const fs::path dir = fs::path(testing::TempDir()) / "loam_seen";
  fs::remove_all(dir);
  fs::create_directories(dir);
  auto key = [](int64_t i) { return TextKey{mix64(static_cast<uint64_t>(i)), static_cast<uint64_t>(i)}; };
  SeenTable table(dir);
  int64_t saved = 0;
  constexpr int64_t kKeys = 350000;  // past the memory's 157,000, and past the first file's 314,000
  for (int64_t i = 0; i < kKeys; ++i) {
    EXPECT_FALSE(table.insert(key(i), i));
    if (i == 7000 || i == 320000) saved = table.save();
  }
  EXPECT_EQ(table.insert(key(123), 99999), 123);
  EXPECT_EQ(table.insert(key(kKeys - 1), 99999), kKeys - 1);
  EXPECT_EQ(table.size(), kKeys);
  fs::create_directories(dir / "again");
  fs::copy_file(dir / "seen.log", dir / "again" / "seen.log");
  SeenTable again(dir / "again");
  again.load(saved);
  EXPECT_EQ(again.size(), 320001);
  EXPECT_EQ(again.insert(key(320000), 1), 320000);
  EXPECT_FALSE(again.insert(key(320001), 320001));
  fs::resize_file(dir / "again" / "seen.log", static_cast<uintmax_t>(saved) - 1);
  SeenTable cut(dir / "again");
  EXPECT_THROW(cut.load(saved), Error);
}

/// Streams of numbers; every third batch is slow.
class Numbers : public OrderedWork {
 public:
  struct Piece : Batch {
    int64_t number = 0;
  };
  struct Source : Stream {
    explicit Source(int64_t stream_in, std::atomic<int64_t>& held_in) : stream(stream_in), held(held_in) {}
    std::unique_ptr<Batch> read() override {
      auto piece = std::make_unique<Piece>();
      piece->number = stream * 100 + next++;
      piece->bytes = 10;
      piece->last = next > stream % 5;
      ++held;
      return piece;
    }
    int64_t stream, next = 0;
    std::atomic<int64_t>& held;
  };
  int64_t streams() const override { return 200; }
  std::unique_ptr<Stream> open(int64_t stream, SpareWork&) override { return std::make_unique<Source>(stream, held); }
  void process(Batch& batch) override {
    auto& piece = static_cast<Piece&>(batch);
    if (piece.number % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(200));
    if (piece.number == fail_at) fail(ErrorKind::io, "at ", piece.number);
    piece.number *= 2;
  }
  void consume(int64_t, Batch& batch) override {
    most = std::max(most, held.load());
    --held;
    seen.push_back(static_cast<Piece&>(batch).number);
    if (static_cast<int64_t>(seen.size()) == stop_at) request_stop();
  }
  void interrupted() override { fail_interrupted("stopped"); }

  std::vector<int64_t> seen;
  std::atomic<int64_t> held = 0;
  int64_t most = 0, fail_at = -1, stop_at = -1;
};

TEST(Pipeline, InOrderWithinTheWindowWhateverTheThreads) {
  std::vector<int64_t> expected;
  for (int64_t s = 3; s < 200; ++s) {
    for (int64_t i = 0; i <= s % 5; ++i) expected.push_back(2 * (s * 100 + i));
  }
  for (const int n : {1, 2, 7}) {
    set_threads(n);
    Numbers work;
    run_ordered(work, 3, 100);
    EXPECT_EQ(work.seen, expected) << n << " threads";
    EXPECT_LE(work.most, 10 + n + 1) << n << " threads";
  }
  set_threads(hardware_threads());
}

TEST(Pipeline, TheFirstErrorStopsIt) {
  for (const int n : {1, 4}) {
    set_threads(n);
    Numbers work;
    work.fail_at = 7700;
    EXPECT_THROW(run_ordered(work, 0, 100), Error);
    Numbers stopping;
    stopping.stop_at = 40;
    EXPECT_THROW(run_ordered(stopping, 0, 100), Error);
    request_stop(false);
    EXPECT_LT(stopping.seen.size(), 60u);
    EXPECT_GE(stopping.seen.size(), 40u);
  }
  set_threads(hardware_threads());
}

}  // namespace
}  // namespace loam
