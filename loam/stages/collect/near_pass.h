// The last pass of a corpus whose near-duplicates go: finished parts read again, written without them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"
#include "loam/base/progress.h"
#include "loam/stages/collect/near.h"

namespace loam {

/// Calls `take` with each line of a zstd file, its line end included. Holds a row.
void each_row(const std::filesystem::path& file, const std::function<void(std::string_view)>& take);

/// A row of the ledger in which another document's number (of "duplicate" and "near_duplicate") is what `number_of` says.
std::string renumbered_row(std::string_view row, const std::function<Json(int64_t)>& number_of);

/// A document that goes.
struct NearDrop {
  std::string source, file;
  Json metadata;
  int64_t bytes = 0, characters = 0;
};

/// Rows of `names` (documents-*, then as many dropped-*) from one folder to another: of each cluster the first document
/// stays, the others go to the ledger of the same part as "near_duplicate" with the number of the one that stayed, or null
/// where that is in another corpus. Numbers that "duplicate" rows name are brought up to date. Holds a row and two blocks.
void write_without_near(const std::filesystem::path& from, const std::filesystem::path& to, const std::vector<std::string>& names, const NearClusters& clusters, const std::filesystem::path& scratch,
                        const std::function<void(const NearDrop&)>& dropped, Progress& progress);

}  // namespace loam
