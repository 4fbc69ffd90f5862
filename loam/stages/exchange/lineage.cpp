#include "loam/stages/exchange/lineage.h"

#include <set>

#include "loam/base/error.h"
#include "loam/base/files.h"

namespace loam {
namespace {

constexpr size_t kMost = 4096;  // a corpus may have a file of its own for each document

void walk(const std::vector<ArtifactInput>& inputs, std::set<std::string>& seen, Json& out) {
  for (const ArtifactInput& input : inputs) {
    if (out.size() >= kMost || !seen.insert(input.sha256).second) continue;
    out.push_back({{"kind", input.kind}, {"name", fs::path(input.path).filename().string()}, {"sha256", input.sha256}});
    if (!is_artifact(input.path)) continue;
    try {
      const Artifact made = open_artifact(input.path);
      if (made.content == input.sha256) walk(made.inputs, seen, out);  // another one may stand there by now
    } catch (const Error&) {
      // Gone or damaged since: what it was made from is not known any more.
    }
  }
}

}  // namespace

Lineage lineage_of(const ModelFolder& model) {
  Json list = Json::array();
  std::set<std::string> seen = {model.input.sha256};
  if (is_artifact(model.folder)) walk(open_artifact(model.folder).inputs, seen, list);
  return {{"content", model.input.sha256}, {"lineage", to_line(list)}};
}

}  // namespace loam
