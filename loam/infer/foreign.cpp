#include "loam/infer/foreign.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>

#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/formats/gguf.h"
#include "loam/text/sentencepiece.h"
#include "loam/text/tokenizer_json.h"

namespace loam {
namespace {

class HfFolder final : public ForeignModel {
 public:
  explicit HfFolder(const fs::path& folder) : files_(folder) {
    config_ = load_config(folder);
    check_config(folder / "config.json");
    for (const char* name : {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}) {
      if (fs::exists(folder / name)) paths_.push_back(folder / name);
    }
    for (const fs::path& file : weight_files(folder)) paths_.push_back(file);
    if (fs::exists(folder / "tokenizer.json") || fs::exists(folder / "tokenizer.model")) tokenizer_ = read_tokenizer(folder);
    read_stops(folder);
  }
  const char* format() const override { return "hf"; }
  void check(const std::string& name, const std::vector<int64_t>& shape) const override { files_.check(name, shape); }
  std::vector<float> read(const std::string& name, const std::vector<int64_t>& shape) const override { return files_.read(name, shape); }
  std::optional<StoredTensor> stored(const std::string& name, const std::vector<int64_t>& shape) const override { return files_.stored(name, shape); }
  std::string dtype(const std::string& name) const override {
    const TensorInfo* t = files_.find(name);
    return t == nullptr ? "F32" : t->dtype;
  }
  void refuse_leftovers() const override { files_.refuse_leftovers(config_); }
  std::string number_types() const override {
    std::map<std::string, int> counts;
    for (const TensorInfo& t : disk_layout(config_)) ++counts[dtype(t.name)];
    std::string out;
    for (const auto& [name, count] : counts) out += fmt::format("{}{} {}", out.empty() ? "" : ", ", name, count);
    return out;
  }

 private:
  static std::vector<fs::path> weight_files(const fs::path& folder) {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == ".safetensors") out.push_back(entry.path());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  /// What a config says beside the shape.
  void check_config(const fs::path& file) const {
    const Json json = read_json(file, int64_t{1} << 26);
    if (const Json how = json.value("quantization_config", Json()); !how.is_null()) {
      const Json method = how.is_object() ? how.value("quant_method", Json("a method without a name")) : how;
      fail(ErrorKind::input, file.string(), ": quantization_config: its weights are packed by ", to_line(method), "; loam reads whole ones (F32, F16, BF16), and quantised ones from GGUF files");
    }
    for (const char* key : {"bos_token_id", "eos_token_id"}) check_ids(file, json, key);
  }

  void check_ids(const fs::path& file, const Json& json, const char* key) const {
    const Json ids = json.contains(key) ? json[key] : Json();
    for (const Json& id : ids.is_array() ? ids : Json::array({ids})) {
      require_input(id.is_null() || id.is_number_integer(), file.string(), ": ", key, " is ", to_line(ids), ", not a token's number");
      const bool over = id.is_number_unsigned() && id.get<uint64_t>() >= static_cast<uint64_t>(config_.vocab);
      require_input(id.is_null() || (!over && id.get<int64_t>() >= 0 && id.get<int64_t>() < config_.vocab), file.string(), ": ", key, " is ", to_line(ids), "; the token table has the rows 0 to ", config_.vocab - 1);
    }
  }

  static TokenizerParts read_tokenizer(const fs::path& folder) {
    if (fs::exists(folder / "tokenizer.json")) return Tokenizer::load(folder).parts();
    return parts_from_sentencepiece(read_file(folder / "tokenizer.model", int64_t{1} << 28));
  }

  /// generation_config.json knows all ids that end an answer; config.json some of them.
  void read_stops(const fs::path& folder) {
    for (const char* name : {"generation_config.json", "config.json"}) {
      if (!fs::exists(folder / name)) continue;
      const Json json = read_json(folder / name, int64_t{1} << 26);
      check_ids(folder / name, json, "eos_token_id");
      const Json ids = json.contains("eos_token_id") ? json["eos_token_id"] : Json();
      for (const Json& id : ids.is_array() ? ids : Json::array({ids})) {
        if (id.is_number_integer()) stop_ids_.push_back(id.get<int64_t>());
      }
      if (!stop_ids_.empty()) return;
    }
  }

  WeightFiles files_;
};

}  // namespace

std::vector<ArtifactInput> ForeignModel::inputs() const {
  std::vector<ArtifactInput> out;
  for (const fs::path& path : paths_) out.push_back(file_input(path));
  return out;
}

std::optional<StoredTensor> ForeignModel::stored(const std::string&, const std::vector<int64_t>&) const { return std::nullopt; }

std::unique_ptr<Transformer> load_as_stored(const ForeignModel& files) {
  auto model = std::make_unique<Transformer>(files.config(), backend("cpu"));
  const auto read = [&](const std::string& name, const std::vector<int64_t>& shape) { return files.read(name, shape); };
  load_stored(*model, [&](const std::string& name, const std::vector<int64_t>& shape) { return files.stored(name, shape); }, read);
  return model;
}

std::unique_ptr<Transformer> load_foreign(const ForeignModel& files) {
  auto model = std::make_unique<Transformer>(files.config(), backend("cpu"));
  model->params().allocate(model->backend(), false);
  fill_params(*model, [&](const std::string& name, const std::vector<int64_t>& shape) { return files.read(name, shape); });
  return model;
}

std::unique_ptr<ForeignModel> open_hf_folder(const fs::path& folder) { return std::make_unique<HfFolder>(folder); }

std::unique_ptr<ForeignModel> open_foreign(const std::vector<std::string>& paths) {
  require(!paths.empty(), "nothing to read: wanted a Hugging Face folder, a .gguf file, or a llama2.c .bin with its tokenizer.bin");
  for (const auto& path : paths) require_input(fs::exists(path), "there is no ", path);
  const fs::path first = paths.front();
  if (fs::is_directory(first) || is_gguf(first) || first.extension() == ".gguf") {
    require(paths.size() == 1, first.string(), " is a whole model; ", paths.size() - 1, " more were given");
    return fs::is_directory(first) ? open_hf_folder(first) : open_gguf_model(first);
  }
  for (const auto& path : paths) {
    const std::string ending = fs::path(path).extension().string();
    require_input(ending != ".safetensors", path, " holds weights alone; give the folder, with its config.json");
    require_input(ending != ".pt" && ending != ".pth" && !(ending == ".bin" && MappedFile(path).text().starts_with("PK")), path,
                  " is PyTorch's form, a pickle that can run code; save it with safetensors (save_pretrained does) and try again");
  }
  require(paths.size() == 2, paths.size(), " files; a llama2.c model is two: the weights and tokenizer.bin");
  // The tokenizer is the one whose fourth token is the byte 0: its name lies in the file's first bytes.
  const auto is_tokenizer = [](const fs::path& file) { return MappedFile(file).text().substr(0, 256).find("<0x00>") != std::string_view::npos; };
  const bool second = is_tokenizer(paths[1]);
  require_input(second || is_tokenizer(paths[0]), "neither ", paths[0], " nor ", paths[1], " is a llama2.c tokenizer.bin");
  return open_llama2c(paths[second ? 0 : 1], paths[second ? 1 : 0]);
}

}  // namespace loam
