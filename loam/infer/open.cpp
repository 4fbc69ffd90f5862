#include "loam/infer/open.h"

#include <algorithm>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/infer/foreign.h"
#include "loam/model/weights.h"
#include "loam/text/sentencepiece.h"

namespace loam {
namespace {

OpenedModel open_folder(const fs::path& folder) {
  const WeightFiles files(folder);
  auto model = std::make_unique<Transformer>(load_config(folder), backend("cpu"));
  load_stored(
      *model, [&](const std::string& name, const std::vector<int64_t>& shape) { return files.stored(name, shape); },
      [&](const std::string& name, const std::vector<int64_t>& shape) { return files.read(name, shape); });
  files.refuse_leftovers(model->config());
  const bool sentencepiece = !fs::exists(folder / "tokenizer.json") && fs::exists(folder / "tokenizer.model");
  Tokenizer tokenizer = sentencepiece ? Tokenizer(parts_from_sentencepiece(read_file(folder / "tokenizer.model", int64_t{1} << 28))) : Tokenizer::load(folder);
  std::vector<int32_t> ends;
  if (model->config().labels.empty()) ends = end_ids(folder, model->config(), tokenizer.eot_id());
  return {std::move(model), std::move(tokenizer), std::move(ends), {}};
}

OpenedModel open_file(const fs::path& file) {
  const std::unique_ptr<ForeignModel> files = open_foreign({file.string()});
  require_input(files->tokenizer().has_value(), file.string(), " holds no tokenizer that loam reads, so no text can be asked of it");
  files->refuse_leftovers();
  Tokenizer tokenizer(*files->tokenizer());
  require_input(tokenizer.vocab_size() <= files->config().vocab, file.string(), ": the tokenizer has ", tokenizer.vocab_size(), " ids, the token table ", files->config().vocab, " rows");
  std::vector<int32_t> ends = {tokenizer.eot_id()};
  for (const int64_t id : files->stop_ids()) {
    if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(static_cast<int32_t>(id));
  }
  return {load_as_stored(*files), std::move(tokenizer), std::move(ends), files->warnings()};
}

}  // namespace

ArtifactInput model_input(const fs::path& path) {
  if (is_artifact(path)) return open_artifact(path, "model").as_input();
  require_input(fs::exists(path), "there is no model ", path.string());
  if (!fs::is_directory(path)) return {path.string(), "model", sha256_file(path)};
  require_input(!fs::exists(path / "state" / "begun.json"), path.string(), " is unfinished: run the command that makes it again, it goes on");
  require_input(fs::exists(path / "config.json"), path.string(), " is no model folder: it holds no config.json");
  const fs::path weights = path / "model.safetensors", index = path / "model.safetensors.index.json";
  return {path.string(), "model", sha256_file(fs::exists(index) ? index : weights)};
}

OpenedModel open_for_answers(const fs::path& path) {
  if (is_artifact(path)) open_artifact(path, "model");  // another kind, or a file cut off: said before weights are read
  require_input(fs::exists(path), "there is no model ", path.string());
  if (!fs::is_directory(path)) return open_file(path);
  require_input(is_artifact(path) || !fs::exists(path / "state" / "begun.json"), path.string(), " is unfinished: run the command that makes it again, it goes on");
  require_input(fs::exists(path / "config.json"), path.string(), " is no model folder: it holds no config.json");
  return open_folder(path);
}

std::vector<int32_t> end_ids(const fs::path& folder, const ModelConfig& config, int32_t end_of_text) {
  std::vector<int32_t> out = {end_of_text};
  const fs::path file = folder / "generation_config.json";
  if (!fs::exists(file)) return out;
  const Json json = read_json(file, int64_t{1} << 26);
  if (!json.contains("eos_token_id")) return out;
  const Json& ids = json["eos_token_id"];
  for (const Json& id : ids.is_array() ? ids : Json::array({ids})) {
    if (!id.is_number_integer() || id.get<int64_t>() < 0 || id.get<int64_t>() >= config.vocab) continue;
    if (const auto end = id.get<int32_t>(); std::find(out.begin(), out.end(), end) == out.end()) out.push_back(end);
  }
  return out;
}

}  // namespace loam
