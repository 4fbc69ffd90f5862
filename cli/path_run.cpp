#include "cli/path_run.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>

#include "cli/fingerprint.h"
#include "cli/typed.h"
#include "loam/artifacts/manifest.h"
#include "loam/base/child.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/memory.h"
#include "loam/base/stop.h"
#include "loam/base/threads.h"
#include "loam/base/version.h"
#include "loam/report/report.h"

namespace loam {
namespace {

/// Two runs of one recipe at once would take each other's folders away.
class RunLock {
 public:
  explicit RunLock(const fs::path& folder) {
    const fs::path file = folder / ".lock";
    descriptor_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (descriptor_ < 0) fail(ErrorKind::io, "cannot write ", file);
    // A run that was killed a moment ago holds it until the process of its section is gone too.
    for (int attempt = 0; ::flock(descriptor_, LOCK_EX | LOCK_NB) != 0; ++attempt) {
      if (attempt == 30) {
        ::close(descriptor_);
        fail(ErrorKind::usage, "another loam run is at work in ", folder, "; wait for it or stop it");
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  ~RunLock() { ::close(descriptor_); }
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

 private:
  int descriptor_;
};

/// run.json. Absent: an empty one; broken: Error{input}.
Json read_run(const fs::path& folder) {
  const fs::path file = folder / "run.json";
  if (!fs::exists(file)) return {{"sections", Json::object()}};
  Json run = read_json(file);
  require_input(run.is_object() && run.contains("sections") && run["sections"].is_object(), file, " is not what loam run writes; move it away");
  return run;
}

const Json& entry_of(const Json& record, const std::string& section) {
  static const Json none = Json::object();
  const auto it = record["sections"].find(section);
  return it == record["sections"].end() || !it->is_object() ? none : *it;
}

struct Verdict {
  Standing standing;
  std::string why;  ///< for changed and missing
};

/// Whether what lies in the section's folder is what `now` would make.
Verdict judge(const Section& section, const fs::path& folder, const Json& entry, const Json& now, bool redo) {
  const bool finished = is_artifact(folder);
  const bool ours = entry.contains("made_from");
  if (!ours) {
    std::error_code ignored;
    const bool empty = !fs::exists(folder, ignored) || fs::is_empty(folder, ignored);
    require(empty, folder, " holds files that this recipe's [", section.name, "] did not make; move them away, or give the recipe another name");
    return {Standing::missing, ""};
  }
  if (redo) return {Standing::changed, "asked for by --redo"};
  if (const std::string difference = fingerprint_difference(entry["made_from"], now); !difference.empty()) return {Standing::changed, difference};
  if (!finished) return {fs::exists(folder) ? Standing::begun : Standing::missing, ""};
  try {
    const Artifact made = open_artifact(folder);
    const std::string recorded = get_string(entry, "content", made.content);
    if (recorded != made.content) return {Standing::changed, "its folder holds something else than it made"};
  } catch (const Error& e) {
    return {Standing::changed, e.what()};
  }
  return {Standing::done, ""};
}

std::string minutes_text(double minutes) {
  return minutes == 1 ? "1 minute" : fmt::format("{:.3g} minutes", minutes);
}

std::string seconds_text(double seconds) { return seconds < 10 ? fmt::format("{:.1f}s", seconds) : human_time(seconds); }

class PathRun {
 public:
  PathRun(Recipe recipe, const PathOptions& options, Run& run, Cli& cli)
      : recipe_(std::move(recipe)), options_(options), run_(run), cli_(cli), folder_(options.runs / recipe_.name) {}

  Report go() {
    settle_minutes();
    flags_ = run_.flags();
    if (recipe_.seed && flags_.seed == GlobalFlags{}.seed) flags_.seed = *recipe_.seed;
    flags_.json = false;
    for (const std::string& name : options_.redo) known_section("--redo", name);
    if (!options_.until.empty()) known_section("--until", options_.until);
    for (const Section& section : recipe_.sections) check(section);
    if (options_.dry) {
      record_ = read_run(folder_);
      hashes_ = InputHashes(record_.value("inputs", Json::object()));
      announce();
      return result(false);
    }
    make_folder(folder_);
    RunLock lock(folder_);
    record_ = read_run(folder_);
    hashes_ = InputHashes(record_.value("inputs", Json::object()));
    announce();
    record_["recipe"] = recipe_.file.string();
    record_["name"] = recipe_.name;
    record_["title"] = recipe_.title;
    record_["about"] = recipe_.about;
    record_["minutes"] = options_.minutes ? Json(*options_.minutes) : Json(nullptr);
    record_["threads"] = threads();
    record_["machine"] = processor_name();
    record_["loam"] = version();
    record_["commit"] = commit();
    record_["order"] = Json::array();
    for (const Section& section : recipe_.sections) record_["order"].push_back(section.name);
    std::error_code same;
    if (const fs::path kept = folder_ / "recipe.toml"; !fs::equivalent(recipe_.file, kept, same)) write_file(kept, read_file(recipe_.file));
    bool all = true;
    for (const Section& section : recipe_.sections) {
      one(section);
      if (section.name == options_.until && &section != &recipe_.sections.back()) {
        all = false;
        break;
      }
    }
    write_page();
    return result(all);
  }

 private:
  void known_section(const char* flag, const std::string& name) {
    std::vector<std::string> names;
    for (const Section& section : recipe_.sections) names.push_back(section.name);
    if (std::find(names.begin(), names.end(), name) != names.end()) return;
    const std::string near = nearest_name(name, names);
    fail(ErrorKind::usage, flag, " ", name, ": the recipe has no such section", near.empty() ? "" : "; did you mean " + near + "?");
  }

  /// --minutes, or those of the run before: a long run is not thrown away because the flag was forgotten.
  void settle_minutes() {
    const bool given = options_.minutes.has_value();
    if (!given && fs::exists(folder_ / "run.json")) {
      const Json before = read_run(folder_);
      if (before.contains("minutes") && before["minutes"].is_number()) options_.minutes = before["minutes"].get<double>();
    }
    const double own = recipe_.timed_minutes() + recipe_.untimed_minutes();
    if (!options_.minutes) return;
    if (!given) {
      run_.progress().note(fmt::format("{} as in the run before (--minutes {:.3g} for the recipe's own)", minutes_text(*options_.minutes), own));
    }
    scale_to_minutes(recipe_, *options_.minutes);
  }

  void check(const Section& section) {
    try {
      cli_.check(command_words(section, folder_), flags_);
    } catch (Error& e) {
      e.during(recipe_.file, ":", section.line, ": [", section.name, "]");
      throw;
    }
  }

  Json made_from(const Section& section) { return section_fingerprint(section, folder_, static_cast<uint64_t>(flags_.seed), hashes_); }
  bool wants_redo(const std::string& name) const { return std::find(options_.redo.begin(), options_.redo.end(), name) != options_.redo.end(); }

  /// The table of sections and what each will take, before anything starts.
  void announce() {
    Progress& progress = run_.progress();
    const double total = recipe_.timed_minutes() + recipe_.untimed_minutes();
    double pretraining = 0;
    for (const Section& section : recipe_.sections) pretraining += section.verb == "pretrain" ? section.minutes.value_or(section.expected_minutes) : 0;
    progress.note(fmt::format("{} -> {}: about {} on {} threads{}", recipe_.file.string(), folder_.string(), minutes_text(total), threads(),
                              pretraining > 0 ? fmt::format(", {:.3g} of them pre-training", pretraining) : std::string()));
    size_t width = 8, verb_width = 8;
    for (const Section& section : recipe_.sections) {
      width = std::max(width, section.name.size());
      verb_width = std::max(verb_width, section.verb.size());
    }
    std::vector<std::string> pending;
    for (const Section& section : recipe_.sections) {
      std::string state;
      const Verdict verdict = judge(section, folder_ / section.folder(), entry_of(record_, section.name), made_from(section), wants_redo(section.name));
      const bool waits = std::any_of(pending.begin(), pending.end(), [&](const std::string& name) { return refers_to(section, name); });
      if (verdict.standing == Standing::done && !waits) {
        state = "up to date";
      } else if (verdict.standing == Standing::done) {
        state = "up to date, unless what it reads changes";
      } else if (verdict.standing == Standing::begun) {
        state = "begun; goes on";
      } else if (verdict.standing == Standing::changed) {
        state = "anew";
      }
      if (!(verdict.standing == Standing::done && !waits)) pending.push_back(section.name);
      const std::string time = section.minutes ? fmt::format("{:>5.3g} min", *section.minutes)
                                               : section.expected_minutes > 0 ? fmt::format("~{:>4.2g} min", section.expected_minutes) : "";
      std::string line = fmt::format("  {:<{}}  {:<{}}  {:<9}  {}", section.name, width, section.verb, verb_width, time, state);
      line.erase(line.find_last_not_of(' ') + 1);
      progress.note(line);
    }
  }

  static bool refers_to(const Section& section, const std::string& name) {
    for (const SectionSetting& setting : section.settings) {
      for (const std::string& value : setting.values) {
        if (reference_in(value) == name) return true;
      }
    }
    return false;
  }

  void save() {
    record_["inputs"] = hashes_.json();
    write_file(folder_ / "run.json", to_pretty(record_));
  }

  void one(const Section& section) {
    Progress& progress = run_.progress();
    const fs::path out = folder_ / section.folder();
    stop_if_requested("what was finished stays; run the same command again, it goes on");
    const Json now = made_from(section);
    const Verdict verdict = judge(section, out, entry_of(record_, section.name), now, wants_redo(section.name));
    if (verdict.standing == Standing::done) {
      Json& entry = record_["sections"][section.name];
      if (!entry.contains("content")) {  // killed between the manifest and this record
        entry["content"] = open_artifact(out).content;
        save();
      }
      entry["about"] = section.about;
      ++skipped_;
      return;
    }
    if (verdict.standing == Standing::changed) {
      progress.note(fmt::format("[{}] made anew: {}", section.name, verdict.why));
      std::error_code code;
      fs::remove_all(out, code);
      if (code) fail(ErrorKind::io, "cannot remove ", out, ": ", code.message());
    }
    const std::vector<std::string> words = command_words(section, folder_);
    progress.note(fmt::format("[{}] {}{}", section.name, verdict.standing == Standing::begun ? "goes on: " : "", command_line(words)));
    double before = 0;
    if (verdict.standing == Standing::begun) before = get_number(entry_of(record_, section.name), "seconds", 0.0);
    Json entry = {{"verb", section.verb}, {"about", section.about}, {"folder", section.folder().string()}, {"command", command_line(words)},
                  {"made_from", now}, {"seconds", before}, {"planned_seconds", 60 * section.minutes.value_or(section.expected_minutes)}};
    record_["sections"][section.name] = entry;
    make_folder(out.parent_path());
    save();
    const double began = seconds_now();
    auto elapsed = [&] { return before + seconds_now() - began; };
    Report report;
    try {
      report = called(words);
    } catch (Error& e) {
      record_["sections"][section.name]["seconds"] = elapsed();
      save();
      e.during("section [", section.name, "]");
      throw;
    }
    entry["seconds"] = elapsed();
    entry["content"] = open_artifact(out).content;
    entry["report"] = report.json ? *report.json : Json(nullptr);
    record_["sections"][section.name] = entry;
    save();
    for (const std::string& line : report.lines) progress.note("  " + line);
    progress.note(fmt::format("[{}] done in {}", section.name, seconds_text(elapsed())));
    ++done_;
  }

  /// The section in a process of its own: its memory is what `loam plan` foretells, not that of all the sections before it.
  Report called(const std::vector<std::string>& words) {
    const Json said = parse_json(in_child("its process", [&] {
      const Report made = cli_.call(words, flags_);
      return to_line({{"json", made.json ? *made.json : Json(nullptr)}, {"lines", made.lines}, {"exit", made.exit}});
    }), "what a section said");
    Report out;
    out.json = std::make_shared<Json>(said["json"]);
    out.lines = said["lines"].get<std::vector<std::string>>();
    out.exit = said["exit"].get<int>();
    return out;
  }

  /// report.html and report.md, unless they are of exactly these sections.
  void write_page() {
    Sha256 shown;
    shown.add(version());
    shown.add(commit());
    for (const auto& [name, entry] : record_["sections"].items()) shown.add(name + get_string(entry, "content", "") + to_line(entry["made_from"]) + "\n");
    const std::string content = shown.hex();
    page_ = folder_ / "report.html";
    if (done_ == 0 && get_string(record_, "page", "") == content && fs::exists(page_)) return;
    record_["page"] = content;
    save();
    write_report({folder_}, folder_, run_.progress());
    ++done_;
  }

  Report result(bool all) {
    Json json = {{"run", folder_.string()}, {"recipe", recipe_.file.string()}, {"done", done_}, {"up_to_date", skipped_}, {"sections", Json::object()}};
    double seconds = 0, planned_seconds = 0;
    bool all_planned = true;
    std::vector<std::string> lines;
    size_t width = 8;
    for (const Section& section : recipe_.sections) width = std::max(width, section.name.size());
    for (const Section& section : recipe_.sections) {
      const Json& entry = entry_of(record_, section.name);
      if (!entry.contains("content")) continue;
      const double taken = get_number(entry, "seconds", 0.0), planned = get_number(entry, "planned_seconds", 0.0);
      seconds += taken;
      planned_seconds += planned;
      all_planned = all_planned && planned > 0;
      json["sections"][section.name] = {{"folder", (folder_ / section.folder()).string()}, {"content", entry["content"]}, {"seconds", taken}};
      if (planned > 0) json["sections"][section.name]["planned_seconds"] = planned;
      lines.push_back(fmt::format("  {:<{}}  {:>7} {:<10}  {}", section.name, width, seconds_text(taken), planned > 0 ? "of " + seconds_text(planned) : "",
                                  section.about.empty() ? section.verb : section.about));
      const Json report = entry.value("report", Json());
      const double predicted = report.is_object() ? get_number(report.value("predicted_memory", Json::object()), "total", 0.0) : 0, peak = report.is_object() ? get_number(report, "peak_memory", 0.0) : 0;
      if (predicted > 0 && peak > 0) {
        json["sections"][section.name]["predicted_memory"] = predicted;
        json["sections"][section.name]["peak_memory"] = peak;
        lines.push_back(fmt::format("  {:<{}}  memory: {} of {} predicted ({:+.1f} %)", "", width, human_bytes(peak), human_bytes(predicted), 100 * (peak / predicted - 1)));
      }
    }
    json["seconds"] = seconds;
    if (options_.dry) return report(std::move(json), {"nothing was run (--dry)"});
    if (done_ == 0) lines.insert(lines.begin(), fmt::format("{}: all {} sections are up to date; nothing was done again", folder_.string(), skipped_));
    else lines.insert(lines.begin(), fmt::format("{}: {} in all{}", folder_.string(), seconds_text(seconds), all_planned ? ", " + seconds_text(planned_seconds) + " planned" : ""));
    if (!page_.empty()) {
      json["report"] = page_.string();
      lines.push_back(fmt::format("  {:<{}}  {:>7}  {}", "page", width, "", page_.string()));
    }
    if (all && !recipe_.try_next.empty()) {
      lines.push_back("Try:");
      json["try"] = Json::array();
      for (const std::string& command : recipe_.try_next) {
        json["try"].push_back(with_folders(command));
        lines.push_back("  " + as_typed(with_folders(command)));
      }
    }
    return report(std::move(json), std::move(lines));
  }

  std::string with_folders(const std::string& command) const {
    std::string out;
    for (size_t at = 0; at < command.size();) {
      if (command[at] != '@') {
        out += command[at++];
        continue;
      }
      const size_t end = std::min(command.find_first_of("/ \"'", at), command.size());
      Section named;
      named.name = command.substr(at + 1, end - at - 1);
      out += (folder_ / named.folder()).string();
      at = end;
    }
    return out;
  }

  Recipe recipe_;
  PathOptions options_;
  Run& run_;
  Cli& cli_;
  fs::path folder_, page_;
  GlobalFlags flags_;
  Json record_;
  InputHashes hashes_;
  int64_t done_ = 0, skipped_ = 0;
};

}  // namespace

Json section_fingerprint(const Section& section, const fs::path& run, uint64_t seed, InputHashes& hashes) {
  Json settings = Json::object(), inputs = Json::object();
  for (const SectionSetting& setting : section.settings) {
    settings[setting.key] = setting.values;
    for (const std::string& value : setting.values) {
      if (const auto reference = reference_in(value)) {
        Section named;
        named.name = *reference;
        inputs["@" + *reference] = hashes.of(run / named.folder());
        continue;
      }
      for (const fs::path& path : paths_in_value(resolve_references(value, run))) inputs[path.string()] = hashes.of(path);
    }
  }
  return {{"verb", section.verb}, {"settings", settings}, {"seed", seed}, {"inputs", inputs}};
}

std::string fingerprint_difference(const Json& before, const Json& now) {
  auto shown = [](const Json& values) {
    if (values.is_array() && values.size() == 1 && values[0].is_string()) return values[0].get<std::string>();
    return to_line(values);
  };
  if (!before.is_object()) return "what it was made from is not known";
  if (before.value("verb", Json()) != now["verb"]) return cat("its verb was ", shown(before.value("verb", Json())), ", is ", shown(now["verb"]));
  if (before.value("seed", Json()) != now["seed"]) return cat("the seed was ", to_line(before.value("seed", Json())), ", is ", to_line(now["seed"]));
  const Json a = before.value("settings", Json::object()), b = now["settings"];
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key)) return cat(key, " was not set, is ", shown(value));
    if (a[key] != value) return cat(key, " was ", shown(a[key]), ", is ", shown(value));
  }
  for (const auto& [key, value] : a.items()) {
    if (!b.contains(key)) return cat(key, " was ", shown(value), ", is not set");
  }
  const Json c = before.value("inputs", Json::object()), d = now["inputs"];
  for (const auto& [path, sha] : d.items()) {
    if (!c.contains(path)) return cat(path, " is new");
    if (c[path] != sha) return path[0] == '@' ? cat("[", path.substr(1), "] changed") : cat(path, " changed");
  }
  for (const auto& [path, sha] : c.items()) {
    if (!d.contains(path)) return cat(path, " is gone");
  }
  return "";
}

Report run_path(Recipe recipe, const PathOptions& options, Run& run, Cli& cli) { return PathRun(std::move(recipe), options, run, cli).go(); }

}  // namespace loam
