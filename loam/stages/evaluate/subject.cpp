#include "loam/stages/evaluate/subject.h"

#include "loam/artifacts/labelled_data.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/model/weights.h"

namespace loam {

Subject open_subject(const fs::path& folder) {
  ArtifactInput input;
  Json settings = Json::object();
  std::vector<ArtifactInput> inputs;
  if (is_artifact(folder)) {
    const Artifact artifact = open_artifact(folder, "model");
    input = artifact.as_input();
    settings = artifact.config;
    inputs = artifact.inputs;
  } else {
    require_input(fs::is_directory(folder), "there is no model folder ", folder);
    require_input(!fs::exists(folder / "state" / "begun.json"), folder, " is unfinished: run the command that makes it again, it goes on");
    const fs::path index = folder / "model.safetensors.index.json";
    input = {folder.string(), "model", sha256_file(fs::exists(index) ? index : folder / "model.safetensors")};
  }
  Subject out{folder, input, settings, inputs, load_model(folder, backend("cpu"), /*gradients=*/false), Tokenizer::load(folder), {}};
  if (fs::exists(folder / "split.tsv")) {
    for (const auto& line : read_split(folder / "split.tsv")) {
      if (line.part != "test") out.seen.insert(line.key);
    }
  }
  return out;
}

}  // namespace loam
