// Runs a recipe stage by stage into runs/NAME/: what is finished and up to date is left, what was begun goes on, what
// changed is made anew with all that depends on it, and each time a line says why.
//
//   PathOptions options;
//   options.minutes = 30;
//   Report report = run_path(load_recipe(file, cli), options, run, cli);
//
// runs/NAME/run.json remembers, for each section, what it was made from: verb, settings, seed and the content of its
// inputs; and what came of it: content, seconds, the verb's report. The report page reads it too.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/recipe.h"

namespace loam {

struct PathOptions {
  std::optional<double> minutes;       ///< for the whole path; the last run's, or the recipe's, if absent
  std::vector<std::string> redo;       ///< sections to make anew
  std::string until;                   ///< the last section to run; "": all
  std::filesystem::path runs = "runs";
  bool dry = false;                    ///< say what would be done, do nothing
};

Report run_path(Recipe recipe, const PathOptions& options, Run& run, Cli& cli);

/// How a section stands before it runs.
enum class Standing { done, begun, changed, missing };

/// What decides what a section makes: {"verb", "settings", "seed", "inputs": {value: sha256}}.
Json section_fingerprint(const Section& section, const std::filesystem::path& run, uint64_t seed, class InputHashes& hashes);

/// What differs between two fingerprints, for a person: "minutes was 5, is 3"; "" if nothing does.
std::string fingerprint_difference(const Json& before, const Json& now);

}  // namespace loam
