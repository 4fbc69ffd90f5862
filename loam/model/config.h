// One transformer, described by its config: the shapes of GPT-2, Llama, Mistral, Qwen2 and Qwen3 are settings of it.
//
//   ModelConfig config = config_from_json(read_json("config.json"));   // Hugging Face's keys
//   config.validate();
//   int64_t n = parameter_count(config);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

enum class Family { gpt2, llama };

/// Rotary positions for contexts longer than a model was first trained on: `linear` divides positions by the factor (Chen
/// et al. 2023); `llama3` divides the frequencies whose wavelength is over original / low, keeps those under
/// original / high, and goes from one to the other between (Llama 3.1).
struct RopeScaling {
  enum class Kind { none, linear, llama3 };
  Kind kind = Kind::none;
  double factor = 1, low = 1, high = 4;
  int64_t original = 8192;
  bool operator==(const RopeScaling&) const = default;
};

/// gpt2: learned positions, LayerNorm, GELU, biases. llama: rotary positions, RMSNorm, SwiGLU, grouped queries, and what
/// its kin add: biases (Qwen2's of queries, keys and values), norms of queries and keys (Qwen3), windows (Mistral). "loam" is
/// our own kin, which no other program reads: norms of queries and keys, and tables that are looked up instead of computed
/// with; it learns more than llama in half a minute, and longer was not tried (docs/experiments.md).
struct ModelConfig {
  Family family = Family::llama;
  std::string model_type = "llama";  ///< of the llama family: llama, mistral, qwen2, qwen3, loam; what config.json is called by
  int64_t vocab = 0;      ///< V, rows of the token table
  int64_t context = 0;    ///< longest sequence, T
  int64_t layers = 0;     ///< L
  int64_t channels = 0;   ///< C, width of the residual stream
  int64_t heads = 0;      ///< H, query heads
  int64_t kv_heads = 0;   ///< K, key and value heads; divides H
  int64_t head_size = 0;  ///< D
  int64_t hidden = 0;     ///< F, feed-forward width
  bool tied = true;       ///< the head is the token table
  double norm_eps = 1e-5;
  double rope_theta = 10000;
  RopeScaling rope_scaling;
  bool qkv_bias = false, proj_bias = false, mlp_bias = false;  ///< of the llama family
  bool qk_norm = false;     ///< RMSNorm of each head's queries and keys, before they turn
  int64_t window = 0;       ///< a token sees itself and the window - 1 before it; 0: all. In layers from window_from on
  int64_t window_from = 0;
  int64_t pair_rows = 0;      ///< rows of a table by the hash of a token and the one before it, added to the token's own; 0: none
  bool squared_relu = false;  ///< the feed-forward is relu(up)^2 (So et al. 2021), not SwiGLU
  bool value_tables = false;  ///< every other layer, the last among them, adds a table's row of the token to its values
  double dropout = 0;     ///< on embeddings, attention and residual branches, while training
  int64_t bos = 0, eos = 0;
  std::vector<std::string> labels;  ///< a classifier's; empty for a language model

  bool learned_positions() const { return family == Family::gpt2; }
  bool biases() const { return family == Family::gpt2; }
  bool gated() const { return family == Family::llama && !squared_relu; }
  int64_t query_width() const { return heads * head_size; }
  int64_t kv_width() const { return kv_heads * head_size; }
  int64_t qkv_width() const { return query_width() + 2 * kv_width(); }
  bool has_value_table(int64_t l) const { return value_tables && (layers - 1 - l) % 2 == 0; }
  /// What layer `l` attends to behind it, counting itself; 0: everything.
  int64_t window_of(int64_t l) const { return l >= window_from ? window : 0; }
  /// Throws Error{input} naming the Hugging Face key that does not fit.
  void validate() const;
};

/// The radians that pair i of a head turns by from one position to the next, scaling included (Su et al. 2021).
double rope_frequency(const ModelConfig& config, int64_t i);

/// From a Hugging Face config.json of model_type gpt2, llama, mistral, qwen2, qwen3 or loam. Throws Error{input}: a missing key, another model_type,
/// a setting this transformer does not have (another activation, another kind of rope scaling).
ModelConfig config_from_json(const Json& json);
/// Hugging Face's form, which transformers and vLLM read.
Json config_to_json(const ModelConfig& config);

/// Numbers in all parameters, a tied head once.
int64_t parameter_count(const ModelConfig& config);
/// Numbers that matrix products read for each token: without the token and position tables, with the head.
int64_t matmul_parameters(const ModelConfig& config);
/// FLOP of forward and backward for one token among `time`: 6 for each parameter of the matrix products, and causal
/// attention's 6 L T H D (half of the square; the usual count of 12 L T H D takes all of it: `whole_square`).
double training_flops_per_token(const ModelConfig& config, int64_t time, bool whole_square = false);

/// "gpt2-124m" and such: the published shapes by name. Vocabulary and special ids are left to the caller.
/// Throws Error{usage} with the list of names.
ModelConfig named_shape(const std::string& name);

/// One size of a family's shapes.
struct ModelSize {
  int64_t layers = 0, channels = 0;
  std::string name() const { return std::to_string(layers) + "x" + std::to_string(channels); }
  bool operator==(const ModelSize&) const = default;
};
/// The sizes that --minutes and a ladder choose from, small to large; each has two to four times the parameters of the one
/// before.
const std::vector<ModelSize>& usual_sizes();

}  // namespace loam
