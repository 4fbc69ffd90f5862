// A model under evaluation: folder, weights, tokenizer, and which texts it has seen while it was tuned.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <unordered_set>

#include "loam/artifacts/manifest.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer.h"

namespace loam {

struct Subject {
  std::filesystem::path folder;
  ArtifactInput input;               ///< how it is named among another artifact's inputs
  Json settings = Json::object();    ///< its manifest's config; empty for other programs' folders
  std::vector<ArtifactInput> inputs; ///< its manifest's inputs
  std::unique_ptr<Transformer> model;
  Tokenizer tokenizer;
  std::vector<int32_t> ends;         ///< ids that end an answer, beside the chat template's
  std::unordered_set<uint64_t> seen; ///< keys (text_key) of the rows it was tuned on or chosen by: split.tsv

  bool classifier() const { return !model->config().labels.empty(); }
};

/// Throws Error{input}: no model there, unfinished, damaged.
Subject open_subject(const std::filesystem::path& folder);

}  // namespace loam
