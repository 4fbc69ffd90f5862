#include "loam/stages/collect/file_table.h"

#include <fmt/format.h>

#include <memory>

#include "loam/base/hash.h"

namespace loam {

std::string corrected_table(std::string_view table, const std::map<std::string, int64_t>& gone) {
  std::string out;
  for (size_t at = 0; at < table.size();) {
    const size_t end = table.find('\n', at);
    std::vector<std::string> fields(1);
    for (const char c : table.substr(at, end - at)) c == '\t' ? fields.emplace_back() : fields.back() += c;
    at = end + 1;
    if (const auto it = gone.find(fields[0] + "\t" + fields[1]); it != gone.end()) {
      fields[4] = std::to_string(std::stoll(fields[4]) - it->second);
      fields[5] = std::to_string(std::stoll(fields[5]) + it->second);
    }
    out += fmt::format("{}\n", fmt::join(fields, "\t"));
  }
  return out;
}

std::vector<ArtifactInput> inputs_of(const SourceList& list, std::string_view table) {
  std::vector<ArtifactInput> out;
  std::vector<std::unique_ptr<Sha256>> folders;
  for (const SourceRoot& root : list.roots) {
    out.push_back({root.path, root.folder ? "folder" : "file", ""});
    folders.push_back(std::make_unique<Sha256>());
  }
  size_t at = 0;
  for (const SourceFile& file : list.files) {
    const size_t end = table.find('\n', at);
    std::string_view line = table.substr(at, end - at);
    at = end + 1;
    for (int column = 0; column < 3; ++column) line.remove_prefix(line.find('\t') + 1);
    const std::string hash(line.substr(0, line.find('\t')));
    const auto root = static_cast<size_t>(file.root);
    folders[root]->add(hash + "  " + file.below + "\n");
    if (!list.roots[root].folder) out[root].sha256 = hash;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (list.roots[i].folder) out[i].sha256 = folders[i]->hex();
  }
  return out;
}

}  // namespace loam
