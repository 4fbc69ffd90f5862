// What a file or folder is that is no artifact of ours, and what is inside a model: for `loam inspect`.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct Look {
  Json json = Json::object();       ///< "kind", and facts of that kind
  std::vector<std::string> lines;   ///< the same for people
};

/// A run's folder, a model's folder without a manifest, a folder of other things, or a file: safetensors, token shard,
/// tokenizer, rows, text, something else. Reads headers and first rows, not whole files (but for the SHA-256 of a file of up to 1 GiB).
/// Throws Error{input} if there is nothing, or a file is damaged where it says what it is.
Look look_at(const std::filesystem::path& path);

/// The tensors of a model's folder, with shapes and their sum: "weights" in the JSON.
Look look_at_weights(const std::filesystem::path& folder);

}  // namespace loam
