// loam run: recipes read and refused, stages done, skipped, resumed and redone. The stages are small ones made here.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <fstream>

#include "cli/fingerprint.h"
#include "cli/path_run.h"
#include "cli/typed.h"
#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"

namespace loam {
namespace {

/// What stages say and are told: each runs in a process of its own.
struct Shared {
  int made = 0;  ///< how many stages did work
  bool stop_in_the_middle = false;
};
Shared& shared() {
  static void* const memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return *static_cast<Shared*>(memory);
}
int& made = shared().made;
bool& stop_in_the_middle = shared().stop_in_the_middle;

struct CopyConfig {
  std::string text;
  std::optional<double> minutes;
  std::vector<std::string> from;
  bool loud = false;
  static void fields(auto&& f) {
    f("text", &CopyConfig::text, "what to write");
    f("minutes", &CopyConfig::minutes, "time to take");
    f("from", &CopyConfig::from, "artifacts and files to read");
    f("loud", &CopyConfig::loud, "in capitals");
  }
  void validate() const { require(text != "forbidden", "copy.text = forbidden is not allowed"); }
};

/// A stage that writes its text and what it reads; killed in the middle it leaves its state, and goes on from it.
void add_fake_verbs(Cli& cli) {
  Verb& verb = cli.add("copy", "copies", "loam copy");
  auto config = verb.config<CopyConfig>("copy");
  auto paths = verb.positionals("paths", "more to read", false);
  verb.out();
  verb.run([=](Run& run) {
    std::vector<ArtifactInput> inputs;
    std::vector<std::string> all = config->from;
    all.insert(all.end(), paths->begin(), paths->end());
    std::string text = config->text;
    for (const std::string& path : all) {
      inputs.push_back(is_artifact(path) ? open_artifact(path).as_input() : file_input(path));
      text += "+" + (is_artifact(path) ? read_file(fs::path(path) / "text") : read_file(path));
    }
    ArtifactWriter out(run.out(), "corpus", fields_to_json(*config), inputs, run.force());
    if (!out.resumed()) ++made;
    if (stop_in_the_middle) {
      stop_in_the_middle = false;
      fail(ErrorKind::interrupted, "stopped");
    }
    write_file(out.path("text"), text);
    out.promise("text");
    out.finish({{"documents", 1}});
    return report({{"text", text}}, {"wrote " + text});
  });
  cli.add("show", "shows", "loam show").run([](Run&) { return report({}); });
}

class RunRecipe : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("loam-run-" + std::to_string(::getpid()) + "-" + ::testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(folder_);
    make_folder(folder_);
    cli_.verbs_from(add_fake_verbs);
    made = 0;
    stop_in_the_middle = false;
    options_.runs = folder_ / "runs";
    write_file(folder_ / "note.txt", "note");
  }
  void TearDown() override { fs::remove_all(folder_); }

  struct Notes : Progress {
    std::vector<std::string> lines;
    void note(std::string_view line) override { lines.emplace_back(line); }
    bool has(const std::string& text) const {
      return std::any_of(lines.begin(), lines.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; });
    }
  };

  std::string recipe(const std::string& base_text = "b") {
    return "title = \"Test\"\ntry = [\"loam show @tuned\"]\n"
           "[corpus]\nverb = \"copy\"\npaths = [\"" + (folder_ / "note.txt").string() + "\"]\nexpected_minutes = 1\n"
           "[base]\nverb = \"copy\"\nabout = \"the base\"\ntext = \"" + base_text + "\"\nfrom = [\"@corpus\"]\nminutes = 4\n"
           "[tuned]\nverb = \"copy\"\nfrom = [\"@base\"]\ntext = \"t\"\n";
  }
  Report go(const std::string& text) {
    notes_.lines.clear();
    write_file(folder_ / "test.toml", text);
    flags_.quiet = true;
    loam::Run run(flags_, "", false, notes_);
    return run_path(load_recipe(folder_ / "test.toml", cli_), options_, run, cli_);
  }
  std::string refused(const std::string& text) {
    try {
      go(text);
    } catch (const Error& e) {
      return e.what();
    }
    return "accepted";
  }
  std::string text_of(const std::string& section) { return read_file(folder_ / "runs/test" / section / "text"); }

