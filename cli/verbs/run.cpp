// loam run: a whole path from a recipe.
#include "cli/path_run.h"
#include "cli/verbs.h"

namespace loam {

void add_run(Cli& cli) {
  Verb& verb = cli.add("run", "a whole path, stage by stage, from a recipe", "loam run recipes/quickstart.toml --minutes 30");
  auto file = verb.positional("recipe", "a recipe (docs/recipes.md), or the folder of an earlier run");
  auto minutes = verb.text("minutes", "time for the whole path; its timed sections are scaled to it");
  auto redo = verb.texts("redo", "make this section anew; may be given several times");
  auto until = verb.text("until", "stop after this section");
  auto runs = verb.text("runs", "folder that holds the runs", false, "runs");
  auto dry = verb.flag("dry", "say what would be done and what it takes, and do nothing");
  verb.run([=, &cli](Run& run) {
    PathOptions options;
    if (!minutes->empty()) {
      options.minutes = parse_number(*minutes, "--minutes");
      require(*options.minutes > 0, "--minutes ", *minutes, " must be above 0");
    }
    options.redo = *redo;
    options.until = *until;
    options.runs = *runs;
    options.dry = *dry;
    return run_path(load_recipe(*file, cli), options, run, cli);
  });
}

}  // namespace loam
