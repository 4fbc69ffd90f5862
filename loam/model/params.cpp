#include "loam/model/params.h"

#include <cmath>

#include "loam/base/random.h"

namespace loam {

size_t ParamSet::add(std::vector<Param::Piece> pieces, int64_t rows, int64_t cols, float deviation, bool decays, bool transposed) {
  Param p;
  p.pieces = std::move(pieces);
  p.rows = rows;
  p.cols = cols;
  p.deviation = deviation;
  p.decays = decays;
  p.transposed = transposed;
  p.offset = size_;
  size_ += (p.size() + 15) / 16 * 16;
  params_.push_back(std::move(p));
  return params_.size() - 1;
}

size_t ParamSet::add_vector(const std::string& name, int64_t size, bool ones) { return add_vector({{name, 0, size}}, size, ones); }

size_t ParamSet::add_vector(std::vector<Param::Piece> pieces, int64_t size, bool ones) {
  const size_t i = add(std::move(pieces), 1, size, 0.0f, false);
  params_[i].vector = true;
  params_[i].ones = ones;
  return i;
}

void ParamSet::add_gpt2(const ModelConfig& c, float deviation, float into_residual) {
  const int64_t C = c.channels, F = c.hidden;
  tokens = add({{"transformer.wte.weight", 0, c.vocab}}, c.vocab, C, deviation, true);
  places = add({{"transformer.wpe.weight", 0, c.context}}, c.context, C, deviation, false);
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = "transformer.h." + std::to_string(l) + ".";
    Layer layer;
    layer.norm1 = add_vector(at + "ln_1.weight", C, true);
    layer.norm1_bias = add_vector(at + "ln_1.bias", C, false);
    layer.qkv = add({{at + "attn.c_attn.weight", 0, 3 * C}}, 3 * C, C, deviation, true, true);
    layer.qkv_bias = add_vector(at + "attn.c_attn.bias", 3 * C, false);
    layer.proj = add({{at + "attn.c_proj.weight", 0, C}}, C, C, into_residual, true, true);
    layer.proj_bias = add_vector(at + "attn.c_proj.bias", C, false);
    layer.norm2 = add_vector(at + "ln_2.weight", C, true);
    layer.norm2_bias = add_vector(at + "ln_2.bias", C, false);
    layer.up = add({{at + "mlp.c_fc.weight", 0, F}}, F, C, deviation, true, true);
    layer.up_bias = add_vector(at + "mlp.c_fc.bias", F, false);
    layer.down = add({{at + "mlp.c_proj.weight", 0, C}}, C, F, into_residual, true, true);
    layer.down_bias = add_vector(at + "mlp.c_proj.bias", C, false);
    layers.push_back(layer);
  }
  norm = add_vector("transformer.ln_f.weight", C, true);
  norm_bias = add_vector("transformer.ln_f.bias", C, false);
}

void ParamSet::add_llama(const ModelConfig& c, float deviation, float into_residual) {
  const int64_t C = c.channels, F = c.hidden, Q = c.query_width(), K = c.kv_width();
  tokens = add({{"model.embed_tokens.weight", 0, c.vocab}}, c.vocab, C, deviation, true);
  if (c.pair_rows > 0) pairs = add({{"model.embed_pairs.weight", 0, c.pair_rows}}, c.pair_rows, C, 0.0f, false);
  for (int64_t l = 0; l < c.layers; ++l) {
    const std::string at = "model.layers." + std::to_string(l) + ".";
    Layer layer;
    layer.norm1 = add_vector(at + "input_layernorm.weight", C, true);
    layer.qkv = add({{at + "self_attn.q_proj.weight", 0, Q}, {at + "self_attn.k_proj.weight", Q, K}, {at + "self_attn.v_proj.weight", Q + K, K}}, Q + 2 * K, C,
                    deviation, true);
    if (c.qkv_bias) layer.qkv_bias = add_vector({{at + "self_attn.q_proj.bias", 0, Q}, {at + "self_attn.k_proj.bias", Q, K}, {at + "self_attn.v_proj.bias", Q + K, K}}, Q + 2 * K, false);
    if (c.qk_norm) {
      layer.query_norm = add_vector(at + "self_attn.q_norm.weight", c.head_size, true);
      layer.key_norm = add_vector(at + "self_attn.k_norm.weight", c.head_size, true);
    }
    if (c.has_value_table(l)) layer.value_table = add({{at + "self_attn.value_table.weight", 0, c.vocab}}, c.vocab, K, 0.0f, false);
    layer.proj = add({{at + "self_attn.o_proj.weight", 0, C}}, C, Q, into_residual, true);
    if (c.proj_bias) layer.proj_bias = add_vector(at + "self_attn.o_proj.bias", C, false);
    layer.norm2 = add_vector(at + "post_attention_layernorm.weight", C, true);
    if (c.gated()) {
      layer.up = add({{at + "mlp.gate_proj.weight", 0, F}, {at + "mlp.up_proj.weight", F, F}}, 2 * F, C, deviation, true);
    } else {
      layer.up = add({{at + "mlp.up_proj.weight", 0, F}}, F, C, deviation, true);
    }
    if (c.mlp_bias) layer.up_bias = add_vector({{at + "mlp.gate_proj.bias", 0, F}, {at + "mlp.up_proj.bias", F, F}}, 2 * F, false);
    layer.down = add({{at + "mlp.down_proj.weight", 0, C}}, C, F, into_residual, true);
    if (c.mlp_bias) layer.down_bias = add_vector(at + "mlp.down_proj.bias", C, false);
    layers.push_back(layer);
  }
  norm = add_vector("model.norm.weight", C, true);
}

