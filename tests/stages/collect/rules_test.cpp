// The named presets against the examples of the programs they are named after: the reason, to the letter.
#include "loam/stages/collect/rules.h"

#include <gtest/gtest.h>

#include "loam/base/error.h"
#include "tests/support/texts.h"

namespace loam {
namespace {

const std::string kFrodo =
    "I wish it need not have happened in my time,' said Frodo. 'So do I,' said Gandalf, 'and so do all who live to see such times. But that is not for them to decide. All we have to decide is what "
    "to do with the time that is given us.'";

std::string reason(std::string text, const std::string& preset, const std::vector<std::string>& limits = {}) {
  const auto verdict = judge(text, preset_named(preset, limits));
  return verdict ? verdict->reason : "";
}

TEST(Presets, GopherRepetition) {
  const auto why = [](const std::string& text) { return reason(text, "gopher-repetition"); };
  EXPECT_EQ(why(repeated("I am your father.\n", 4)), "dup_line_frac");
  EXPECT_EQ(why(repeated("I am your father.\n\n", 4)), "dup_para_frac");
  EXPECT_EQ(why("I am groot.\n\nYou are a wizard.\n\nI am your father.\n\n" + repeated(std::string(30, 'x') + ".\n\n", 2)), "dup_para_char_frac");
  EXPECT_EQ(why("I am groot.\nYou are a wizard.\nI am your father.\n" + repeated(std::string(40, 'x') + ".\n", 2)), "dup_line_char_frac");
  EXPECT_EQ(why("I am Frank, I am Frank, I am Frank"), "top_2_gram");
  EXPECT_EQ(why("I am Frank, you are Jhon. I am Frank. I am Frank you are Jhon"), "top_3_gram");
  EXPECT_EQ(why(repeated("I am a solo traveller ", 4) + kFrodo), "duplicated_5_n_grams");
  EXPECT_EQ(why(kFrodo), "");
  EXPECT_EQ(why(""), "empty");
}

TEST(Presets, GopherQuality) {
  const auto why = [](const std::string& text) { return reason(text, "gopher/datatrove", {"gopher_short_doc=10", "gopher_long_doc=1000"}); };
  EXPECT_EQ(why("I am too small..."), "gopher_short_doc");
  EXPECT_EQ(why(repeated("I am ", 20)), "gopher_below_avg_threshold");
  EXPECT_EQ(why(repeated("interconnection ", 20)), "gopher_above_avg_threshold");
  EXPECT_EQ(why(repeated("# comment ", 20)), "gopher_too_many_hashes");
  EXPECT_EQ(why(repeated("... comment ", 20)), "gopher_too_many_ellipsis");
  EXPECT_EQ(why(repeated("the ./!*?<><> apple <?////> orange  ++ interconnection !<>??? have", 20)), "gopher_below_alpha_threshold");
  EXPECT_EQ(why(repeated("- apples oranges\n", 19) + "and of the\n"), "gopher_too_many_bullets");
  EXPECT_EQ(why(repeated("word ", 1001)), "gopher_long_doc");
  EXPECT_EQ(why(repeated("apples oranges bananas ", 10)), "gopher_enough_stop_words");
  EXPECT_EQ(why(repeated("The Be To Of ", 10) + repeated("apples oranges ", 9)), "gopher_enough_stop_words") << "case counts";
  EXPECT_EQ(why(kFrodo), "");
  EXPECT_EQ(reason(kFrodo, "gopher/datatrove"), "");
  EXPECT_EQ(reason("One line of words", "gopher/datatrove"), "gopher_short_doc");
  std::string endings;
  for (int i = 0; i < 10; ++i) endings += repeated("the apples of that tree and the others grow ", 2) + (i < 4 ? "...\n" : ".\n");
  EXPECT_EQ(why(endings), "gopher_too_many_end_ellipsis");
  const auto verdict = [&] {
    std::string text = repeated("# comment ", 20);
    return judge(text, preset_named("gopher/datatrove", {"gopher_short_doc=10"}));
  }();
  ASSERT_TRUE(verdict);
  EXPECT_DOUBLE_EQ(verdict->value, 0.5);
  EXPECT_DOUBLE_EQ(verdict->threshold, 0.1);
}

const std::string kGood =
    "This is a well-written paragraph with several sentences.\nThe content continues with more good information here.\nAnother important point is being made in this line.\n"
    "We can see that this document has quality content.\nFinally, the conclusion wraps everything up nicely.\nAn additional sentence to ensure we pass the threshold.";

TEST(Presets, C4) {
  EXPECT_EQ(reason(kGood, "c4"), "");
  EXPECT_EQ(reason("This is a sentence with lorem ipsum dolor sit amet.\n" + kGood, "c4"), "lorem_ipsum");
  EXPECT_EQ(reason("This is some code with a { bracket.\n" + kGood, "c4"), "curly_bracket");
  EXPECT_EQ(reason("Just one sentence.", "c4"), "too_few_sentences");
  std::string text = "  " + kGood + "  \nThis site uses cookies for tracking.\nNo end here\nTwo words.\nWe like Javascript a lot.\nIt goes on and on...\nCited [1] here [citation needed] twice[edit].\n" + std::string(1001, 'x') + " is a long word.\nBye {\n";
  EXPECT_EQ(judge(text, preset_named("c4")), std::nullopt);
  EXPECT_EQ(text, kGood + "\nCited  here  twice.");
  text = kGood + "\nA line without an end";
  EXPECT_EQ(judge(text, preset_named("fineweb", {"gopher_short_doc=5"})), std::nullopt);
  EXPECT_EQ(text, kGood + "\nA line without an end") << "FineWeb turns the rule on line ends off";
}

TEST(Presets, FineWeb) {
  const std::string good =
      "This is a well-written paragraph that ends with proper punctuation.\nThe content here is substantial and has meaningful information.\n"
      "Quality filtering ensures that only the best documents pass through.\nEach line here is long enough and ends with a terminal punctuation mark.\n"
      "This document should pass all the quality checks applied by the filter.";
  EXPECT_EQ(reason(good, "fineweb/code"), "");
  EXPECT_EQ(reason("", "fineweb/code"), "empty");
  EXPECT_EQ(reason(" \n\t\n", "fineweb/code"), "empty");
  EXPECT_EQ(reason("No punctuation here\nAnother line without any\nStill nothing", "fineweb/code"), "line_punct_ratio");
  EXPECT_EQ(reason("\"A quote ends this line, and it is long enough.\"\n\"So it is with this one, which is as long.\"", "fineweb/code"), "line_punct_ratio") << "a closing quote is no terminal";
  EXPECT_EQ(reason("hi.\nbye.\nok.\nno.\nyes.", "fineweb/code"), "short_line_ratio");
  EXPECT_EQ(reason(repeated(good + "\n", 2), "fineweb/code"), "char_dup_ratio");
  EXPECT_EQ(reason(repeated("onewordoflettersthatislongerthanthirty.\n", 1) + "anotherwordoflettersthatislongerthanthirty.\nthirdwordoflettersthatislongerthanthirty.", "fineweb/code", {"list_ratio=0.2"}), "list_ratio");
  // One line in forty again: over the program's limit, under the paper's.
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "Line number " + std::to_string(i == 39 ? 0 : i) + " has some words of its own to say.\n";
  EXPECT_EQ(reason(lines, "fineweb/code"), "char_dup_ratio");
  EXPECT_EQ(reason(lines, "fineweb/paper"), "");
}

TEST(Presets, RefinedWeb) {
  const std::string prose =
      "The road to the mill was longer than anyone in the party had been told, and by noon the horses were tired.\n"
      "Nobody wished to be the first to say so, but all of them thought that turning back might have been wiser.\n"
      "Old Marten, who knew every stone between the river and the hills, only laughed when they asked him how far it was.\n"
      "A mile is as long as the weather makes it, he answered, and walked on with his hat pulled over his eyes.\n"
      "Towards evening clouds came up from behind those ridges, dark as slate, and with them a wind full of dust.\n"
      "Then at last someone saw light in a window far below, small and yellow, where water turned its heavy wheel.\n";
  EXPECT_EQ(reason(prose, "refinedweb"), "");
  EXPECT_EQ(reason("few words", "refinedweb"), "page_length_filter");
  EXPECT_EQ(reason(repeated("a b of to ", 30), "refinedweb"), "word_length_filter");
  EXPECT_EQ(reason(repeated("interconnection ", 60), "refinedweb"), "word_length_filter");
  EXPECT_EQ(reason(repeated("words # there and ", 60), "refinedweb"), "symbol_ratio_filter");
  EXPECT_EQ(reason(repeated("* words there and\n", 60), "refinedweb"), "bullet_count_filter");
  EXPECT_EQ(reason(repeated("the words of it and so on...\n", 60), "refinedweb"), "symbol_ratio_filter");
  EXPECT_EQ(reason(repeated("1234 the 5678 and ", 60), "refinedweb"), "alphabetic_word_ratio_filter");
  EXPECT_EQ(reason(repeated("apple orange banana ", 60), "refinedweb"), "stop_word_filter");
  EXPECT_EQ(reason(repeated("the same words again and again\n", 60), "refinedweb"), "massive_web_repetition_filters");
  EXPECT_EQ(reason(prose + "SHOUTED WORDS OF ALL THE CAPITALS\nANOTHER LINE THAT SHOUTS AT US ALL\n", "refinedweb"), "word_removal_ratio_filter");
  std::string text = prose + "3 likes\n12345\nSign-in\nRead more...\n\n\n\nAlso 1.2k views of it.";
  EXPECT_EQ(judge(text, preset_named("refinedweb", {"word_removal_ratio_filter=0.1"})), std::nullopt);
  EXPECT_EQ(text, prose + "\nAlso 1.2k views of it.");
}

TEST(Presets, NamesAndLimits) {
  EXPECT_EQ(preset_named("gopher-repetition+c4").steps.size(), 2u);
  EXPECT_FALSE(preset_named("none").deduplicates);
  EXPECT_TRUE(preset_named("c4").deduplicates);
  EXPECT_FALSE(preset_named("c4").tidies);
  EXPECT_THROW(preset_named("gopher/datatrov"), Error);
  EXPECT_THROW(preset_named("c4+"), Error);
  EXPECT_THROW(preset_named("c4", {"too_few_sentence=3"}), Error);
  EXPECT_THROW(preset_named("c4", {"too_few_sentences"}), Error);
  EXPECT_EQ(reason("Just one sentence.", "c4", {"too_few_sentences=1"}), "");
  for (const char* name : {"clean", "gopher", "gopher/datatrove", "gopher-repetition", "c4", "fineweb", "fineweb/code", "fineweb/paper", "refinedweb"}) EXPECT_GE(rules_of(preset_named(name)).size(), 4u) << name;
}

}  // namespace
}  // namespace loam
