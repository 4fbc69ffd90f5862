// What the models can do.
#include "loam/base/files.h"
#include "loam/report/report.h"

namespace loam {

std::vector<DocSection> tuning_sections(const PathData& path) {
  std::vector<DocSection> out;
  for (const MadeArtifact& made : path.made) {
    if (made.artifact.kind == "model" && (made.verb == "finetune classify" || fs::exists(made.artifact.path("split.tsv")))) out.push_back(classifier_section(made));
  }
  return out;
}

DocSection scores_section(const PathData& path) {
  (void)path;
  return {"scores", "Scores", {}};
}

}  // namespace loam
