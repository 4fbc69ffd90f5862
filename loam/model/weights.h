// A model's folder in Hugging Face's form: config.json and model.safetensors (in shards with an index over 5 GB).
//
//   auto model = load_model("runs/quickstart/base", backend("cpu"), /*gradients=*/false);
//   std::vector<std::string> files = save_weights(*model, folder);
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "loam/model/transformer.h"

namespace loam {

/// The config of a model folder. Throws Error{input} naming config.json.
ModelConfig load_config(const std::filesystem::path& folder);

/// Fills model.params() from the folder's tensors (F32, F16, BF16). Throws Error{input} naming file and tensor: missing,
/// of another shape or type. Tensors the model has no use for are left alone if they are buffers of known names
/// (GPT-2's attention masks, a language model's head when a classifier is loaded), refused otherwise.
/// With `fresh_head`, a classifier's missing score.weight keeps its start: a language model becomes a classifier.
void load_weights(Transformer& model, const std::filesystem::path& folder, bool fresh_head = false);

/// config + weights; parameters allocated.
std::unique_ptr<Transformer> load_model(const std::filesystem::path& folder, const Backend& backend, bool gradients);

/// Writes the tensors as F32; the names of the files, which lie in `folder`. Throws Error{io}.
std::vector<std::string> save_weights(const Transformer& model, const std::filesystem::path& folder, int64_t shard_bytes = 5'000'000'000);

}  // namespace loam
