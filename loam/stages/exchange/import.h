// Other programs' models to model folders.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/model/config.h"

namespace loam {

struct ImportedModel {
  Artifact artifact;
  std::string format;        ///< "hf", "gguf" or "llama2c"
  std::string number_types;  ///< as found: "Q4_K 15, F32 6"
  ModelConfig config;
  int64_t parameters = 0, tokens = 0;
};

/// Writes the model folder of what open_foreign() reads. Numbers keep their values: F32, F16 and BF16 their type, others
/// become F32. Holds one tensor at a time. Throws Error{input} for tensors that do not fit the config or hold what is no
/// number, and for a tokenizer with more ids than the token table has rows, or (but not with `spare_rows`) with so few that
/// over an eighth of the rows have none. `context`: another longest sequence than the files say (0: theirs); Error{usage}
/// if it is over a table of learned positions.
ImportedModel import_model(const std::vector<std::string>& paths, const std::filesystem::path& out, bool force, Progress& progress, int64_t context = 0,
                           bool spare_rows = false);

/// Files beside the weights that another program needs to run a model as it was meant: generation_config.json with
/// `stops`, tokenizer.json, tokenizer_config.json. Writes them into `folder`; their names.
std::vector<std::string> write_companions(const std::filesystem::path& folder, const ModelConfig& config, const class Tokenizer& tokenizer, const std::vector<int64_t>& stops);

}  // namespace loam
