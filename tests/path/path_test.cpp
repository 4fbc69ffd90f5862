// The whole path on a tiny corpus: raw texts to models that answer, undisturbed once, then killed again and again and
// resumed: the same bytes.
#include <gtest/gtest.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <thread>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/random.h"

extern char** environ;

namespace loam {
namespace {

/// The binary with these words, output to a file; its exit code, or -1 if it was killed after `kill_after` seconds.
int run_loam(std::vector<std::string> words, const fs::path& log, double kill_after = 0) {
  words.insert(words.begin(), LOAM_BINARY);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  pid_t child = 0;
  require(posix_spawn(&child, LOAM_BINARY, &actions, nullptr, argv.data(), environ) == 0, "cannot start ", LOAM_BINARY);
  posix_spawn_file_actions_destroy(&actions);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(kill_after);
  int status = 0;
  while (kill_after > 0) {
    if (waitpid(child, &status, WNOHANG) == child) return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (std::chrono::steady_clock::now() >= until) {
      kill(child, SIGKILL);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// Sentences of a little language: enough to learn from, the same each time.
std::string sentences(uint64_t seed, int count) {
  static const char* kWords[] = {"the", "river", "runs", "past", "an", "old", "mill", "and", "turns", "its", "wheel", "while", "children", "watch", "from", "a", "bridge"};
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (uint64_t w = 0; w < 9; ++w) text += std::string(w > 0 ? " " : "") + kWords[random_bits(seed, static_cast<uint64_t>(i) * 16 + w) % std::size(kWords)];
    text += ".\n";
  }
  return text;
}

void write_inputs(const fs::path& folder) {
  make_folder(folder / "texts");
  for (uint64_t i = 0; i < 12; ++i) write_file(folder / "texts" / cat("page", i, ".txt"), sentences(i, 120));
  std::string mails = "label,text\n", pairs;
  for (uint64_t i = 0; i < 120; ++i) {
    mails += cat(i % 3 == 0 ? "spam" : "ham", ",", i % 3 == 0 ? "win a free prize now " : "notes from the meeting ", i, " ", sentences(100 + i, 1).substr(0, 30), "\n");
    pairs += to_line({{"instruction", cat("Say word ", i)}, {"input", ""}, {"output", cat("word ", i)}}) + "\n";
  }
  write_file(folder / "mails.csv", mails);
  write_file(folder / "pairs.jsonl", pairs);
  write_file(folder / "arch.json", to_pretty({{"model_type", "llama"}, {"vocab_size", 400}, {"num_hidden_layers", 2}, {"num_attention_heads", 2}, {"hidden_size", 32},
                                             {"intermediate_size", 64}, {"max_position_embeddings", 128}, {"rms_norm_eps", 1e-5}, {"tie_word_embeddings", true}}));
  write_file(folder / "tiny.toml", cat("name = \"tiny\"\n"
                                       "[corpus]\nverb = \"collect\"\nsources = [\"texts=", folder.string(), "/texts\"]\npreset = \"none\"\n"
                                       "[tokenizer]\nverb = \"tokenizer train\"\ncorpus = [\"@corpus\"]\nvocab_size = 400\nchat = true\n"
                                       "[tokens]\nverb = \"tokenize\"\ncorpus = [\"@corpus\"]\ntokenizer = \"@tokenizer\"\nval_fraction = 0.2\n"
                                       "[base]\nverb = \"pretrain\"\ntokens = \"@tokens\"\narch = \"", folder.string(), "/arch.json\"\nsteps = 60\nbatch = 4\ncontext = 64\nsave_minutes = 0.003\n"
                                       "[spam]\nverb = \"finetune classify\"\nbase = \"@base\"\ndata = \"", folder.string(), "/mails.csv\"\nepochs = 1\nsave_minutes = 0.003\n"
                                       "[chat]\nverb = \"finetune instruct\"\nbase = \"@base\"\ndata = \"", folder.string(), "/pairs.jsonl\"\nepochs = 1\nsave_minutes = 0.003\n"));
}

const char* const kStages[] = {"corpus", "tokenizer", "tokens", "base", "spam", "chat"};

TEST(SlowPath, KilledAnywhereAndResumedGivesTheSameBytes) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_path";
  fs::remove_all(folder);
  write_inputs(folder);
  const std::string recipe = (folder / "tiny.toml").string();
  ASSERT_EQ(run_loam({"run", recipe, "--runs", (folder / "whole").string()}, folder / "whole.log"), 0) << read_file(folder / "whole.log");

  const std::vector<std::string> again = {"run", recipe, "--runs", (folder / "killed").string()};
  int kills = 0;
  for (uint64_t n = 0; n < 12; ++n) {  // ever later, from a twentieth of a second on: how long a run takes depends on what else runs here
    const int code = run_loam(again, folder / "killed.log", (0.05 + 0.1 * static_cast<double>(n)) * (0.5 + static_cast<double>(uniform01(77, n))));
    if (code == 0) break;
    ASSERT_EQ(code, -1) << read_file(folder / "killed.log");
    ++kills;
  }
  ASSERT_EQ(run_loam(again, folder / "killed.log"), 0) << read_file(folder / "killed.log");
  EXPECT_GE(kills, 2) << "the run was hardly disturbed";
  for (const char* stage : kStages) {
    const Artifact a = open_artifact(folder / "whole" / "tiny" / stage), b = open_artifact(folder / "killed" / "tiny" / stage);
    EXPECT_EQ(a.content, b.content) << stage;
    EXPECT_TRUE(broken_files(b).empty()) << stage;
  }
  for (const auto& entry : fs::recursive_directory_iterator(folder / "killed")) EXPECT_NE(entry.path().extension(), ".tmp") << entry.path();

  // Once more: nothing is made twice.
  const auto made = fs::last_write_time(folder / "killed" / "tiny" / "base" / "manifest.json");
  ASSERT_EQ(run_loam(again, folder / "third.log"), 0);
  EXPECT_EQ(fs::last_write_time(folder / "killed" / "tiny" / "base" / "manifest.json"), made);

  // And the models answer.
  const std::string run = (folder / "whole" / "tiny").string();
  EXPECT_EQ(run_loam({"generate", run + "/base", "--prompt", "the river", "--max-tokens", "8"}, folder / "answers.log"), 0);
  write_file(folder / "mail.txt", "win a free prize now 7");
  EXPECT_EQ(run_loam({"classify", run + "/spam", (folder / "mail.txt").string()}, folder / "answers.log"), 0);
  EXPECT_EQ(run_loam({"chat", run + "/chat", "--message", "Say word 3"}, folder / "answers.log"), 0) << read_file(folder / "answers.log");
  EXPECT_NE(read_file(folder / "answers.log").find("\"label\""), std::string::npos);
}

}  // namespace
}  // namespace loam
