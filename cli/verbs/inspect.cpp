// loam inspect: what is this file or folder?
#include <fmt/format.h>

#include "cli/look.h"
#include "cli/verbs.h"
#include "loam/artifacts/manifest.h"
#include "loam/base/files.h"

namespace loam {
namespace {

Report inspect(const std::string& path, bool check) {
  if (!is_artifact(path)) {
    const Look look = look_at(path);
    require_input(!check, path, " is no finished artifact: it has no manifest.json with hashes to check (it is ", look.json.value("kind", std::string("unknown")), ")");
    return report(look.json, look.lines);
  }
  const Artifact a = open_artifact(path);
  Json json = {{"path", path}, {"kind", a.kind}, {"content", a.content}, {"created", a.created}, {"loam", a.version},
               {"config", a.config}, {"counts", a.counts}, {"inputs", Json::array()}, {"files", Json::array()}};
  std::vector<std::string> lines = {fmt::format("{}: {}, made {} by loam {}", path, a.kind, a.created, a.version),
                                    fmt::format("content {}", a.content)};
  for (const auto& input : a.inputs) {
    json["inputs"].push_back({{"path", input.path}, {"kind", input.kind}, {"sha256", input.sha256}});
    lines.push_back(fmt::format("from    {:<10} {}  {}", input.kind, input.sha256.substr(0, 12), input.path));
  }
  for (const auto& file : a.files) {
    json["files"].push_back({{"name", file.name}, {"bytes", file.bytes}, {"sha256", file.sha256}});
    lines.push_back(fmt::format("file    {:>10} {}  {}", human_bytes(static_cast<double>(file.bytes)), file.sha256.substr(0, 12), file.name));
  }
  for (const auto& [key, value] : a.counts.items()) {
    if (!value.is_array() || value.empty() || !value[0].is_object()) {
      lines.push_back(fmt::format("count   {}: {}", key, to_line(value)));
      continue;
    }
    for (const Json& row : value) lines.push_back(fmt::format("count   {}: {}", key, to_line(row)));
  }
  if (a.kind == "model") {
    const Look weights = look_at_weights(a.folder);
    json["weights"] = weights.json["weights"];
    lines.insert(lines.end(), weights.lines.begin(), weights.lines.end());
  }
  if (check) {
    const auto broken = broken_files(a);
    json["broken"] = broken;
    require_input(broken.empty(), path, ": the bytes of ", fmt::format("{}", fmt::join(broken, ", ")), " do not match the hashes in its manifest");
    lines.push_back(fmt::format("check   all {} files match their hashes", a.files.size()));
  }
  return report(json, lines);
}

}  // namespace

void add_inspect(Cli& cli) {
  Verb& verb = cli.add("inspect", "what is this file or folder: counts, hashes, lineage, shapes", "loam inspect --check runs/quickstart/tokens");
  auto path = verb.positional("path", "an artifact, a run, or any file");
  auto check = verb.flag("check", "read every file and compare its hash");
  verb.run([=](Run&) { return inspect(*path, *check); });
}

}  // namespace loam
