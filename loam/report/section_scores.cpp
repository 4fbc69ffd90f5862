// What the models can do.
#include "loam/report/report.h"

namespace loam {

std::vector<DocSection> tuning_sections(const PathData& path) {
  (void)path;
  return {};
}

DocSection scores_section(const PathData& path) {
  (void)path;
  return {"scores", "Scores", {}};
}

}  // namespace loam
