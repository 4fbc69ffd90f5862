// What a model was made from, in a form that goes inside other programs' files.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "loam/train/model_folder.h"

namespace loam {

using Lineage = std::vector<std::pair<std::string, std::string>>;

/// "content": the model's own hash. "lineage": a JSON list, nearest first, of {"kind", "name", "sha256"} of what it and its
/// inputs were made from, as far as their folders are still where they were. Names have no folders, and nothing has a time.
Lineage lineage_of(const ModelFolder& model);

}  // namespace loam
