// Holds docs/architecture.md to the tree: every folder is in the table of rooms, and includes go where it says.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "loam/base/files.h"

namespace loam {
namespace {

const fs::path kRoot = LOAM_SOURCE_DIR;

struct Rooms {
  std::map<std::string, std::set<std::string>> may;  ///< folder -> folders it names; then, closed() over them

  /// The room a path belongs to: the longest one that is a folder above it. "" if none.
  std::string room_of(const std::string& path) const {
    std::string best;
    for (const auto& [room, allowed] : may) {
      if (path.rfind(room + "/", 0) == 0 && room.size() > best.size()) best = room;
    }
    return best;
  }
};

Rooms read_table() {
  Rooms rooms;
  std::ifstream in(kRoot / "docs/architecture.md");
  std::vector<std::pair<std::string, std::string>> rows;
  const std::regex row("^\\| `([a-z/]+)` \\|.*\\| ([^|]+) \\|$");
  for (std::string line; std::getline(in, line);) {
    std::smatch m;
    if (std::regex_match(line, m, row)) rows.emplace_back(m[1], m[2]);
  }
  for (const auto& [room, list] : rows) rooms.may[room];
  for (const auto& [room, list] : rows) {
    std::stringstream words(std::regex_replace(list, std::regex(" and below|,"), " "));
    for (std::string word; words >> word;) {
      if (word == "-") continue;
      if (word == "stages") {
        for (const auto& [other, unused] : rooms.may) {
          if (other.rfind("loam/stages/", 0) == 0) rooms.may[room].insert(other);
        }
        continue;
      }
      EXPECT_TRUE(rooms.may.count("loam/" + word)) << room << " may include " << word << ", which is no room of the table";
      rooms.may[room].insert("loam/" + word);
    }
  }
  // A room may include what its rooms may.
  for (bool grown = true; grown;) {
    grown = false;
    for (auto& [room, allowed] : rooms.may) {
      std::set<std::string> more = allowed;
      for (const std::string& other : allowed) more.insert(rooms.may[other].begin(), rooms.may[other].end());
      if (more.size() > allowed.size()) {
        allowed = more;
        grown = true;
      }
    }
  }
  return rooms;
}

std::vector<fs::path> sources(const char* below) {
  std::vector<fs::path> out;
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / below)) {
    const std::string extension = entry.path().extension().string();
    if (entry.is_regular_file() && (extension == ".h" || extension == ".cpp" || extension == ".cu")) out.push_back(entry.path().lexically_relative(kRoot));
  }
  return out;
}

TEST(Architecture, EveryFolderIsInTheTable) {
  const Rooms rooms = read_table();
  ASSERT_GE(rooms.may.size(), 15u) << "docs/architecture.md has no table of rooms";
  for (const char* below : {"loam", "cli"}) {
    for (const fs::path& file : sources(below)) EXPECT_NE(rooms.room_of(file.string()), "") << file << " is in no room of docs/architecture.md";
  }
  const std::string build = read_file(kRoot / "loam/CMakeLists.txt") + "DIR kernels ";
  for (const auto& [room, allowed] : rooms.may) {
    if (room == "cli") continue;
    EXPECT_NE(build.find("DIR " + room.substr(5) + " "), std::string::npos) << "the table has " << room << ", the build does not";
  }
}

TEST(Architecture, IncludesPointDown) {
  const Rooms rooms = read_table();
  const std::regex include("^\\s*#include \"([^\"]+)\"");
  for (const char* below : {"loam", "cli"}) {
    for (const fs::path& file : sources(below)) {
      const std::string room = rooms.room_of(file.string());
      std::ifstream in(kRoot / file);
      for (std::string line; std::getline(in, line);) {
        std::smatch m;
        if (!std::regex_search(line, m, include)) continue;
        const std::string target = rooms.room_of(m[1]);
        EXPECT_TRUE(target == room || rooms.may.at(room).count(target)) << file << " includes " << m[1] << ", but " << room << " may not include " << target;
      }
    }
  }
}

TEST(Architecture, NoRoomIncludesItself) {
  for (const auto& [room, allowed] : read_table().may) EXPECT_EQ(allowed.count(room), 0u) << room << " reaches itself through the table";
}

}  // namespace
}  // namespace loam
