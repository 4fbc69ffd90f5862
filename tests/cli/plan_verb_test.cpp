// loam plan RECIPE.toml as a user types it: what it says beforehand, and that the run then takes it.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"
#include "loam/base/json.h"

namespace loam {
namespace {

class PlanVerb : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-plan-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    make_folder(folder_ / "texts");
    for (int i = 1; i <= 30; ++i) {
      std::string text;
      for (int j = 1; j <= 40; ++j) text += "document " + std::to_string(i) + " says that " + std::to_string(i * j) + " is the product of its number and " + std::to_string(j) + "\n";
      write_file(folder_ / "texts" / (std::to_string(i) + ".txt"), text);
    }
    write_file(folder_ / "arch.json",
               R"({"architectures":["LlamaForCausalLM"],"model_type":"llama","num_hidden_layers":2,"hidden_size":64,"num_attention_heads":2,"num_key_value_heads":2,)"
               R"("intermediate_size":128,"max_position_embeddings":64,"vocab_size":300,"hidden_act":"silu","rms_norm_eps":1e-5,"rope_theta":10000.0,"tie_word_embeddings":true})");
  }
  void TearDown() override { fs::remove_all(folder_); }

  static std::string recipe(const std::string& base) {
    return "name = \"tiny\"\n"
           "[corpus]\nverb = \"collect\"\nsources = [\"texts\"]\npreset = \"none\"\nexpected_minutes = 0.5\n"
           "[tokenizer]\nverb = \"tokenizer train\"\ncorpus = [\"@corpus\"]\nvocab_size = 300\n"
           "[tokens]\nverb = \"tokenize\"\ncorpus = [\"@corpus\"]\ntokenizer = \"@tokenizer\"\n"
           "[base]\nverb = \"pretrain\"\ntokens = \"@tokens\"\n" + base;
  }
  struct Ran {
    int code;
    std::string out, err;
    Json json() const {  // of --json: the last line
      const size_t end = out.find_last_not_of('\n');
      const size_t line = out.rfind('\n', end);
      return Json::parse(out.substr(line == std::string::npos ? 0 : line + 1));
    }
  };
  Ran run(const std::string& text, const std::string& words) const {
    write_file(folder_ / "tiny.toml", text);
    const int status = std::system(("cd " + folder_.string() + " && " + LOAM_BINARY + " --threads 2 " + words + " > out 2> err").c_str());
    return {WEXITSTATUS(status), read_file(folder_ / "out"), read_file(folder_ / "err")};
  }
  fs::path folder_;
};

TEST_F(PlanVerb, ForeseesWhatTheRunThenTakes) {
  const std::string text = recipe("arch = \"arch.json\"\nsteps = 20\nbatch = 8\ncontext = 64\n");
  const Ran before = run(text, "--json plan tiny.toml --price 3.6");
  ASSERT_EQ(before.code, 0) << before.err;
  EXPECT_FALSE(fs::exists(folder_ / "runs"));  // a plan makes nothing
  const Json plan = before.json()["sections"][0];
  EXPECT_EQ(plan["section"], "base");
  EXPECT_EQ(plan["steps"], 20);
  EXPECT_EQ(plan["tokens"], 20 * 8 * 64);
  EXPECT_EQ(plan["price_per_hour"], 3.6);
  EXPECT_NEAR(plan["seconds"].get<double>() * plan["tokens_per_s"].get<double>(), 20 * 8 * 64, 1);
  EXPECT_NEAR(plan["cost"].get<double>(), plan["seconds"].get<double>() / 1000, 1e-9);
  // 300 x 64 of the table; two layers of 4 x 64 x 64, 3 x 64 x 128 and two gains; the last gain.
  EXPECT_EQ(plan["parameters"], 300 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 128 + 2 * 64) + 64);
  const Ran walked = run(text, "--json run tiny.toml");
  ASSERT_EQ(walked.code, 0) << walked.err;
  const Artifact base = open_artifact(folder_ / "runs/tiny/base");
  EXPECT_EQ(base.counts["parameters"], plan["parameters"]);
  EXPECT_EQ(base.counts["steps"], 20);
  EXPECT_EQ(base.counts["predicted_memory"], plan["memory"]);
  EXPECT_EQ(walked.json()["sections"]["base"]["predicted_memory"], plan["memory"]["total"]);
  EXPECT_EQ(walked.json()["sections"]["corpus"]["planned_seconds"], 30);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const double predicted = plan["memory"]["total"].get<double>(), held = base.counts["peak_memory"].get<double>();
  EXPECT_NEAR(held / predicted, 1, 0.2);  // of a model this small: what the program itself takes varies by some MB with its threads' luck
#endif
  const std::string page = read_file(folder_ / "runs/tiny/report.html");
  EXPECT_NE(page.find("Memory of training"), std::string::npos);
  EXPECT_NE(page.find(">planned<"), std::string::npos);
  // Now that the tokens are there, the plan reads them.
  EXPECT_EQ(run(text, "--json plan tiny.toml").json()["sections"][0]["vocabulary_from"], "runs/tiny/tokens");
  const Ran again = run(text, "run tiny.toml");
  EXPECT_NE(again.out.find("of 30s"), std::string::npos) << again.out;
  EXPECT_NE(again.out.find(" predicted ("), std::string::npos) << again.out;
}

TEST_F(PlanVerb, MinutesAreSettledOnThisMachine) {
  const Ran ran = run(recipe("minutes = 0.05\n"), "plan tiny.toml");
  ASSERT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("timed on this machine"), std::string::npos) << ran.err;
  for (const char* said : {"[base]", "vocabulary  300 from the recipe's vocab_size", "memory", "time", "money"}) EXPECT_NE(ran.out.find(said), std::string::npos) << said << "\n" << ran.out;
}

TEST_F(PlanVerb, RefusesWhatItCannotPlan) {
  const Ran none = run("name = \"tiny\"\n[corpus]\nverb = \"collect\"\nsources = [\"texts\"]\n", "plan tiny.toml");
  EXPECT_EQ(none.code, 2);
  EXPECT_NE(none.err.find("no section that pre-trains"), std::string::npos) << none.err;
  const Ran unmade = run("name = \"tiny\"\n[base]\nverb = \"pretrain\"\ntokens = \"elsewhere\"\nminutes = 1\n", "plan tiny.toml");
  EXPECT_EQ(unmade.code, 2);
  EXPECT_NE(unmade.err.find("its tokens are not made yet"), std::string::npos) << unmade.err;
  const Ran large = run(recipe("model = \"gpt2-124m\"\nsteps = 1\nbatch = 1000000\n"), "plan tiny.toml");
  EXPECT_EQ(large.code, 5);
  EXPECT_NE(large.err.find("What would fit: --batch "), std::string::npos) << large.err;
  const Ran misspelt = run(recipe("minutse = 5\n"), "plan tiny.toml");
  EXPECT_EQ(misspelt.code, 2);
  EXPECT_NE(misspelt.err.find("minutes"), std::string::npos) << misspelt.err;
  EXPECT_EQ(run("", "plan nowhere.toml").code, 3);
}

}  // namespace
}  // namespace loam
