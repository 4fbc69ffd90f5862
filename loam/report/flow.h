// The path as a picture: a box for each artifact, an arrow for each "made from", left to right.
#pragma once

#include <string>
#include <vector>

#include "loam/report/path_data.h"

namespace loam {

struct FlowBox {
  int column = 0, row = 0;
};

/// Where each artifact's box stands: a column right of all its parents', as near to its children as it can; rows so that
/// no two share a place and a chain stays on a line.
std::vector<FlowBox> flow_layout(const PathData& path);

/// The picture as inline SVG; each box links to "#artifact-NAME" of the lineage table.
std::string flow_picture(const PathData& path);

/// An artifact in a few words: "43,201 documents, 51.2 MB".
std::string headline(const Artifact& artifact);

}  // namespace loam
