// Models in GGUF, in and out: names, metadata, layout (llama.cpp's convert_hf_to_gguf and gguf-py's constants).
#pragma once

#include <filesystem>
#include <string>

#include "loam/formats/gguf.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// The GGUF name of a Hugging Face tensor: "model.layers.3.mlp.up_proj.weight" -> "blk.3.ffn_up.weight". "" for one that
/// GGUF has no name for.
std::string gguf_name(const std::string& hf_name);

/// Writes model, tokenizer, the ids that end an answer and `lineage` (keys without "loam.") as one file. `type`: of the matrices; vectors and
/// positions are F32. For q4_k the tables and the head are Q6_K, and rows that are no multiple of 256 become Q8_0, those
/// of no multiple of 32 F16. Throws Error{input} where the form cannot hold the model.
void write_gguf(const std::filesystem::path& file, const Transformer& model, const Tokenizer& tokenizer, GgmlType type, const std::string& name,
                const std::vector<int64_t>& stops, const std::vector<std::pair<std::string, std::string>>& lineage);

}  // namespace loam
