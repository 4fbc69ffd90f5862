// encode, decode, tokenizer and tokenize as a user types them: what is printed, and the exit codes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "loam/artifacts/corpus.h"
#include "loam/artifacts/tokens.h"
#include "loam/base/files.h"
#include "loam/base/json.h"

namespace loam {
namespace {

class TokensVerbs : public testing::Test {
 protected:
  static fs::path folder() { return fs::temp_directory_path() / ("loam-tokens-verbs-" + std::to_string(::getpid())); }
  static void SetUpTestSuite() {
    fs::remove_all(folder());
    std::vector<Document> documents;
    for (int i = 0; i < 30; ++i) {
      Document& d = documents.emplace_back();
      d.id = "a/" + std::to_string(i);
      d.source = i % 2 == 0 ? "even" : "odd";
      for (int w = 0; w < 40; ++w) d.text += (w == 0 ? "" : " ") + std::string("the number is ") + std::to_string(i * w);
    }
    write_corpus(folder() / "corpus", documents);
  }
  static void TearDownTestSuite() { fs::remove_all(folder()); }

  struct Ran {
    int code;
    std::string out, err;
  };
  static Ran run(const std::string& words, const std::string& input = "") {
    write_file(folder() / "in", input);
    const std::string command = "cd " + folder().string() + " && " + LOAM_BINARY + " --quiet " + words + " < in > out 2> err";
    const int status = std::system(command.c_str());
    return {WEXITSTATUS(status), read_file(folder() / "out"), read_file(folder() / "err")};
  }
  static void make_tokenizer() {
    if (!fs::exists(folder() / "tok/manifest.json")) {
      ASSERT_EQ(run("tokenizer train --corpus corpus --vocab-size 300 --chat --out tok").code, 0);
    }
  }
};

TEST_F(TokensVerbs, EncodeThenDecode) {
  make_tokenizer();
  std::string bytes = "the number\n <|endoftext|> \xff\xfe";
  bytes += '\0';
  const Ran ids = run("encode --tokenizer tok -", bytes);
  EXPECT_EQ(ids.code, 0);
  EXPECT_EQ(ids.out.find('\n'), ids.out.size() - 1);
  EXPECT_EQ(run("decode --tokenizer tok", ids.out).out, bytes);
  EXPECT_EQ(run("encode --tokenizer tok --special", "<|endoftext|>").out, "299\n");
  EXPECT_EQ(run("encode --tokenizer tok", "").out, "\n");
  EXPECT_EQ(run("decode --tokenizer tok", "").out, "");
  EXPECT_EQ(run("encode --tokenizer tok --count", "<|endoftext|>").out, "13\n");
  EXPECT_EQ(run("encode --tokenizer tok --lines", "!\r\n\n\"").out, "[0]\n[]\n[1]\n");
  EXPECT_EQ(run("decode --tokenizer tok", "[0]\n[]\n[1,\n0]").out, "!\"!");
  const Ran json = run("--json encode --tokenizer tok", "!!");
  EXPECT_EQ(Json::parse(json.out.substr(json.out.find('\n')))["tokens"], json.out.starts_with("0 0\n") ? 2 : 1);
}

TEST_F(TokensVerbs, RenderShowsWhatATemplateMakes) {
  make_tokenizer();
  const std::string dialogue = R"({"messages": [{"role": "user", "content": "a <|im_end|> b"}]})";
  EXPECT_EQ(run("render tok", dialogue).out, "<|im_start|>user\na <|im_end|> b<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(run("render tok/tokenizer.json", R"([{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}])").out,
            "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n");
  EXPECT_EQ(run("render tok", R"({"messages": [{"role": "user", "content": "a"}], "add_generation_prompt": false})").out, "<|im_start|>user\na<|im_end|>\n");
  // A file with the template alone; all that the object holds is the template's to read.
  write_file(folder() / "t.jinja", "{{ bos_token }}{% for t in tools or [] %}{{ t.name }};{% endfor %}{{ messages[0].tool_calls | tojson }}{{ tools is none }}\n");
  EXPECT_EQ(run("render t.jinja", R"({"messages": [{"tool_calls": [1]}], "tools": [{"name": "f"}], "bos_token": "<s>"})").out, "<s>f;[1]False");
  const Ran lines = run("--json render t.jinja --lines", "{\"messages\": [{\"tool_calls\": \"\u00e9\"}]}\n[{\"tool_calls\": null}]\n");
  EXPECT_EQ(lines.out.substr(0, lines.out.rfind('{')), "\"\\\"\u00e9\\\"True\"\n\"nullTrue\"\n");
}

TEST_F(TokensVerbs, RenderSaysWhatIsWrong) {
  make_tokenizer();
  EXPECT_EQ(run("render nowhere", "[]").code, 3);
  EXPECT_EQ(run("render tok", "").code, 3);
  EXPECT_EQ(run("render tok", R"({"messages": "a"})").code, 3);
  EXPECT_EQ(run("render corpus", "[]").code, 3);
  write_file(folder() / "t.jinja", "{% if messages|length > 1 %}{{ raise_exception('one turn') }}{% endif %}");
  const Ran ran = run("render t.jinja --lines", "[1]\n[1, 2]\n");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("rendering dialogue 2 of standard input with the chat template of t.jinja: "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("the chat template refuses this dialogue: one turn"), std::string::npos) << ran.err;
  write_file(folder() / "t.jinja", "{% for %}");
  EXPECT_EQ(run("render t.jinja", "[]").code, 3);
}

TEST_F(TokensVerbs, EncodeChatRefusesWhatItWouldDrop) {
  make_tokenizer();
  EXPECT_EQ(run("encode --tokenizer tok --chat", R"({"messages": [{"role": "user", "content": "a"}], "tools": [], "id": 3})").code, 0);
  for (const char* dialogue : {R"({"messages": [{"role": "user", "content": "a"}], "tools": [{"name": "f"}]})", R"([{"role": "assistant", "content": "", "tool_calls": [1]}])"}) {
    const Ran ran = run("encode --tokenizer tok --chat", dialogue);
    EXPECT_EQ(ran.code, 3);
    EXPECT_NE(ran.err.find("`loam render` gives the template all of it"), std::string::npos) << ran.err;
  }
}

TEST_F(TokensVerbs, MistakesHaveTheirCodes) {
  make_tokenizer();
  Ran ran = run("decode --tokenizer tok", "1 2 x3");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("\"x3\" at byte 4"), std::string::npos);
  EXPECT_EQ(run("decode --tokenizer tok", "300").code, 3);
  EXPECT_EQ(run("decode --tokenizer tok", "-1").code, 3);
  EXPECT_EQ(run("decode --tokenizer tok", "99999999999999999999").code, 3);
  ran = run("tokenizer train --corpus corpus --vocabsize 300 --out x");
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("--vocab-size"), std::string::npos);
  EXPECT_EQ(run("encode --tokenizer nowhere").code, 3);
  EXPECT_EQ(run("encode --tokenizer tok nofile").code, 3);
  make_folder(folder() / "broken");
  write_file(folder() / "broken/tokenizer.json", read_file(folder() / "tok/tokenizer.json").substr(0, 500));
  ran = run("encode --tokenizer broken", "x");
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find("tokenizer.json"), std::string::npos);
}

