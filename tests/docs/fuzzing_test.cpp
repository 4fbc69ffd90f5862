// Holds docs/fuzzing.md to the tree: every file format has a fuzz target, and the target reaches it.
#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "loam/base/files.h"

namespace loam {
namespace {

const fs::path kTree = LOAM_SOURCE_DIR;

/// Adds what a file includes, and what the sources beside those headers include, and so on.
void reach(const fs::path& file, std::set<std::string>& reached) {
  static const std::regex include("#include \"(loam/[^\"]+)\"");
  const std::string text = read_file(kTree / file);
  for (std::sregex_iterator it(text.begin(), text.end(), include), end; it != end; ++it) {
    const std::string header = (*it)[1];
    if (!reached.insert(header).second) continue;
    if (fs::exists(kTree / header)) reach(header, reached);
    const fs::path source = fs::path(header).replace_extension(".cpp");
    if (fs::exists(kTree / source)) reach(source, reached);
  }
}

TEST(Fuzzing, EveryFormatHasATargetThatReachesIt) {
  std::istringstream in(read_file(kTree / "docs/fuzzing.md"));
  const std::regex row("^\\| `([a-z0-9_/]+\\.h)` \\| (`[a-z0-9_]+`(?:, `[a-z0-9_]+`)*) \\| .+ \\|$"), target("`([a-z0-9_]+)`");
  std::set<std::string> formats, targets;
  for (std::string line; std::getline(in, line);) {
    std::smatch m;
    if (!line.starts_with("| `")) continue;
    ASSERT_TRUE(std::regex_match(line, m, row)) << line;
    const std::string header = "loam/" + m[1].str(), names = m[2];
    EXPECT_TRUE(formats.insert(header).second) << header << " twice";
    for (std::sregex_iterator it(names.begin(), names.end(), target), end; it != end; ++it) {
      const std::string name = (*it)[1];
      targets.insert(name);
      const fs::path file = fs::path("fuzz") / (name + ".cpp");
      ASSERT_TRUE(fs::exists(kTree / file)) << file;
      std::set<std::string> reached;
      reach(file, reached);
      EXPECT_TRUE(reached.contains(header)) << name << " does not reach " << header;
    }
  }
  EXPECT_GT(formats.size(), 40u);
  for (const auto& entry : fs::directory_iterator(kTree / "loam/formats")) {
    if (entry.path().extension() != ".h") continue;
    EXPECT_TRUE(formats.contains("loam/formats/" + entry.path().filename().string())) << entry.path() << " has no row in docs/fuzzing.md";
  }
  for (const auto& entry : fs::directory_iterator(kTree / "fuzz")) {
    const std::string name = entry.path().stem().string();
    if (!name.ends_with("_fuzz")) continue;
    EXPECT_TRUE(targets.contains(name)) << name << " is not in docs/fuzzing.md";
  }
}

}  // namespace
}  // namespace loam
