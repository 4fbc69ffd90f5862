// A model's folder in Hugging Face's form: config.json and model.safetensors (in shards with an index over 5 GB).
//
//   auto model = load_model("runs/quickstart/base", backend("cpu"), /*gradients=*/false);
//   std::vector<std::string> files = save_weights(*model, folder);
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "loam/formats/safetensors.h"
#include "loam/model/transformer.h"

namespace loam {

/// A tensor as it lies in a file, row after row, to be kept in its type.
struct StoredTensor {
  NumberType type = NumberType::f32;
  std::span<const std::byte> bytes;
  bool transposed = false;  ///< the file has Param::transposed ones as (in, out): types without blocks only
  int64_t head_size = 0;    ///< if not 0: in each head the rows that turn together lie side by side, and go half a head apart
  std::string where;  ///< "FILE: tensor NAME", for messages
};

/// The config of a model folder. Throws Error{input} naming config.json.
ModelConfig load_config(const std::filesystem::path& folder);

/// The tensors of a folder, by name; GPT-2's "transformer." and Llama's "model." may be there or not.
class WeightFiles {
 public:
  /// Throws Error{input}: no safetensors there (PyTorch's pickles are refused with what to do), an index that names
  /// other folders, what SafetensorsFile refuses.
  explicit WeightFiles(const std::filesystem::path& folder);
  /// Null if there is none.
  const TensorInfo* find(const std::string& name) const;
  /// Throws Error{input} naming file and tensor: missing, of another shape than `shape`, not F32, F16 or BF16.
  void check(const std::string& name, const std::vector<int64_t>& shape) const;
  /// The values; throws as check() does.
  std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const;
  /// The bytes, if it is F16 or BF16; throws as check() does.
  std::optional<StoredTensor> stored(const std::string& name, const std::vector<int64_t>& shape) const;
  /// Throws Error{input} for the first tensor that `config`'s model has no place for; buffers of known names and other
  /// heads are let be, but for one that a tied model would lose.
  void refuse_leftovers(const ModelConfig& config) const;

 private:
  void refuse_other_head() const;
  struct Found {
    const SafetensorsFile* file;
    const TensorInfo* tensor;
  };
  std::vector<SafetensorsFile> files_;
  std::map<std::string, Found> found_;
};

/// The tensors that a model of `config` has on disk, in order, without types.
std::vector<TensorInfo> disk_layout(const ModelConfig& config);

/// Writes tensors of those names, shapes and dtypes, each by a call of `write`, in shards with an index over
/// `shard_bytes`, `metadata` in each; the names of the files. Throws Error{io}.
std::vector<std::string> write_weights(const std::filesystem::path& folder, const std::vector<TensorInfo>& layout,
                                       const std::function<void(SafetensorsWriter&, const TensorInfo&)>& write, int64_t shard_bytes = 5'000'000'000,
                                       const std::map<std::string, std::string>& metadata = {});

/// All of a tensor, as its dtype (F32, F16 or BF16) says.
void write_floats(SafetensorsWriter& out, const TensorInfo& tensor, const std::vector<float>& values);

/// A tensor of the model in the form it has on disk.
std::vector<float> disk_values(const Transformer& model, const std::string& name);

/// Fills model.params() with what `read` gives for each tensor's name and shape on disk; an empty answer leaves it alone.
void fill_params(Transformer& model, const std::function<std::vector<float>(const std::string& name, const std::vector<int64_t>& shape)>& read);

using ReadTensor = std::function<std::vector<float>(const std::string& name, const std::vector<int64_t>& shape)>;
using FindStored = std::function<std::optional<StoredTensor>(const std::string& name, const std::vector<int64_t>& shape)>;

/// Allocates model.params() for answers alone and fills them: matrices whose tensors `stored` gives keep their type, all
/// else is read as floats. What `read` and `stored` throw passes; a bad scale is an Error{input} with the tensor's name.
void load_stored(Transformer& model, const FindStored& stored, const ReadTensor& read);

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
