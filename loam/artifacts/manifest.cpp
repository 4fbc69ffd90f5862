#include "loam/artifacts/manifest.h"

#include <algorithm>
#include <ctime>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/threads.h"
#include "loam/base/version.h"

namespace loam {
namespace {

constexpr const char* kManifest = "manifest.json";
constexpr int64_t kFormat = 1;

/// What an unfinished folder was begun with: state/begun.json.
Json begun(const std::string& kind, const Json& settings, const std::vector<ArtifactInput>& inputs) {
  Json out = {{"kind", kind}, {"config", settings}, {"inputs", Json::array()}};
  for (const auto& input : inputs) out["inputs"].push_back(input.sha256);
  return out;
}

/// The first setting that differs, for the message; "inputs" if that is what does.
std::string first_difference(const Json& before, const Json& now) {
  const Json empty = Json::object();
  const Json& a = before.contains("config") && before["config"].is_object() ? before["config"] : empty;
  const Json& b = now["config"];
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key)) return cat(key, " (not set then, now ", to_line(value), ")");
    if (a[key] != value) return cat(key, " (then ", to_line(a[key]), ", now ", to_line(value), ")");
  }
  return "its inputs";
}

void remove_temporaries(const fs::path& folder) {
  std::error_code ignored;
  for (auto it = fs::recursive_directory_iterator(folder, ignored); it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    if (it->is_regular_file(ignored) && it->path().extension() == ".tmp") fs::remove(it->path(), ignored);
  }
}

/// Nothing but what a kill in ArtifactWriter's first moments leaves: state/ without its begun.json.
bool holds_nothing(const fs::path& folder) {
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path() != folder / "state" && entry.path().extension() != ".tmp") return false;
  }
  return true;
}

}  // namespace

std::string iso_time_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc = {};
  ::gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

std::string content_hash(const std::vector<ArtifactFile>& files) {
  std::vector<const ArtifactFile*> sorted;
  for (const auto& file : files) sorted.push_back(&file);
  std::sort(sorted.begin(), sorted.end(), [](auto* a, auto* b) { return a->name < b->name; });
  Sha256 hash;
  for (const auto* file : sorted) hash.add(file->sha256 + "  " + file->name + "\n");
  return hash.hex();
}

bool Artifact::promises(const std::string& name) const {
  return std::any_of(files.begin(), files.end(), [&](const ArtifactFile& file) { return file.name == name; });
}

bool is_artifact(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kManifest, ignored);
}

Artifact open_artifact(const fs::path& folder, const std::string& kind) try {
  require_input(fs::exists(folder), "there is no ", folder);
  require_input(fs::is_directory(folder), folder, " is a file, not a folder that loam wrote");
  require_input(is_artifact(folder), folder, " has no manifest.json",
                fs::exists(folder / "state") ? ": it is unfinished; run the command that makes it again, it goes on" : "");
  const Json m = read_json(folder / kManifest, int64_t{1} << 28);
  Artifact a;
  a.folder = folder;
  a.kind = get_string(m, "kind");
  require_input(get_int(m, "format") == kFormat, "its format is ", get_int(m, "format"), ", this loam reads ", kFormat);
  require_input(kind.empty() || a.kind == kind, "found ", a.kind, " there, wanted ", kind);
  a.content = get_string(m, "content");
  a.created = get_string(m, "created", "");
  a.version = get_string(m, "loam", "");
  a.commit = get_string(m, "commit", "");
  a.config = m.value("config", Json::object());
  a.counts = m.value("counts", Json::object());
  for (const Json& input : m.value("inputs", Json::array())) {
    a.inputs.push_back({get_string(input, "path"), get_string(input, "kind"), get_string(input, "sha256")});
  }
  for (const Json& file : m.value("files", Json::array())) {
    a.files.push_back({get_string(file, "name"), get_int(file, "bytes"), get_string(file, "sha256")});
    const ArtifactFile& f = a.files.back();
    const fs::path relative = fs::path(f.name).lexically_normal();
    require_input(relative.is_relative() && relative.begin() != relative.end() && *relative.begin() != "..",
                  "its manifest names a file outside the folder: ", f.name);
    std::error_code code;
    const auto bytes = fs::file_size(folder / f.name, code);
    require_input(!code, f.name, " is missing");
    require_input(static_cast<int64_t>(bytes) == f.bytes, f.name, " has ", bytes, " bytes, the manifest says ", f.bytes);
  }
  for (const Json& name : m.value("logs", Json::array())) {
    if (name.is_string()) a.logs.push_back(name.get<std::string>());
  }
  return a;
} catch (Error& e) {
  e.during("opening ", folder.string());
  throw;
}

