// Every shape that loam has, small, with random weights: for tests of models that go in and out.
#pragma once

#include <memory>
#include <string>

#include "loam/base/random.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer_json.h"
#include "tests/support/tiny_model.h"

namespace loam {

/// tiny_tokenizer() with the names of its special tokens and its chat template.
inline Tokenizer whole_tokenizer() {
  TokenizerParts parts = tiny_tokenizer().parts();
  parts.config = own_config(tiny_tokenizer());
  return Tokenizer(std::move(parts));
}

/// "gpt2", "llama" (Llama 3's scaling, a head of its own), "mistral", "qwen2" or "qwen3".
inline ModelConfig tiny_shape(const std::string& kind) {
  ModelConfig c;
  c.family = kind == "gpt2" ? Family::gpt2 : Family::llama;
  if (kind != "gpt2") c.model_type = kind;
  c.vocab = 261;  // a row or two without a token, as many published models have
  c.context = 48;
  c.layers = 2;
  c.channels = 64;
  c.heads = 4;
  c.kv_heads = kind == "gpt2" ? 4 : 2;
  c.head_size = kind == "qwen3" ? 32 : 16;
  c.hidden = kind == "gpt2" ? 256 : 96;
  c.tied = kind != "llama";
  c.norm_eps = 1e-6;
  c.qkv_bias = kind == "qwen2";
  c.qk_norm = kind == "qwen3";
  c.window = kind == "mistral" ? 8 : 0;
  if (kind == "llama") c.rope_scaling = {RopeScaling::Kind::llama3, 8, 1, 4, 96};
  c.bos = c.eos = 258;
  return c;
}

inline std::unique_ptr<Transformer> random_model(const ModelConfig& c, uint64_t seed = 5) {
  auto model = std::make_unique<Transformer>(c, backend("cpu"));
  model->params().allocate(backend("cpu"), false);
  model->params().initialize(backend("cpu"), seed);
  const Vec all = model->params().values();
  for (int64_t i = 0; i < all.size; ++i) all.data[i] += 0.05f * normal01(2, static_cast<uint64_t>(i));
  return model;
}

/// A finished model folder of it.
inline fs::path write_model_folder(const fs::path& folder, const Transformer& model) {
  const fs::path tokenizer = folder.parent_path() / (folder.filename().string() + "-tokenizer");
  make_folder(tokenizer);
  save_tokenizer(whole_tokenizer(), tokenizer);
  ArtifactWriter out(folder, "model", Json::object(), {{"somewhere/tokens", "tokens", std::string(64, 'a')}}, true);
  write_model_files(out, model, tokenizer, "# tiny\n", chat_jinja(ChatTemplate::Style::chatml));
  out.finish(Json::object());
  return folder;
}

}  // namespace loam