  fs::path folder_;
  Cli cli_;
  PathOptions options_;
  GlobalFlags flags_;
  Notes notes_;
};

TEST_F(RunRecipe, DoesEverySectionOnceAndSaysSoTheSecondTime) {
  const Report first = go(recipe());
  EXPECT_EQ(made, 3);
  EXPECT_EQ(text_of("tuned"), "t+b++note");
  EXPECT_TRUE(fs::exists(folder_ / "runs/test/report.html"));
  EXPECT_EQ(first.json->at("try")[0], "loam show " + (folder_ / "runs/test/tuned").string());
  EXPECT_TRUE(notes_.has("about 5 minutes"));
  const Report second = go(recipe());
  EXPECT_EQ(made, 3);
  EXPECT_EQ(second.json->at("done"), 0);
  EXPECT_EQ(second.json->at("up_to_date"), 3);
  EXPECT_NE(second.lines[0].find("nothing was done again"), std::string::npos);
}

TEST_F(RunRecipe, AChangedSettingRedoesItAndWhatDependsOnIt) {
  go(recipe());
  go(recipe("changed"));
  EXPECT_EQ(made, 5);  // base and tuned, not corpus
  EXPECT_TRUE(notes_.has("[base] made anew: text was b, is changed"));
  EXPECT_TRUE(notes_.has("[tuned] made anew: [base] changed"));
  EXPECT_EQ(text_of("tuned"), "t+changed++note");
}

TEST_F(RunRecipe, AChangedFileRedoesWhatReadsIt) {
  go(recipe());
  write_file(folder_ / "note.txt", "other");
  go(recipe());
  EXPECT_EQ(made, 6);
  EXPECT_TRUE(notes_.has("note.txt changed"));
  // The same bytes with another time are no change.
  fs::last_write_time(folder_ / "note.txt", fs::file_time_type::clock::now() + std::chrono::hours(1));
  go(recipe());
  EXPECT_EQ(made, 6);
}

TEST_F(RunRecipe, GoesOnWhereItStopped) {
  go(recipe());
  stop_in_the_middle = true;
  EXPECT_THROW(go(recipe("x")), Error);
  const int before = made;
  go(recipe("x"));
  EXPECT_EQ(made, before + 1);  // base went on, tuned was made
  EXPECT_TRUE(notes_.has("[base] goes on"));
  EXPECT_EQ(text_of("tuned"), "t+x++note");
}

TEST_F(RunRecipe, KilledBetweenManifestAndRecordIsDone) {
  go(recipe());
  Json record = read_json(folder_ / "runs/test/run.json");
  record["sections"]["base"].erase("content");
  write_file(folder_ / "runs/test/run.json", to_pretty(record));
  go(recipe());
  EXPECT_EQ(made, 3);
}

TEST_F(RunRecipe, ADamagedFolderIsMadeAnew) {
  go(recipe());
  fs::remove(folder_ / "runs/test/base/text");
  go(recipe());
  EXPECT_EQ(made, 4);  // the same bytes come out: tuned stays
  EXPECT_TRUE(notes_.has("text is missing"));
}

TEST_F(RunRecipe, LeavesOtherPeoplesFoldersAlone) {
  write_file((make_folder(folder_ / "runs/test/base"), folder_ / "runs/test/base/mine.txt"), "precious");
  EXPECT_NE(refused(recipe()).find("did not make"), std::string::npos);
  EXPECT_EQ(read_file(folder_ / "runs/test/base/mine.txt"), "precious");
}

TEST_F(RunRecipe, MinutesScaleTheTimedSectionsAndAreRemembered) {
  options_.minutes = 3;
  go(recipe());
  Json record = read_json(folder_ / "runs/test/run.json");
  EXPECT_EQ(record["sections"]["base"]["made_from"]["settings"]["minutes"][0], "2");  // 3 less the untimed 1
  options_.minutes.reset();
  go(recipe());
  EXPECT_EQ(made, 3);
  EXPECT_TRUE(notes_.has("as in the run before"));
  options_.minutes = 0.5;
  EXPECT_NE(refused(recipe()).find("take about 1 minutes"), std::string::npos);
}

