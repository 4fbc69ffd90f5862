// Everything a report shows, gathered from folders on disk: the artifacts of a path, in its order, with their lineage,
// and what their logs hold.
//
//   PathData path = gather_path({"runs/quickstart"});
//   for (const MadeArtifact& made : path.made) ...
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"

namespace loam {

struct MadeArtifact {
  std::string name;          ///< the section's, or the folder's
  std::string verb, about, command;  ///< from run.json; may be empty
  Artifact artifact;
  Json report;               ///< what the verb said when it was done; null if not known
  double seconds = 0;        ///< of work; 0 if not known
  double planned_seconds = 0;  ///< what the recipe allowed or expected; 0 if not known
  std::vector<size_t> parents;  ///< indices into PathData::made, by content
  int64_t outside_inputs = 0;   ///< inputs that are none of these artifacts
};

struct PathData {
  std::string title, about, recipe, machine, version, commit;
  std::vector<std::filesystem::path> folders;
  int64_t threads = 0;
  std::vector<MadeArtifact> made;  ///< a child comes after its parents

  double seconds() const;
  double planned_seconds() const;  ///< 0 if any artifact's is not known
  /// The artifact with this content or, failing that, the first that holds a file with this hash (inputs may be a file of
  /// an artifact: runs/x/pairs/train.jsonl). None if no folder holds it.
  std::optional<size_t> source_of(const std::string& sha256) const;
};

/// Runs (folders with run.json), artifacts, or folders that hold some. Throws Error{input} if one holds neither.
PathData gather_path(const std::vector<std::filesystem::path>& folders);

/// One column of metrics.jsonl over the rows that have it, beside the row's tokens and seconds.
struct Curve {
  std::vector<double> step, tokens, seconds, value;
  bool empty() const { return value.empty(); }
};

/// metrics.jsonl of a model, column by column. Malformed lines (the last one of a killed run) are left out.
class Metrics {
 public:
  Metrics() = default;
  explicit Metrics(const std::filesystem::path& file);
  Curve curve(const std::string& key) const;
  int64_t rows() const { return static_cast<int64_t>(rows_.size()); }
  const std::vector<Json>& all() const { return rows_; }

 private:
  std::vector<Json> rows_;
};

/// The JSON lines of a file; malformed ones left out. At most `limit` of them, from the start.
std::vector<Json> read_json_lines(const std::filesystem::path& file, int64_t limit);

}  // namespace loam
