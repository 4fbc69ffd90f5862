// One transformer, described by its config: GPT-2's and Llama's shapes are two settings of it.
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

/// gpt2: learned positions, LayerNorm, GELU, biases. llama: rotary positions, RMSNorm, SwiGLU, grouped queries, no biases.
struct ModelConfig {
  Family family = Family::llama;
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
  double dropout = 0;     ///< on embeddings, attention and residual branches, while training
  int64_t bos = 0, eos = 0;
  std::vector<std::string> labels;  ///< a classifier's; empty for a language model

  bool learned_positions() const { return family == Family::gpt2; }
  bool biases() const { return family == Family::gpt2; }
  bool gated() const { return family == Family::llama; }
  int64_t query_width() const { return heads * head_size; }
  int64_t kv_width() const { return kv_heads * head_size; }
  int64_t qkv_width() const { return query_width() + 2 * kv_width(); }
  /// Throws Error{input} naming the Hugging Face key that does not fit.
  void validate() const;
};

/// From a Hugging Face config.json of model_type gpt2 or llama. Throws Error{input}: a missing key, another model_type,
/// a setting this transformer does not have (activation, rope scaling, biases).
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

}  // namespace loam