TEST_F(RunRecipe, RedoAndUntil) {
  options_.until = "base";
  go(recipe());
  EXPECT_EQ(made, 2);
  options_.until = "";
  go(recipe());
  EXPECT_EQ(made, 3);
  options_.redo = {"base"};
  go(recipe());
  EXPECT_EQ(made, 4);
  options_.redo = {"bas"};
  EXPECT_NE(refused(recipe()).find("did you mean base?"), std::string::npos);
}

TEST_F(RunRecipe, RefusesWhatItDoesNotKnowBeforeAnyWork) {
  EXPECT_NE(refused("[a]\nverb = \"cpy\"\n").find("did you mean copy?"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"copy\"\ntxt = \"x\"\n").find("did you mean text?"), std::string::npos);
  EXPECT_NE(refused("tilte = \"x\"\n[a]\nverb = \"copy\"\n").find("did you mean title?"), std::string::npos);
  EXPECT_NE(refused("[a]\ntext = \"x\"\n").find("needs a verb"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"show\"\n").find("keeps nothing on disk"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"copy\"\nout = \"x\"\n").find("out is not for a recipe"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"copy\"\nfrom = [\"@b\"]\n[b]\nverb = \"copy\"\n").find("does not come before it"), std::string::npos);
  EXPECT_NE(refused("[alpha]\nverb = \"copy\"\n[b]\nverb = \"copy\"\nfrom = [\"@alpa\"]\n").find("did you mean alpha?"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"copy\"\ntext = \"forbidden\"\n").find("[a]: copy.text = forbidden"), std::string::npos);
  EXPECT_NE(refused("[a]\nverb = \"copy\"\ntext = \n").find(":3:"), std::string::npos);
  EXPECT_NE(refused("title = \"nothing\"\n").find("has no section"), std::string::npos);
  EXPECT_NE(refused("name = \"../up\"\n[a]\nverb = \"copy\"\n").find("letters, digits"), std::string::npos);
  EXPECT_EQ(made, 0);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(RunRecipe, NestedSectionsHaveNestedFolders) {
  go("[scores.base]\nverb = \"copy\"\ntext = \"1\"\n[scores.tuned]\nverb = \"copy\"\nfrom = [\"@scores.base\"]\ntext = \"2\"\nloud = true\n");
  EXPECT_EQ(text_of("scores/tuned"), "2+1");
}

TEST_F(RunRecipe, DryDoesNothing) {
  options_.dry = true;
  go(recipe());
  EXPECT_EQ(made, 0);
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST(Hints, NameTheProgramAsItWasStarted) {
  EXPECT_EQ(as_typed("loam run a.toml", "build/release/loam"), "build/release/loam run a.toml");
  EXPECT_EQ(as_typed("echo \"loam is soil\" | loam classify x -", "./loam"), "echo \"loam is soil\" | ./loam classify x -");
  EXPECT_EQ(as_typed("loam run a.toml", "loam"), "loam run a.toml");
}

TEST(RecipeValues, References) {
  EXPECT_EQ(*reference_in("@pairs/train.jsonl"), "pairs");
  EXPECT_EQ(*reference_in("mail=@mails"), "mails");
  EXPECT_FALSE(reference_in("@@home").has_value());
  EXPECT_FALSE(reference_in("a@b.c").has_value());
  EXPECT_EQ(resolve_references("x=@scores.base/r.json", "runs/n"), "x=runs/n/scores/base/r.json");
  EXPECT_EQ(resolve_references("@@home", "r"), "@home");
  EXPECT_EQ(command_line({"chat", "m", "--message=Say \"it's\""}), "loam chat m '--message=Say \"it'\\''s\"'");
}

}  // namespace
}  // namespace loam
