#include "loam/train/model_folder.h"

#include <algorithm>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/model/weights.h"

namespace loam {

void write_model_files(ArtifactWriter& out, const Transformer& model, const fs::path& tokenizer_folder, const std::string& card, const std::string& chat_template,
                       const std::vector<int32_t>& ends) {
  const ModelConfig& c = model.config();
  auto put = [&](const std::string& name, const std::string& bytes) {
    write_file(out.path(name), bytes);
    out.promise(name);
  };
  Json eos = c.eos;
  for (const int32_t id : ends) {
    if (id == c.eos) continue;
    if (!eos.is_array()) eos = Json::array({eos});
    if (std::find(eos.begin(), eos.end(), Json(id)) == eos.end()) eos.push_back(id);
  }
  put("config.json", to_pretty(config_to_json(c)));
  put("generation_config.json", to_pretty({{"bos_token_id", c.bos}, {"eos_token_id", eos}, {"do_sample", true}, {"temperature", 0.8}, {"top_k", 50}}));
  for (const auto& name : save_weights(model, out.folder())) out.promise(name);
  put("tokenizer.json", read_file(tokenizer_folder / "tokenizer.json"));
  Json tokenizer_config = Json::object();
  if (fs::exists(tokenizer_folder / "tokenizer_config.json")) tokenizer_config = read_json(tokenizer_folder / "tokenizer_config.json");
  tokenizer_config["model_max_length"] = c.context;
  if (!chat_template.empty()) tokenizer_config["chat_template"] = chat_template;
  put("tokenizer_config.json", to_pretty(tokenizer_config));
  put("README.md", card);
}

ModelFolder open_model(const fs::path& folder) {
  ModelFolder m;
  m.folder = folder;
  if (is_artifact(folder)) {
    m.input = open_artifact(folder, "model").as_input();
  } else {
    require_input(!fs::exists(folder / "state" / "begun.json"), folder.string(), " is unfinished: run the command that makes it again, it goes on");
    // Somebody else's Hugging Face folder: named by its weights.
    require_input(fs::is_directory(folder), "there is no model folder ", folder.string());
    require_input(fs::exists(folder / "config.json"), folder.string(), " is no model folder: it holds no config.json");
    const fs::path weights = folder / "model.safetensors", index = folder / "model.safetensors.index.json";
    m.input = {folder.string(), "model", sha256_file(fs::exists(index) ? index : weights)};
  }
  m.config = load_config(folder);
  return m;
}

}  // namespace loam
