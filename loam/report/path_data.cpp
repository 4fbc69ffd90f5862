#include "loam/report/path_data.h"

#include <algorithm>
#include <fstream>
#include <functional>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

constexpr int64_t kMostRows = 1000000;  // of metrics.jsonl; a run of a million logged steps is thinned by the writer

bool has_run(const fs::path& folder) { return fs::is_regular_file(folder / "run.json"); }

void add_artifact(PathData& path, const fs::path& folder, const std::string& name, const Json& entry) {
  MadeArtifact made;
  made.name = name;
  made.artifact = open_artifact(folder);
  for (const MadeArtifact& known : path.made) {
    if (known.artifact.content == made.artifact.content && known.artifact.kind == made.artifact.kind && fs::equivalent(known.artifact.folder, folder)) return;
  }
  made.verb = get_string(entry, "verb", "");
  made.about = get_string(entry, "about", "");
  made.command = get_string(entry, "command", "");
  made.seconds = get_number(entry, "seconds", 0.0);
  made.planned_seconds = get_number(entry, "planned_seconds", 0.0);
  if (entry.is_object() && entry.contains("report")) made.report = entry["report"];
  path.made.push_back(std::move(made));
}

void add_run(PathData& path, const fs::path& folder) {
  const Json run = read_json(folder / "run.json");
  if (path.title.empty()) {
    path.title = get_string(run, "title", get_string(run, "name", folder.filename().string()));
    path.about = get_string(run, "about", "");
    path.recipe = get_string(run, "recipe", "");
    path.threads = get_int(run, "threads", int64_t{0});
    path.machine = get_string(run, "machine", "");
    path.version = get_string(run, "loam", "");
    path.commit = get_string(run, "commit", "");
  }
  const Json sections = run.value("sections", Json::object());
  std::vector<std::string> order;
  for (const Json& name : run.value("order", Json::array())) {
    if (name.is_string()) order.push_back(name.get<std::string>());
  }
  for (const std::string& name : order) {
    if (!sections.contains(name)) continue;
    const Json& entry = sections[name];
    std::string below = name;
    std::replace(below.begin(), below.end(), '.', '/');
    if (is_artifact(folder / below)) add_artifact(path, folder / below, name, entry);
  }
}

/// Artifacts at or below a folder, `depth` folders down, in order of name.
void add_found(PathData& path, const fs::path& folder, const std::string& name, int depth) {
  if (is_artifact(folder)) {
    add_artifact(path, folder, name, Json::object());
    return;
  }
  if (depth == 0) return;
  std::vector<fs::path> children;
  std::error_code ignored;
  for (auto it = fs::directory_iterator(folder, ignored); it != fs::directory_iterator(); it.increment(ignored)) {
    if (it->is_directory(ignored)) children.push_back(it->path());
  }
  std::sort(children.begin(), children.end());
  for (const fs::path& child : children) {
    const std::string leaf = child.filename().string();
    add_found(path, child, name.empty() ? leaf : name + "." + leaf, depth - 1);
  }
}

/// Parents by content, and children after their parents; otherwise the order stays.
void order_by_lineage(PathData& path) {
  std::vector<MadeArtifact> sorted;
  std::vector<int> state(path.made.size(), 0);
  std::function<void(size_t)> visit = [&](size_t i) {
    if (state[i] != 0) return;
    state[i] = 1;
    for (const ArtifactInput& input : path.made[i].artifact.inputs) {
      if (const auto source = path.source_of(input.sha256)) visit(*source);
    }
    sorted.push_back(path.made[i]);
  };
  for (size_t i = 0; i < path.made.size(); ++i) visit(i);
  path.made = std::move(sorted);
  for (size_t i = 0; i < path.made.size(); ++i) {
    MadeArtifact& made = path.made[i];
    made.parents.clear();
    made.outside_inputs = 0;
    for (const ArtifactInput& input : made.artifact.inputs) {
      const auto parent = path.source_of(input.sha256);
      if (parent && *parent < i) {
        if (std::find(made.parents.begin(), made.parents.end(), *parent) == made.parents.end()) made.parents.push_back(*parent);
      } else {
        ++made.outside_inputs;
      }
    }
  }
}

}  // namespace

double PathData::seconds() const {
  double sum = 0;
  for (const MadeArtifact& one : made) sum += one.seconds;
  return sum;
}

double PathData::planned_seconds() const {
  double sum = 0;
  for (const MadeArtifact& one : made) {
    if (one.planned_seconds <= 0) return 0;
    sum += one.planned_seconds;
  }
  return sum;
}

std::optional<size_t> PathData::source_of(const std::string& sha256) const {
  for (size_t i = 0; i < made.size(); ++i) {
    if (made[i].artifact.content == sha256) return i;
  }
  for (size_t i = 0; i < made.size(); ++i) {
    for (const ArtifactFile& file : made[i].artifact.files) {
      if (file.sha256 == sha256) return i;
    }
  }
  return std::nullopt;
}

PathData gather_path(const std::vector<fs::path>& folders) {
  PathData path;
  path.folders = folders;
  for (const fs::path& folder : folders) {
    require_input(fs::exists(folder), "there is no ", folder);
    require_input(fs::is_directory(folder), folder, " is a file; wanted a run's folder or an artifact's");
    const size_t before = path.made.size();
    if (has_run(folder)) {
      add_run(path, folder);
    } else {
      fs::path named = folder;
      if (!named.has_filename()) named = named.parent_path();
      add_found(path, folder, is_artifact(folder) ? named.filename().string() : "", 3);
      if (path.title.empty()) path.title = named.filename().string();
    }
    require_input(path.made.size() > before || has_run(folder), folder, " holds no finished artifact and no run.json");
  }
  order_by_lineage(path);
  return path;
}

std::vector<Json> read_json_lines(const fs::path& file, int64_t limit) {
  std::vector<Json> out;
  std::ifstream in(file, std::ios::binary);
  std::string line;
  while (static_cast<int64_t>(out.size()) < limit && std::getline(in, line)) {
    Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (row.is_object()) out.push_back(std::move(row));
  }
  return out;
}

Metrics::Metrics(const fs::path& file) : rows_(read_json_lines(file, kMostRows)) {}

Curve Metrics::curve(const std::string& key) const {
  Curve out;
  for (const Json& row : rows_) {
    const auto it = row.find(key);
    if (it == row.end() || !it->is_number()) continue;
    auto number = [&](const char* name) {
      const auto at = row.find(name);
      return at != row.end() && at->is_number() ? at->get<double>() : 0.0;
    };
    out.step.push_back(number("step"));
    out.tokens.push_back(number("tokens"));
    out.seconds.push_back(number("seconds"));
    out.value.push_back(it->get<double>());
  }
  return out;
}

}  // namespace loam
