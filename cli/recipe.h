// A recipe: one TOML file for a whole path, a section for each stage; a section is a verb and its flags.
//
//   name = "mine"                         # runs/mine/
//   [corpus]                              # runs/mine/corpus/
//   verb = "collect"
//   sources = ["notes=my/notes", "mail=my/mail.mbox"]
//   [tokens]
//   verb = "tokenize"
//   corpus = ["@corpus"]                  # the output of the section named corpus; "@pairs/train.jsonl": a file in it
//
//   Recipe recipe = load_recipe("recipes/mine.toml", cli);   // every key checked against its verb
//   for (const Section& section : recipe.sections) words = command_words(recipe, section, "runs/mine");
//
// Sections run in the order of the file and refer to earlier ones only. Other paths are as on the command line: from
// the folder loam runs in. docs/recipes.md tells the whole of it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/cli.h"

namespace loam {

/// One setting of a section, as the recipe has it.
struct SectionSetting {
  std::string key;                   ///< with underscores
  std::vector<std::string> values;   ///< "@name" not yet replaced; a list may be empty
  bool is_switch = false, is_positional = false;
};

struct Section {
  std::string name;                  ///< "spam"; "scores.base" for [scores.base], whose folder is scores/base
  std::string verb;                  ///< "finetune classify"
  std::string about;                 ///< why it is there, shown while it runs and in the report
  double expected_minutes = 0;       ///< for the time table, where the verb has no `minutes` of its own
  std::optional<double> minutes;     ///< the verb's own `minutes`, which `loam run --minutes` scales
  std::vector<SectionSetting> settings;
  int64_t line = 0;                  ///< in the recipe

  std::filesystem::path folder() const;  ///< below the run's folder
};

struct Recipe {
  std::filesystem::path file;
  std::string name, title, about;
  std::optional<int64_t> seed;
  std::vector<std::string> try_next;  ///< commands for the end, "@section" not yet replaced
  std::vector<Section> sections;

  double timed_minutes() const;    ///< of the sections that stop by the clock
  double untimed_minutes() const;  ///< expected of the others
};

/// Reads and checks a recipe. Throws Error{input} if the file cannot be read, Error{usage} with its line for anything
/// in it that no verb knows (naming the nearest), that refers to a later section, or that a verb would refuse.
Recipe load_recipe(const std::filesystem::path& file, const Cli& cli);
Recipe parse_recipe(const std::string& text, const std::filesystem::path& file, const Cli& cli);

/// The sections a value refers to: "spam" in "mail=@spam/rows.jsonl". At most one.
std::optional<std::string> reference_in(const std::string& value);
/// The value with "@section" replaced by its folder below `run`, and "@@" by "@".
std::string resolve_references(const std::string& value, const std::filesystem::path& run);

/// The command line of a section, "--out" included: {"tokenize", "--corpus=runs/mine/corpus", ...}.
std::vector<std::string> command_words(const Section& section, const std::filesystem::path& run);
/// The same as one line a shell would take.
std::string command_line(const std::vector<std::string>& words);

/// Multiplies the timed sections' minutes so that all sections together take about `minutes`.
/// Throws Error{usage} if the untimed ones alone take more, or if none is timed.
void scale_to_minutes(Recipe& recipe, double minutes);

}  // namespace loam
