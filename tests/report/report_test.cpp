#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <set>

#include "loam/artifacts/corpus.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/report/chart.h"
#include "loam/report/flow.h"
#include "loam/report/html.h"
#include "loam/report/report.h"

namespace loam {
namespace {

TEST(Html, NoTextLeavesItsElement) {
  EXPECT_EQ(escape_html("<script>alert('x')</script>&\""), "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;&quot;");
  EXPECT_EQ(escape_html("caf\xc3\xa9 \xf0\x9f\x98\x80"), "caf\xc3\xa9 \xf0\x9f\x98\x80");
  EXPECT_EQ(escape_html("a\xff\x62"), "a\xef\xbf\xbd" "b");               // no UTF-8
  EXPECT_EQ(escape_html("\xc0\xbc"), "\xef\xbf\xbd\xef\xbf\xbd");         // an overlong '<'
  EXPECT_EQ(escape_html("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // a surrogate
  EXPECT_EQ(escape_html(std::string("\0\x1b", 2)), "\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Html, MarkdownReadsNothingInTexts) {
  EXPECT_EQ(escape_markdown("a|b*c_\n# d"), "a\\|b\\*c\\_ \\# d");
  EXPECT_EQ(escape_markdown("<b>'"), "&lt;b&gt;&#39;");
}

TEST(Html, ShortensAtCharacters) {
  EXPECT_EQ(shorten("abc", 3), "abc");
  EXPECT_EQ(shorten("\xc3\xa9\xc3\xa9\xc3\xa9", 2), "\xc3\xa9\xc3\xa9...");
}

TEST(Chart, TicksAreRound) {
  EXPECT_EQ(nice_ticks(0, 10, 5), (std::vector<double>{0, 2, 4, 6, 8, 10}));
  EXPECT_EQ(nice_ticks(2.31, 4.02, 4), (std::vector<double>{2, 2.5, 3, 3.5, 4, 4.5}));
  EXPECT_EQ(nice_ticks(5, 5, 4).size(), 1u);
  EXPECT_LE(nice_ticks(-1e300, 1e300, 5).size(), 100u);
}

TEST(Chart, SurvivesWhatLogsHold) {
  const double nan = std::numeric_limits<double>::quiet_NaN(), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(line_chart({{"nothing", {}, {}}}, {}), "");
  EXPECT_EQ(line_chart({{"only holes", {1, 2}, {nan, inf}}}, {}), "");
  const std::string svg = line_chart({{"<b>", {1, 2, 3}, {1, nan, 3}}, {"one point", {2}, {2}, 2}}, {"t", "x", "y"});
  EXPECT_NE(svg.find("<polyline"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  std::vector<double> x, y;
  for (int i = 0; i < 100000; ++i) {
    x.push_back(i);
    y.push_back(1.0 / (1 + i));
  }
  EXPECT_LT(line_chart({{"long", x, y}}, {}).size(), 20000u);
}

TEST(Chart, TimeTicksAreWholeMinutes) {
  EXPECT_EQ(time_ticks(0, 342, 6), (std::vector<double>{0, 60, 120, 180, 240, 300, 360}));
  EXPECT_EQ(unit_text(120, Unit::seconds), "2 min");
  EXPECT_EQ(unit_text(100, Unit::seconds), "1m40s");
  EXPECT_EQ(time_ticks(3, 3, 6).size(), 1u);
}

TEST(Chart, LogarithmicAxesShowDecadesAndLeaveOutWhatHasNone) {
  ChartFrame frame{"Loss against compute", "operations", "loss"};
  frame.x_log = frame.y_log = true;
  const std::string svg = line_chart({{"runs", {1e10, 1e11, 1e12, 0, -1}, {8, 4, 2, 1, 1}, 1, true, false}}, frame);
  for (const char* tick : {">1e10<", ">1e11<", ">1e12<", ">2<", ">8<"}) EXPECT_NE(svg.find(tick), std::string::npos) << tick;
  EXPECT_NE(svg.find("runs: 4 at 1e11"), std::string::npos);
  // Equal ratios are equal distances: 1e11 stands half way.
  size_t circles = 0;
  std::vector<double> xs;
  for (size_t at = svg.find("cx=\""); at != std::string::npos; at = svg.find("cx=\"", at + 1), ++circles) xs.push_back(std::stod(svg.substr(at + 4)));
  ASSERT_EQ(circles, 3u);
  EXPECT_NEAR(xs[1] - xs[0], xs[2] - xs[1], 0.11);
}

TEST(Chart, SmoothingIsNeverBehind) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double v : smoothed({4, 4, 4}, 3)) EXPECT_NEAR(v, 4, 1e-12);
  EXPECT_EQ(smoothed({1, 2, 3, 4, 5}, 3), (std::vector<double>{1, 2, 3, 4, 5}));  // a straight line stays where it is
  EXPECT_EQ(smoothed({0, 9, 0}, 3), (std::vector<double>{0, 3, 0}));
  EXPECT_EQ(smoothed({2, nan, 4}, 3)[1], 3);
  EXPECT_TRUE(smoothed({}, 5).empty());
  EXPECT_EQ(smoothed({7, 8}, 0), (std::vector<double>{7, 8}));
}

TEST(Chart, LinesEndWhereTheyLeaveTheAxis) {
  ChartFrame frame;
  frame.y_low = 0;
  frame.y_high = 10;
  const std::string svg = line_chart({{"spike", {0, 1, 2, 3, 4}, {5, 5, 1000, 5, 5}}}, frame);
  size_t lines = 0;
  for (size_t at = svg.find("<polyline"); at != std::string::npos; at = svg.find("<polyline", at + 1)) ++lines;
  EXPECT_EQ(lines, 2u);  // before the spike and after it
}

TEST(Chart, AFunnelShowsWhatIsLeft) {
  EXPECT_EQ(funnel_chart({{"found", 0, 0}}, "none"), "");
  const std::string svg = funnel_chart({{"found", 1000, 0}, {"<i>", 999, 1}}, "Drops");
  EXPECT_NE(svg.find("999  (-1)"), std::string::npos);
  EXPECT_EQ(svg.find("<i>"), std::string::npos);
}

class ReportOf : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-report-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    make_folder(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  Artifact make(const std::string& name, const std::string& kind, const std::vector<ArtifactInput>& inputs, const Json& counts,
                const std::vector<std::pair<std::string, std::string>>& logs = {}) {
    ArtifactWriter out(folder_ / name, kind, {{"made_for", name}}, inputs, false);
    write_file(out.path("data"), name);
    out.promise("data");
    for (const auto& [file, text] : logs) {
      write_file(out.path(file), text);
      out.log(file);
    }
    return out.finish(counts);
  }
  fs::path folder_;
  Progress quiet_;
};

TEST_F(ReportOf, APathIsOnePageWithoutTheNetwork) {
  const Artifact corpus = make("corpus", "corpus", {{"notes", "folder", "abc"}}, {{"documents", 1234}, {"bytes", 5600000}});
  const Artifact tokenizer = make("tokenizer", "tokenizer", {corpus.as_input()}, {{"vocab_size", 4096}});
  const Artifact tokens = make("tokens", "tokens", {corpus.as_input(), tokenizer.as_input()}, {{"train_tokens", 1500000}});
  std::string metrics;
  for (int i = 1; i <= 100; ++i) {
    metrics += to_line({{"step", i}, {"tokens", i * 1000}, {"seconds", i * 0.5}, {"loss", 3 + 5.0 / i}, {"tokens_per_s", 2000}}) + "\n";
    if (i % 25 == 0) metrics += to_line({{"step", i}, {"tokens", i * 1000}, {"seconds", i * 0.5}, {"val_loss", 3.1}, {"bits_per_byte", 1.6}}) + "\n";
  }
  metrics += "{\"step\": 101, \"lo";  // cut off by a kill
  make("base", "model", {tokens.as_input()}, {{"parameters", 1000000}},
       {{"metrics.jsonl", metrics}, {"samples.jsonl", to_line({{"step", 50}, {"tokens", 50000}, {"prompt", "The "}, {"text", "<script>alert(1)</script> \xff end"}}) + "\n"}});
  const ReportPaths written = write_report({folder_}, folder_, quiet_);
  const std::string page = read_file(written.html), markdown = read_file(written.markdown);
  for (const char* loaded : {"<script", "src=", "@import", "url(http", "<link", "<iframe", "http:", "https:"}) {
    EXPECT_EQ(page.find(loaded), std::string::npos) << loaded;
  }
  EXPECT_NE(page.find("&lt;script&gt;alert(1)&lt;/script&gt; \xef\xbf\xbd end"), std::string::npos);
  EXPECT_NE(page.find("1,234 documents, 5.6 MB"), std::string::npos);
  EXPECT_NE(page.find(corpus.content), std::string::npos);
  EXPECT_NE(page.find("1.600 bits a byte"), std::string::npos);
  EXPECT_NE(page.find("<polyline"), std::string::npos);
  EXPECT_NE(markdown.find("| corpus | corpus |"), std::string::npos);
  EXPECT_EQ(markdown.find("<script"), std::string::npos);
}

TEST_F(ReportOf, BoxesStandRightOfWhatTheyAreMadeFrom) {
  const Artifact corpus = make("1corpus", "corpus", {}, Json::object());
  const Artifact tokenizer = make("2tokenizer", "tokenizer", {corpus.as_input()}, Json::object());
  const Artifact tokens = make("3tokens", "tokens", {corpus.as_input(), tokenizer.as_input()}, Json::object());
  const Artifact base = make("4base", "model", {tokens.as_input()}, Json::object());
  const Artifact mails = make("5mails", "corpus", {}, Json::object());
  make("6spam", "model", {base.as_input(), mails.as_input()}, Json::object());
  const PathData path = gather_path({folder_});
  ASSERT_EQ(path.made.size(), 6u);
  const auto boxes = flow_layout(path);
  std::set<std::pair<int, int>> places;
  for (size_t i = 0; i < boxes.size(); ++i) {
    EXPECT_TRUE(places.insert({boxes[i].column, boxes[i].row}).second) << path.made[i].name;
    for (const size_t parent : path.made[i].parents) EXPECT_LT(boxes[parent].column, boxes[i].column) << path.made[i].name;
  }
  EXPECT_EQ(boxes[4].column, boxes[3].column);  // the mails stand beside the base model, before the filter
}

TEST_F(ReportOf, SourcesAreReadFromListsAndByName) {
  make("mail", "corpus", {}, {{"documents", 30}, {"sources", {{"ham", {{"files", 20}, {"documents", 20}, {"bytes", 1000}, {"dropped", 3}, {"reasons", {{"duplicate", 3}}}}}}}});
  make("tokens", "tokens", {}, {{"sources", {{{"name", "essays"}, {"documents", 7}, {"tokens", 700}, {"weight", 0.25}, {"share", 0.26}, {"epochs", 1.5}}}}});
  const DocSection section = sources_section(gather_path({folder_}));
  ASSERT_EQ(section.blocks.size(), 2u);
  const auto& mail = std::get<Table>(section.blocks[0]);
  ASSERT_EQ(mail.rows.size(), 1u);
  EXPECT_EQ(mail.rows[0][0].text, "ham");
  EXPECT_EQ(mail.rows[0][2].text, "20");
  EXPECT_EQ(mail.rows[0][5].text, "3 duplicate");
  const auto& tokens = std::get<Table>(section.blocks[1]);
  ASSERT_EQ(tokens.rows.size(), 1u);
  EXPECT_EQ(tokens.rows[0][0].text, "essays");
  EXPECT_EQ(tokens.rows[0][5].text, "1.50");
}

TEST_F(ReportOf, TokensAndTextByLanguageAndRule) {
  make("mail", "corpus", {}, {{"documents", 30}, {"languages", {{"en", 28}, {"un", 2}}}, {"language_bytes", {{"en", 3 << 20}, {"un", 1 << 10}}}, {"reasons", {{"duplicate", 3}}}, {"reason_bytes", {{"duplicate", 5 << 10}}},
                              {"sources", {{"ham", {{"documents", 30}, {"dropped", 3}, {"reasons", {{"duplicate", 3}}}}}}}});
  Json counts = {{"sources", {{{"name", "ham"}, {"documents", 30}, {"tokens", 700}}}}};
  for (int i = 0; i < 25; ++i) counts["languages"].push_back({{"language", i == 1 ? std::string("un") : "l" + std::to_string(i)}, {"documents", 100 - i}, {"tokens", 10000 - i}, {"bytes", 2048}});
  counts["left_out"].push_back({{"source", "ham"}, {"reason", "duplicate"}, {"documents", 3}, {"bytes", 5 << 10}, {"tokens", 1234}, {"about", true}});
  make("tokens", "tokens", {}, counts);
  DocSection section = sources_section(gather_path({folder_}));
  ASSERT_EQ(section.blocks.size(), 6u);  // table, drops, text; mixture, languages, left out
  const auto& text = std::get<Table>(section.blocks[2]);
  ASSERT_EQ(text.rows.size(), 3u);
  EXPECT_EQ(text.rows[0][0].text, "en");
  EXPECT_EQ(text.rows[1][0].text, "language not told");
  EXPECT_EQ(text.rows[2][0].text, "left out: duplicate");
  EXPECT_EQ(text.rows[2][1].text, "3");
  const auto& languages = std::get<Table>(section.blocks[4]);
  ASSERT_EQ(languages.rows.size(), 20u);
  EXPECT_EQ(languages.rows[0][2].text, "10,000");
  EXPECT_EQ(languages.rows[1][0].text, "not told");
  EXPECT_NE(languages.caption.find("5 other languages"), std::string::npos) << languages.caption;
  const auto& left_out = std::get<Table>(section.blocks[5]);
  ASSERT_EQ(left_out.rows.size(), 1u);
  EXPECT_EQ(left_out.rows[0][3].text, "about 1,234");
  counts["left_out"][0].erase("about");
  counts["left_out"][0]["language"] = "de";
  make("tokens2", "tokens", {}, counts);
  section = sources_section(gather_path({folder_ / "tokens2"}));
  const auto& counted = std::get<Table>(section.blocks[2]);
  EXPECT_EQ(counted.rows[0][2].text, "de");
  EXPECT_EQ(counted.rows[0][4].text, "1,234");
}

TEST_F(ReportOf, ACorpusIsShownByLengthLanguageAndTexts) {
  ArtifactWriter out(folder_ / "mail", "corpus", {}, {}, false);
  CorpusWriter rows(out.folder());
  for (int i = 0; i < 20; ++i) {
    loam::Document d;
    d.id = "ham:" + std::to_string(i);
    d.text = "kept <b>" + std::string(i < 15 ? 100 : 5000, 'x');
    d.source = "ham";
    rows.add(d);
  }
  rows.drop({"ham:a", "ham", "", "few_words", 3, 10, "three short words"});
  rows.drop({"ham:b", "ham", "", "unsupported", nullptr, nullptr, ""});
  for (const std::string& name : rows.finish()) out.promise(name);
  const Json reasons = {{"few_words", 1}, {"unsupported", 1}};
  out.finish({{"documents", 20}, {"languages", {{"en", 18}, {"un", 2}}}, {"reasons", reasons}, {"sources", {{"ham", {{"documents", 20}, {"reasons", reasons}}}}}});
  const DocSection section = sources_section(gather_path({folder_}));
  ASSERT_EQ(section.blocks.size(), 5u);  // table, drops, lengths, languages, texts
  EXPECT_NE(std::get<Figure>(section.blocks[2]).svg.find("4 KiB to 8 KiB: 5"), std::string::npos);
  EXPECT_NE(std::get<Figure>(section.blocks[3]).svg.find("not told: 2"), std::string::npos);
  const auto& texts = std::get<Table>(section.blocks[4]);
  ASSERT_EQ(texts.rows.size(), 6u);
  EXPECT_EQ(texts.rows[0][1].text, "few_words (3 against 10): three short words");
  EXPECT_TRUE(texts.rows[1][1].text.empty());  // what has no text is not shown
  EXPECT_LT(texts.rows[0][0].text.size(), 500u);
}

TEST_F(ReportOf, AFileOfAnArtifactLeadsBackToIt) {
  const Artifact pairs = make("1pairs", "pairs", {}, {{"train", 10}});
  make("2translator", "model", {{"runs/x/pairs/data", "file", pairs.files.at(0).sha256}, {"elsewhere", "file", "abc"}}, Json::object());
  const PathData path = gather_path({folder_});
  ASSERT_EQ(path.made.size(), 2u);
  EXPECT_EQ(path.made[1].parents, (std::vector<size_t>{0}));
  EXPECT_EQ(path.made[1].outside_inputs, 1);
}

TEST_F(ReportOf, AComparisonStandsWithItsTunedModel) {
  const Artifact base = make("1base", "model", {}, Json::object());
  const Artifact tuned = make("2translator", "model", {base.as_input()}, Json::object(), {{"split.tsv", ""}});
  ArtifactWriter out(folder_ / "3scores", "scores", {}, {base.as_input(), tuned.as_input()}, false);
  std::string rows;
  for (const char* asked : {"Translate to French: Open.", "Translate to French: Close."}) {
    rows += to_line({{"doc", {{"prompt", asked}}}, {"resps", {{{"base", "gibberish"}, {"tuned", "Ouvrir."}}}}, {"target", "Ouvrez."}}) + "\n";
  }
  write_file(out.path("samples_compare_1.jsonl"), rows);
  out.promise("samples_compare_1.jsonl");
  out.finish({{"detail", {{"compare", {{"chrf", {{"base", 7.0}, {"tuned", 33.0}, {"difference", 26.0}, {"low", 24.0}, {"high", 28.0}, {"p", 0.0001}}}}}}}});
  const PathData path = gather_path({folder_});
  const auto sections = tuning_sections(path);
  ASSERT_EQ(sections.size(), 1u);
  const auto* answers = std::get_if<Table>(&sections[0].blocks.back());
  ASSERT_NE(answers, nullptr);
  ASSERT_EQ(answers->rows.size(), 2u);
  EXPECT_EQ(answers->rows[1][0].text, "Close.");  // what all questions begin with stands in the caption
  EXPECT_NE(answers->caption.find("Translate to French:"), std::string::npos);
  EXPECT_EQ(answers->rows[0][2].text, "Ouvrir.");
  EXPECT_TRUE(scores_section(path).blocks.empty());
}

TEST_F(ReportOf, WhatWasPlannedStandsBesideWhatItTook) {
  make("base", "model", {}, {{"predicted_memory", {{"weights", 5000000}, {"total", 100000000}}}, {"peak_memory", 103000000}});
  write_file(folder_ / "run.json", to_line({{"name", "r"}, {"order", {"base"}}, {"sections", {{"base", {{"verb", "pretrain"}, {"seconds", 310.0}, {"planned_seconds", 300.0}}}}}}));
  const DocSection cost = cost_section(gather_path({folder_}), {});
  const auto& time = std::get<Table>(cost.blocks.front());
  EXPECT_EQ(time.columns[2], "planned");
  EXPECT_EQ(time.rows[0][2].text, "5m00s");
  EXPECT_EQ(time.rows[0][3].text, "5m10s");
  const auto& memory = std::get<Table>(cost.blocks.back());
  ASSERT_EQ(memory.rows.size(), 1u);
  EXPECT_EQ(memory.rows[0].back().text, "+3.0%");
}

TEST_F(ReportOf, ALadderShowsItsLawAndWhatItForetold) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_report_ladder";
  fs::remove_all(folder);
  ArtifactWriter out(folder, "scores", Json::object(), {}, true);
  const Json rows = {{{"name", "2x32-1"}, {"role", "rung"}, {"parameters", 5e4}, {"tokens", 1e6}, {"flops", 3e11}, {"loss", 5.0}, {"fitted", 5.01}},
                     {{"name", "2x64"}, {"role", "target"}, {"parameters", 1e5}, {"tokens", 2e6}, {"flops", 1.2e12}, {"loss", 4.0}, {"fitted", 4.1}}};
  const Json ladder = {{"rows", rows},
                       {"prediction", {{"name", "2x64"}, {"loss", 4.1}, {"low", 3.9}, {"high", 4.2}, {"law", {{"formula", "L = 1 + 2 / N^0.3"}, {"why", "because"}}}}},
                       {"truth", {{"loss", 4.0}, {"inside", true}}},
                       {"curve", {{"ratio", 20}, {"flops", {3e11, 1.2e12, 4e12}}, {"loss", {5.0, 4.1, 3.5}}}}};
  write_file(out.path("ladder.json"), to_pretty(ladder));
  out.promise("ladder.json");
  out.finish(Json::object());
  const DocSection section = scaling_section(gather_path({folder}));
  ReportPage document;
  document.sections.push_back(section);
  const std::string html = to_html(document);
  for (const char* text : {"+2.50 %", "the truth is inside the band", "2x64 (foretold)", "L = 1 + 2 / N^0.3", "<polyline"}) EXPECT_NE(html.find(text), std::string::npos) << text;
}

TEST_F(ReportOf, RefusesFoldersWithoutArtifacts) {
  EXPECT_THROW(gather_path({folder_ / "none"}), Error);
  EXPECT_THROW(gather_path({folder_}), Error);
}

}  // namespace
}  // namespace loam
