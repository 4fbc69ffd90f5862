// The files of a model artifact: Hugging Face's folder, ready for other programs.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/model/transformer.h"

namespace loam {

/// Writes config.json, generation_config.json, the weights, the tokenizer's files (copied from `tokenizer_folder`) and
/// README.md into an artifact on its way, and promises each. `chat_template`: put into tokenizer_config.json if not
/// empty. `ends`: ids that end an answer, listed beside end-of-text for other programs to stop at. The bytes depend on the
/// model and the arguments alone.
void write_model_files(ArtifactWriter& out, const Transformer& model, const std::filesystem::path& tokenizer_folder, const std::string& card,
                       const std::string& chat_template = "", const std::vector<int32_t>& ends = {});

/// A model's folder to go on from: its config and where its tokenizer lies. Throws Error{input}: no model there, or one
/// that is unfinished.
struct ModelFolder {
  std::filesystem::path folder;
  ModelConfig config;
  ArtifactInput input;  ///< how it is named among another artifact's inputs
};
ModelFolder open_model(const std::filesystem::path& folder);

}  // namespace loam
