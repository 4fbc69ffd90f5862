// A language model of a few thousand parameters over bytes, for tests of what comes after pre-training.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "loam/base/files.h"
#include "loam/base/progress.h"
#include "loam/base/stop.h"
#include "loam/text/chat_template.h"
#include "loam/text/tokenizer_json.h"
#include "loam/train/model_folder.h"

namespace loam {

/// An empty folder below the tests' temporary one.
inline fs::path fresh_folder(const std::string& name) {
  const fs::path folder = fs::path(testing::TempDir()) / "loam_tuning" / name;
  fs::remove_all(folder);
  make_folder(folder);
  return folder;
}

/// Bytes, then the tokens of ChatML and end of text: 259 tokens.
inline Tokenizer tiny_tokenizer() {
  TokenizerParts parts;
  for (int b = 0; b < 256; ++b) parts.tokens.emplace_back(1, static_cast<char>(b));
  int32_t next = 256;
  for (const char* special : {"<|im_start|>", "<|im_end|>", "<|endoftext|>"}) {
    AddedToken token;
    token.id = next++;
    token.content = special;
    parts.added.push_back(token);
  }
  parts.pre_tokenizer = PreTokenizer::from_pattern("gpt2");
  return Tokenizer(std::move(parts));
}

/// A model artifact with random weights. 2 layers of 32 channels.
inline fs::path tiny_base(const fs::path& folder, int64_t context = 96) {
  ModelConfig config;
  config.family = Family::llama;
  config.vocab = 259;
  config.context = context;
  config.layers = 2;
  config.channels = 32;
  config.heads = config.kv_heads = 2;
  config.head_size = 16;
  config.hidden = 64;
  config.bos = config.eos = 258;
  const fs::path tokenizer = folder.parent_path() / (folder.filename().string() + "-tokenizer");
  make_folder(tokenizer);
  save_tokenizer(tiny_tokenizer(), tokenizer);
  Transformer model(config, backend("cpu"));
  model.params().allocate(backend("cpu"), false);
  model.params().initialize(backend("cpu"), 7);
  ArtifactWriter out(folder, "model", Json::object(), {}, true);
  write_model_files(out, model, tokenizer, "# tiny\n");
  out.finish(Json::object());
  return folder;
}

/// Asks for a stop once it has been shown `steps` steps.
class StopAfter : public Progress {
 public:
  explicit StopAfter(int64_t steps) : left_(steps) {}
  void status(std::string_view) override {
    if (--left_ == 0) request_stop();
  }

 private:
  int64_t left_;
};

/// Names of promised files that differ between two artifacts.
inline std::string differing_files(const fs::path& a, const fs::path& b) {
  std::string out;
  const Artifact left = open_artifact(a), right = open_artifact(b);
  if (left.files.size() != right.files.size()) out += "(their number) ";
  for (const auto& file : left.files) {
    for (const auto& other : right.files) {
      if (other.name == file.name && other.sha256 != file.sha256) out += file.name + " ";
    }
  }
  return out;
}

}  // namespace loam
