// What was read: the path's picture, the sources, what was left out and why, and the mixture.
#include <fmt/format.h>

#include <algorithm>

#include "loam/report/flow.h"
#include "loam/report/report.h"

namespace loam {

DocSection overview_section(const PathData& path) {
  DocSection section{"path", "The path", {}};
  if (path.made.empty()) return section;
  section.blocks.push_back(Figure{flow_picture(path), "Each box is a folder with a manifest; each arrow says what was made from what.", false});
  return section;
}

DocSection sources_section(const PathData& path) {
  DocSection section{"sources", "Sources and mixture", {}};
  (void)path;
  return section;
}

}  // namespace loam