std::vector<std::string> broken_files(const Artifact& artifact) {
  std::vector<std::string> hashes(artifact.files.size());
  parallel_for(static_cast<int64_t>(artifact.files.size()), [&](int64_t i) {
    try {
      hashes[static_cast<size_t>(i)] = sha256_file(artifact.path(artifact.files[static_cast<size_t>(i)].name));
    } catch (const Error&) {
      hashes[static_cast<size_t>(i)] = "unreadable";
    }
  });
  std::vector<std::string> broken;
  for (size_t i = 0; i < hashes.size(); ++i) {
    if (hashes[i] != artifact.files[i].sha256) broken.push_back(artifact.files[i].name);
  }
  if (artifact.content != content_hash(artifact.files)) broken.push_back("content");
  return broken;
}

ArtifactInput file_input(const fs::path& file) { return {file.string(), "file", sha256_file(file)}; }

ArtifactWriter::ArtifactWriter(const fs::path& folder, const std::string& kind, const Json& settings,
                               const std::vector<ArtifactInput>& inputs, bool force)
    : folder_(folder), kind_(kind), settings_(settings), inputs_(inputs) {
  const fs::path mark = state() / "begun.json";
  const Json now = begun(kind, settings, inputs);
  if (is_artifact(folder)) {
    require(force, folder, " already holds a finished artifact; choose another --out, or give --force to replace it");
    const Artifact old = open_artifact(folder);
    fs::remove(folder / kManifest);  // first: from here on it is unfinished
    for (const auto& file : old.files) fs::remove(folder / file.name);
    for (const auto& name : old.logs) fs::remove_all(folder / name);
    fs::remove_all(state());
  } else if (fs::exists(mark)) {
    const Json before = read_json(mark);
    if (before == now && !force) {
      resumed_ = true;
    } else {
      require(force, folder, " holds an unfinished ", before.value("kind", std::string("artifact")),
              " that was begun with other settings: ", first_difference(before, now),
              "; run it with those, choose another --out, or give --force to start anew");
      fs::remove_all(state());
    }
  } else if (fs::exists(folder)) {
    require(fs::is_directory(folder), folder, " is a file; --out wants a folder");
    require(force || holds_nothing(folder), folder, " holds other files; choose another --out, or give --force to write among them");
  }
  make_folder(state());
  remove_temporaries(folder);
  if (!resumed_) write_file(mark, to_pretty(now));
}

void ArtifactWriter::promise(const std::string& name) {
  if (std::find(promised_.begin(), promised_.end(), name) == promised_.end()) promised_.push_back(name);
}

void ArtifactWriter::log(const std::string& name) {
  if (std::find(logs_.begin(), logs_.end(), name) == logs_.end()) logs_.push_back(name);
}

Artifact ArtifactWriter::finish(const Json& counts) {
  std::vector<ArtifactFile> files(promised_.size());
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    ArtifactFile& file = files[static_cast<size_t>(i)];
    file.name = promised_[static_cast<size_t>(i)];
    file.bytes = static_cast<int64_t>(fs::file_size(path(file.name)));
    file.sha256 = sha256_file(path(file.name));
  });
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  Json m;
  m["loam"] = version();
  m["kind"] = kind_;
  m["format"] = kFormat;
  m["created"] = iso_time_now();
  m["content"] = content_hash(files);
  m["config"] = settings_;
  m["inputs"] = Json::array();
  for (const auto& input : inputs_) m["inputs"].push_back({{"path", input.path}, {"kind", input.kind}, {"sha256", input.sha256}});
  m["files"] = Json::array();
  for (const auto& file : files) m["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  const bool keep_state = std::find(logs_.begin(), logs_.end(), "state") != logs_.end();
  m["logs"] = logs_;
  m["counts"] = counts;
  m["commit"] = commit();
  if (!keep_state) {
    // A kill between here and the rename leaves a folder without state or manifest: it would be refused as "other
    // files". So the state goes only after the manifest stands.
    m["logs"].push_back("state");
  }
  write_file(folder_ / kManifest, to_pretty(m));
  if (!keep_state) fs::remove_all(state());
  return open_artifact(folder_, kind_);
}

}  // namespace loam
