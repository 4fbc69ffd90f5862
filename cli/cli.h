// How a verb is declared and run. One file per verb in cli/verbs/, each with one function that adds it:
//
//   void add_tokenize(Cli& cli) {
//     Verb& verb = cli.add("tokenize", "documents to token shards", "loam tokenize --corpus corpus --tokenizer tok --out tokens");
//     auto config = verb.config<TokenizeConfig>("tokenize");  // its fields become flags and [tokenize] keys
//     auto corpora = verb.texts("corpus", "corpus folders").required();
//     verb.out();                                             // --out and --force
//     verb.run([=](Run& run) {
//       TokenSet set = tokenize(*corpora, *config, run.out(), run.force(), run.progress());
//       return Report{...};
//     });
//   }
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "loam/base/error.h"
#include "loam/base/fields.h"
#include "loam/base/progress.h"

namespace loam {

/// What a verb tells its caller when it is done: one JSON object, and lines for people.
struct Report {
  std::shared_ptr<Json> json;       ///< printed with --json, on the last line of stdout
  std::vector<std::string> lines;   ///< printed to stdout without --json
  std::string next;                 ///< what to run next, if one thing follows naturally
  int exit = 0;
};

Report report(Json json, std::vector<std::string> lines = {}, std::string next = "");

/// A flag's name as a recipe's key: "vocab-size" is vocab_size.
std::string underscored(std::string name);

/// The flags every verb has.
struct GlobalFlags {
  int64_t threads = 0;  ///< 0: all cores
  int64_t seed = 1234;
  bool json = false, quiet = false;
  std::string config_file;
  std::vector<std::string> sets;
};

/// What a running verb may ask for.
class Run {
 public:
  Run(const GlobalFlags& flags, std::string out, bool force, Progress& progress)
      : flags_(flags), out_(std::move(out)), force_(force), progress_(progress) {}
  const std::filesystem::path& out() const { return out_; }
  bool force() const { return force_; }
  uint64_t seed() const { return static_cast<uint64_t>(flags_.seed); }
  Progress& progress() const { return progress_; }
  const GlobalFlags& flags() const { return flags_; }

 private:
  const GlobalFlags& flags_;
  std::filesystem::path out_;
  bool force_;
  Progress& progress_;
};

/// One thing a verb can be told, for whoever writes command lines by program (`loam run`) or checks them.
struct VerbSetting {
  std::string key;   ///< with underscores; a positional has the name it was declared with
  std::string help;
  bool is_switch = false, is_list = false, is_positional = false;
};

class Verb {
 public:
  using Body = std::function<Report(Run&)>;

  /// The fields of a config as flags (--val-fraction) and as keys of [section] in --config files.
  template <class Config>
  std::shared_ptr<Config> config(const std::string& section) {
    auto held = std::make_shared<Config>();
    add_fields(section, bind_fields(*held));
    finals_.push_back([held] { held->validate(); });
    return held;
  }
  /// Single values outside any config. A name starting with a letter becomes --name and a key of [section()].
  std::shared_ptr<std::string> text(const std::string& name, const std::string& help, bool required = false, const std::string& otherwise = "");
  std::shared_ptr<std::vector<std::string>> texts(const std::string& name, const std::string& help, bool required = false);
  std::shared_ptr<bool> flag(const std::string& name, const std::string& help);
  /// Values without a flag, in order.
  std::shared_ptr<std::string> positional(const std::string& name, const std::string& help, bool required = true);
  std::shared_ptr<std::vector<std::string>> positionals(const std::string& name, const std::string& help, bool required = true);
  /// --out DIR and --force.
  void out(const std::string& help = "folder to write", bool required = true);
  void run(Body body) { body_ = std::move(body); }

  /// Everything but the global flags, in the order it was declared.
  std::vector<VerbSetting> settings() const;
  bool has_setting(const std::string& key) const;

 private:
  friend class Cli;
  Verb(CLI::App* app, std::string section) : app_(app), section_(std::move(section)) {}
  void add_fields(const std::string& section, std::vector<FieldRef> fields);

  struct Bound {
    std::string section, key;
    FieldRef field;
    CLI::Option* option;
    bool required;
  };
  CLI::App* app_;
  std::string section_;
  std::vector<Bound> bound_;
  std::vector<VerbSetting> positionals_;
  std::vector<std::function<void()>> finals_;
  std::shared_ptr<std::string> out_;
  std::shared_ptr<bool> force_;
  Body body_;
};

/// The whole command line.
class Cli {
 public:
  Cli();
  /// `path` is the verb, or two words for a verb with kinds: "finetune classify".
  Verb& add(const std::string& path, const std::string& summary, const std::string& example);
  /// Adds verbs, and makes call() and check() do the same with their own command lines; add_all_verbs unless told.
  void verbs_from(void (*adder)(Cli&));
  /// Parses, runs and prints; the process's exit code. Throws nothing.
  int main(int argc, const char* const* argv);
  /// Runs one command line inside this process (`loam run` does its stages so). Throws Error. `quiet_report`: the
  /// report is returned, not printed.
  Report call(const std::vector<std::string>& words, const GlobalFlags& inherited);
  /// What call() would refuse before any work, refused now: unknown flags, missing or malformed values. Throws Error.
  void check(const std::vector<std::string>& words, const GlobalFlags& inherited);
  /// The verb of that path ("collect", "finetune classify"), or null.
  const Verb* find(const std::string& path) const;
  std::vector<std::string> verb_paths() const;

 private:
  Report dispatch(std::vector<std::string> words, GlobalFlags& flags, bool& printed, bool only_check = false);
  void settle(Verb& verb, const GlobalFlags& flags);
  std::unique_ptr<Cli> fresh(const GlobalFlags& inherited) const;
  std::unique_ptr<CLI::App> app_;
  void (*add_verbs_)(Cli&) = nullptr;
  GlobalFlags flags_;
  struct Entry {
    std::string path;
    std::unique_ptr<Verb> verb;
  };
  std::vector<Entry> entries_;
};

/// Adds every verb of cli/verbs/ (cli/verbs.cpp holds the list).
void add_all_verbs(Cli& cli);

}  // namespace loam
