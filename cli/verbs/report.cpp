// loam report: everything a path made, on one page. loam runs: the list of runs.
#include <fmt/format.h>

#include <algorithm>

#include "cli/verbs.h"
#include "loam/base/files.h"
#include "loam/report/report.h"

namespace loam {
namespace {

struct KnownRun {
  fs::path folder;
  Json record;
  int64_t finished = 0, sections = 0;
  double seconds = 0;
};

std::vector<KnownRun> find_runs(const fs::path& runs, Progress& progress) {
  std::vector<KnownRun> out;
  std::error_code ignored;
  for (auto it = fs::directory_iterator(runs, ignored); it != fs::directory_iterator(); it.increment(ignored)) {
    if (!fs::is_regular_file(it->path() / "run.json")) continue;
    KnownRun run{it->path(), {}, 0, 0, 0};
    try {
      run.record = read_json(it->path() / "run.json");
      for (const Json& name : run.record.value("order", Json::array())) {
        ++run.sections;
        const auto section = run.record["sections"].find(name.get<std::string>());
        if (section == run.record["sections"].end()) continue;
        run.seconds += get_number(*section, "seconds", 0.0);
        run.finished += section->contains("content") ? 1 : 0;
      }
    } catch (const std::exception& e) {
      progress.warn(fmt::format("{} is left out: its run.json cannot be read: {}", it->path().string(), e.what()));
      continue;
    }
    out.push_back(std::move(run));
  }
  std::sort(out.begin(), out.end(), [](const KnownRun& a, const KnownRun& b) { return a.folder < b.folder; });
  return out;
}

}  // namespace

void add_report(Cli& cli) {
  Verb& page = cli.add("report", "one HTML page (and Markdown) over all stages of a path", "loam report runs/quickstart");
  auto folders = page.positionals("folders", "runs, artifacts, or folders that hold some");
  auto out = page.text("out", "folder for report.html and report.md [the first one given]");
  auto price = page.text("price", "dollars an hour of this machine, for the cost column");
  page.run([=](Run& run) {
    ReportOptions options;
    if (!price->empty()) options.price_per_hour = parse_number(*price, "--price");
    const std::vector<fs::path> all(folders->begin(), folders->end());
    const ReportPaths written = write_report(all, out->empty() ? all.front() : fs::path(*out), run.progress(), options);
    return report({{"html", written.html.string()}, {"markdown", written.markdown.string()}}, {written.html.string(), written.markdown.string()});
  });

  Verb& runs = cli.add("runs", "the list of runs", "loam runs");
  auto folder = runs.positional("folder", "where the runs are [runs]", false);
  runs.run([=](Run& run) {
    const fs::path root = folder->empty() ? fs::path("runs") : fs::path(*folder);
    require_input(folder->empty() || fs::is_directory(root), "there is no folder ", root);
    Json list = Json::array();
    std::vector<std::string> lines;
    for (const KnownRun& known : find_runs(root, run.progress())) {
      const std::string title = get_string(known.record, "title", "");
      const bool complete = known.finished == known.sections;
      list.push_back({{"run", known.folder.string()}, {"title", title}, {"recipe", get_string(known.record, "recipe", "")}, {"sections", known.sections},
                      {"finished", known.finished}, {"complete", complete}, {"seconds", known.seconds}, {"loam", get_string(known.record, "loam", "")}});
      lines.push_back(fmt::format("{:<28} {:>2} of {:>2} sections  {:>8}  {}", known.folder.string(), known.finished, known.sections, human_time(known.seconds), title));
    }
    if (lines.empty()) lines.push_back("no runs in " + root.string() + "; loam run RECIPE.toml makes one");
    return report({{"runs", list}}, lines);
  });
}

}  // namespace loam
