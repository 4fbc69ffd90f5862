// loam init: a commented recipe for the user's own files.
#include <fmt/format.h>

#include "cli/survey.h"
#include "cli/verbs.h"
#include "loam/base/files.h"

namespace loam {
namespace {

/// A name for runs/NAME from the first path: letters, digits, - and _.
std::string name_of(fs::path path) {
  if (path.filename().empty()) path = path.parent_path();
  if (path.filename() == "." || path.filename() == "..") path = fs::canonical(path);
  std::string name = path.stem().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '-' && c != '_') c = '-';
  }
  return name.empty() ? "mine" : name;
}

const char* use_name(TableUse use) {
  switch (use) {
    case TableUse::labels: return "texts with labels";
    case TableUse::answers: return "questions with answers";
    case TableUse::preferences: return "better and worse answers";
    case TableUse::texts: break;
  }
  return "texts";
}

}  // namespace

void add_init(Cli& cli) {
  Verb& verb = cli.add("init", "a commented recipe for your own files: texts, a labelled table, questions with answers", "loam init my/texts my/labels.csv --out mine.toml");
  auto paths = verb.positionals("paths", "folders and files to look at [.]", false);
  auto out = verb.text("out", "the recipe to write [NAME.toml in this folder]");
  auto name = verb.text("name", "the run's name [from the first path]");
  auto minutes = verb.text("minutes", "time for the whole path", false, "15");
  auto force = verb.flag("force", "write over a recipe that is there");
  verb.run([=](Run&) {
    const std::vector<fs::path> all = paths->empty() ? std::vector<fs::path>{"."} : std::vector<fs::path>(paths->begin(), paths->end());
    const double budget = parse_number(*minutes, "--minutes");
    require(budget > 0, "--minutes ", *minutes, " must be above 0");
    const Survey found = survey(all);
    const std::string run_name = name->empty() ? name_of(all.front()) : *name;
    const fs::path file = out->empty() ? fs::path(run_name + ".toml") : fs::path(*out);
    require(*force || !fs::exists(file), file, " is there already; give --out another name, or --force to write over it");
    write_file(file, recipe_for(found, run_name, budget));
    Json json = {{"recipe", file.string()}, {"name", run_name}, {"texts", Json::array()}, {"tables", Json::array()}};
    std::vector<std::string> lines;
    for (const FoundTexts& one : found.texts) {
      json["texts"].push_back({{"name", one.name}, {"path", one.path.string()}, {"files", one.files}, {"bytes", one.bytes}});
      lines.push_back(fmt::format("{:<24} texts: {} file{}, {}", one.path.string(), with_commas(one.files), one.files == 1 ? "" : "s", human_bytes(static_cast<double>(one.bytes))));
    }
    for (const FoundTable& one : found.tables) {
      json["tables"].push_back({{"path", one.path.string()}, {"use", use_name(one.use)}, {"described", one.described}, {"rows_seen", one.rows_seen}, {"labels", one.labels}});
      lines.push_back(fmt::format("{:<24} {}: {}", one.path.string(), use_name(one.use), one.described));
    }
    for (const std::string& path : found.passed_over) lines.push_back(fmt::format("{:<24} passed over: no stage reads this kind of file", path));
    lines.push_back(file.string() + " is written: look at it, then run it");
    return report(std::move(json), std::move(lines), fmt::format("loam run {}", file.string()));
  });
}

}  // namespace loam