ParamSet::ParamSet(const ModelConfig& c) {
  // GPT-2's deviation of 0.02 at its width of 768, and at others as large as keeps the products' scale (docs/experiments.md:
  // at 128 channels that takes 0.15 nats off the loss after 800k tokens). Branches into the residual stream start at
  // zero, so that each layer begins as the identity (Zhang, Dauphin & Ma 2019): another 0.08 nats.
  const float deviation = 0.55f / std::sqrt(static_cast<float>(c.channels)), into_residual = 0.0f;
  if (c.family == Family::gpt2) {
    add_gpt2(c, deviation, into_residual);
  } else {
    add_llama(c, deviation, into_residual);
  }
  if (!c.labels.empty()) {
    const auto labels = static_cast<int64_t>(c.labels.size());
    head = add({{"score.weight", 0, labels}}, labels, c.channels, deviation, true);
  } else if (c.tied) {
    head = tokens;
  } else {
    head = add({{"lm_head.weight", 0, c.vocab}}, c.vocab, c.channels, deviation, true);
  }
}

void ParamSet::allocate(const Backend& backend, bool gradients) {
  values_ = backend.allocate(size_);
  if (gradients) gradients_ = backend.allocate(size_);
}

void ParamSet::allocate_stored(const Backend& backend, std::span<const NumberType> types) {
  LOAM_ASSERT(types.size() == params_.size());
  stored_.assign(params_.size(), {});
  size_ = 0;
  int64_t bytes = 0;
  for (size_t i = 0; i < params_.size(); ++i) {
    Param& p = params_[i];
    p.offset = size_;
    if (types[i] == NumberType::f32) {
      size_ += (p.size() + 15) / 16 * 16;
    } else {
      const StoredSize size = stored_size(types[i], p.rows, p.cols);
      bytes += size.numbers + size.scales;
    }
  }
  values_ = backend.allocate(size_);
  stored_memory_ = backend.allocate((bytes + 3) / 4);
  const auto* at = reinterpret_cast<const std::byte*>(stored_memory_.floats());
  for (size_t i = 0; i < params_.size(); ++i) {
    if (types[i] == NumberType::f32) continue;
    const StoredSize size = stored_size(types[i], params_[i].rows, params_[i].cols);
    stored_[i] = stored_view(types[i], params_[i].rows, params_[i].cols, at);
    at += size.numbers + size.scales;
  }
}

void ParamSet::initialize(const Backend& backend, uint64_t seed) {
  std::vector<float> host;
  for (size_t i = 0; i < params_.size(); ++i) {
    const Param& p = params_[i];
    host.assign(static_cast<size_t>(p.size()), p.ones ? 1.0f : 0.0f);
    if (p.deviation > 0) {
      const uint64_t key = stream_key(seed, "init " + p.pieces.front().name);
      for (size_t n = 0; n < host.size(); ++n) host[n] = p.deviation * normal01(key, n);
    }
    backend.upload(value(i).data, host.data(), p.size());
  }
}

}  // namespace loam
