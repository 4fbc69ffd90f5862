#include "loam/stages/evaluate/subject.h"

#include "loam/artifacts/labelled_data.h"
#include "loam/base/files.h"
#include "loam/infer/open.h"

namespace loam {

Subject open_subject(const fs::path& folder) {
  Json settings = Json::object();
  std::vector<ArtifactInput> inputs;
  const ArtifactInput input = model_input(folder);
  if (is_artifact(folder)) {
    const Artifact artifact = open_artifact(folder, "model");
    settings = artifact.config;
    inputs = artifact.inputs;
  }
  OpenedModel open = open_for_answers(folder);
  Subject out{folder, input, settings, inputs, std::move(open.model), std::move(open.tokenizer), std::move(open.ends), {}};
  if (fs::exists(folder / "split.tsv")) {
    for (const auto& line : read_split(folder / "split.tsv")) {
      if (line.part != "test") out.seen.insert(line.key);
    }
  }
  return out;
}

}  // namespace loam
