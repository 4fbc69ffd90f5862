// files.tsv: a line for each file that was read, "source, file, bytes, SHA-256, documents, dropped" apart by tabs.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/stages/collect/sources.h"

namespace loam {

/// The table with documents that went after all counted as dropped: so many by "source<tab>file".
std::string corrected_table(std::string_view table, const std::map<std::string, int64_t>& gone);

/// The sources as inputs: a file is named by its hash, a folder by that of the lines "<hash>  <file>\n".
std::vector<ArtifactInput> inputs_of(const SourceList& list, std::string_view table);

}  // namespace loam
