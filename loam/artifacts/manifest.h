// The folder with a manifest.json that every stage writes and every other reads (contract section 3).
//
//   ArtifactWriter out(folder, "tokens", settings, inputs, force);  // refuses a finished folder; says if it resumes
//   ... write files under out.folder() ...
//   out.promise("train-00000.bin"); out.log("state"); out.finish(counts);   // hashes, then manifest.json by rename
//
//   Artifact corpus = open_artifact(folder, "corpus");
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct ArtifactFile {
  std::string name;  ///< below the folder, with '/'
  int64_t bytes = 0;
  std::string sha256;
};

struct ArtifactInput {
  std::string path, kind, sha256;  ///< an artifact's content, or a file's SHA-256
};

/// A finished artifact as its manifest tells it.
struct Artifact {
  std::filesystem::path folder;
  std::string kind, content, created, version, commit;
  Json config, counts;
  std::vector<ArtifactInput> inputs;
  std::vector<ArtifactFile> files;
  std::vector<std::string> logs;

  std::filesystem::path path(const std::string& name) const { return folder / name; }
  bool promises(const std::string& name) const;
  /// How another artifact names this one among its inputs.
  ArtifactInput as_input() const { return {folder.string(), kind, content}; }
};

/// Reads and checks a manifest: format, kind (if one is asked for), files present with their sizes (not their hashes).
/// Throws Error{input}: no folder, no manifest (with what to run), another kind, a file missing or cut off.
Artifact open_artifact(const std::filesystem::path& folder, const std::string& kind = "");

bool is_artifact(const std::filesystem::path& folder);

/// Names of promised files whose bytes no longer match their hashes, and "content" if that does not follow from them.
std::vector<std::string> broken_files(const Artifact& artifact);

/// How a file outside any artifact is named among the inputs.
ArtifactInput file_input(const std::filesystem::path& file);

/// An output folder on its way to being an artifact.
class ArtifactWriter {
 public:
  /// Makes the folder, or takes over an unfinished one.
  /// A finished one is refused, Error{usage} naming --force, unless `force`: then it is emptied of what it listed.
  /// `settings` and `inputs` decide what is made: an unfinished folder that was begun with others is refused
  /// likewise. Leftover "*.tmp" files are removed.
  ArtifactWriter(const std::filesystem::path& folder, const std::string& kind, const Json& settings,
                 const std::vector<ArtifactInput>& inputs, bool force);

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path path(const std::string& name) const { return folder_ / name; }
  /// `state/`, for what makes the work resumable; removed by finish() unless kept as a log.
  std::filesystem::path state() const { return folder_ / "state"; }
  /// An unfinished folder with the same settings was found.
  bool resumed() const { return resumed_; }

  void promise(const std::string& name);  ///< its bytes will not change any more
  void log(const std::string& name);      ///< a file, or a folder, whose bytes are not promised
  /// What the manifest names as inputs, where reading them told more than was known when the work began.
  void set_inputs(const std::vector<ArtifactInput>& inputs) { inputs_ = inputs; }
  /// Hashes the promised files, removes state/ if it is no log, and writes manifest.json by rename.
  Artifact finish(const Json& counts);

 private:
  std::filesystem::path folder_;
  std::string kind_;
  Json settings_;
  std::vector<ArtifactInput> inputs_;
  std::vector<std::string> promised_, logs_;
  bool resumed_ = false;
};

/// SHA-256 of the sorted "<sha256>  <name>\n" lines.
std::string content_hash(const std::vector<ArtifactFile>& files);

/// Now, in UTC: 2026-01-31T12:00:00Z.
std::string iso_time_now();

}  // namespace loam
