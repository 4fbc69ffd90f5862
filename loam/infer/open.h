// Any form of a model, ready to answer: weights in the type they are stored in, tokenizer, the ids that end a text.
//
//   OpenedModel open = open_for_answers("llama-q4_0.gguf");        // or a folder: loam's, Hugging Face's
//   Session session(*open.model);
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer.h"

namespace loam {

struct OpenedModel {
  std::unique_ptr<Transformer> model;
  Tokenizer tokenizer;
  std::vector<int32_t> ends;          ///< ids that end a text or an answer; end-of-text is the first; none of a classifier
  std::vector<std::string> warnings;  ///< what the files say that should not be taken at its word
};

/// A model folder or a GGUF file, which is mapped and whose matrices are laid out for products once; F16, BF16, Q8_0, Q4_0,
/// Q4_K and Q6_K stay what they are, other types become floats. Throws Error{input}: no model, one that is unfinished, without a
/// tokenizer, with tensors that do not fit; Error{resource}.
OpenedModel open_for_answers(const std::filesystem::path& path);

/// How it is named among another artifact's inputs: an artifact by its content, a file or another program's folder by the
/// hash of its weights. Throws Error{input} as open_for_answers() does for what is there.
ArtifactInput model_input(const std::filesystem::path& path);

/// Ids that end a text or an answer: the tokenizer's end of text, and what generation_config.json calls eos_token_id (one
/// or several). Ids outside the vocabulary are left out.
std::vector<int32_t> end_ids(const std::filesystem::path& folder, const ModelConfig& config, int32_t end_of_text);

}  // namespace loam
