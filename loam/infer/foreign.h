// A model as another program wrote it: what it is, its numbers by their Hugging Face names, its tokenizer.
//
//   const std::unique_ptr<ForeignModel> model = open_foreign({"model.gguf"});
//   std::vector<float> values = model->read("model.norm.weight", {64});
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/model/transformer.h"
#include "loam/model/weights.h"
#include "loam/text/tokenizer.h"

namespace loam {

class ForeignModel {
 public:
  virtual ~ForeignModel() = default;
  /// "hf", "gguf" or "llama2c".
  virtual const char* format() const = 0;
  const ModelConfig& config() const { return config_; }
  /// None if the files hold none.
  const std::optional<TokenizerParts>& tokenizer() const { return tokenizer_; }
  /// Throws Error{input} naming the tensor, what was found and what was wanted, if there is none of that name and shape.
  virtual void check(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  /// The tensor of that name and shape, dequantised, in Hugging Face's layout. Throws as check()
  /// does, and for scales that are no numbers.
  virtual std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const = 0;
  /// The tensor in its type, if products can be done in that (F16, BF16, Q8_0, Q4_0, Q4_K, Q6_K). Throws as check() does. The bytes are
  /// the mapped file's: valid as long as this.
  virtual std::optional<StoredTensor> stored(const std::string& name, const std::vector<int64_t>& shape) const;
  /// "F32", "F16" or "BF16": what holds the tensor's numbers exactly.
  virtual std::string dtype(const std::string& name) const = 0;
  /// Throws Error{input} for a tensor that the config's model has no place for.
  virtual void refuse_leftovers() const = 0;
  /// How the number types are called, with how many tensors have each: "Q4_K 15, F32 6".
  virtual std::string number_types() const = 0;
  /// How the files are named among an artifact's inputs. Reads all of them: their hashes are in it.
  std::vector<ArtifactInput> inputs() const;
  /// Ids that end an answer or a text, beside the config's eos.
  const std::vector<int64_t>& stop_ids() const { return stop_ids_; }
  /// What the files say that should not be taken at its word, a line each.
  const std::vector<std::string>& warnings() const { return warnings_; }

 protected:
  ModelConfig config_;
  std::optional<TokenizerParts> tokenizer_;
  std::vector<std::filesystem::path> paths_;  ///< the files that are its inputs
  std::vector<int64_t> stop_ids_;
  std::vector<std::string> warnings_;
};

/// One Hugging Face folder, one GGUF file, or one llama2.c .bin with its tokenizer.bin (in any order). Throws Error{input}
/// for what is none of them, Error{usage} for files that are no one model.
std::unique_ptr<ForeignModel> open_foreign(const std::vector<std::string>& paths);

/// The model in memory for answers alone: matrices in the type they are stored in where products can be done in it, all
/// else as floats.
std::unique_ptr<Transformer> load_as_stored(const ForeignModel& files);

/// The model in memory, its numbers as floats.
std::unique_ptr<Transformer> load_foreign(const ForeignModel& files);

std::unique_ptr<ForeignModel> open_gguf_model(const std::filesystem::path& file);
std::unique_ptr<ForeignModel> open_llama2c(const std::filesystem::path& weights, const std::filesystem::path& tokenizer);
std::unique_ptr<ForeignModel> open_hf_folder(const std::filesystem::path& folder);

/// Queries and keys of Llama's kin: other programs keep the two numbers that turn together side by side, Hugging Face
/// half a head apart. (rows, cols) -> the same with the rows of each head reordered; `back` is the way out of here.
std::vector<float> reorder_heads(const std::vector<float>& values, int64_t rows, int64_t head_size, bool back);

}  // namespace loam