TEST_F(TokensVerbs, TokenizeReportsItsSources) {
  make_tokenizer();
  const Ran ran = run("--json tokenize --corpus corpus --tokenizer tok --mix even=0.75,odd=0.25 --val-fraction 0.2 --out tokens");
  ASSERT_EQ(ran.code, 0) << ran.err;
  const Json report = Json::parse(ran.out);
  ASSERT_EQ(report["sources"].size(), 2u);
  EXPECT_NEAR(report["sources"][0]["share"].get<double>(), 0.75, 0.01);
  const TokenSet set = TokenSet::open(folder() / "tokens");
  EXPECT_EQ(set.train().token_count(), report["train_tokens"].get<int64_t>());
  EXPECT_EQ(run("tokenize --corpus corpus --tokenizer tok --out tokens").code, 2);
  EXPECT_EQ(run("tokenize --corpus corpus --tokenizer tok --mix even=0.75,odd=0.25 --val-fraction 0.2 --out tokens --force").code, 0);
  EXPECT_EQ(TokenSet::open(folder() / "tokens").artifact().content, set.artifact().content);
  EXPECT_EQ(run("encode --tokenizer tokens --count", "the").code, 0);
}

TEST_F(TokensVerbs, ExportThenImport) {
  make_tokenizer();
  ASSERT_EQ(run("tokenizer export tok --format tiktoken --out tok.tiktoken").code, 0);
  ASSERT_EQ(run("tokenizer import tok.tiktoken --pattern cl100k --out again").code, 0);
  const std::string text = "the numbers 12345 are\n\n  many";
  EXPECT_EQ(run("encode --tokenizer again", text).out, run("encode --tokenizer tok", text).out);
  ASSERT_EQ(run("tokenizer export tok --format hf --out hf").code, 0);
  EXPECT_EQ(read_file(folder() / "hf/tokenizer.json"), read_file(folder() / "tok/tokenizer.json"));
  ASSERT_EQ(run("tokenizer import hf --out third").code, 0);
  EXPECT_EQ(read_file(folder() / "third/tokenizer.json"), read_file(folder() / "tok/tokenizer.json"));
  EXPECT_EQ(run("tokenizer export tok --format hf --out hf").code, 2);
  EXPECT_EQ(run("tokenizer export tok --format gpt2 --out g").code, 3);
  EXPECT_EQ(run("tokenizer export tok --format tik --out g").code, 2);
  EXPECT_EQ(run("tokenizer import tok.tiktoken --out fourth").code, 2);
  EXPECT_EQ(run("tokenizer import in --out fifth", "no tokenizer").code, 3);
}

}  // namespace
}  // namespace loam
