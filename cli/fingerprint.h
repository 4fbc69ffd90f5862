// Is what a section reads still what it read? Files outside the run, told apart by content and remembered by time.
//
//   InputHashes hashes(previous);                     // what the last run knew
//   std::string sha = hashes.of("my/notes");          // a file, a folder, or an artifact's content
//   Json remember = hashes.json();
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

/// The files of this machine that a setting's value names: the value itself, or what follows "NAME=", if it exists;
/// what a pattern with * ? [] matches. Empty: it names none (a number, a label, a folder that is not there).
std::vector<std::filesystem::path> paths_in_value(const std::string& value);

/// Content hashes of files and folders. A folder's is over the sorted "<sha256>  <name>\n" of its files; an artifact's
/// is its manifest's. Reading is left out where names, sizes and times are those remembered; and over 4 GB of files
/// names, sizes and times alone are hashed, so that a large corpus is not read twice.
class InputHashes {
 public:
  explicit InputHashes(const Json& remembered = Json::object());
  std::string of(const std::filesystem::path& path);  ///< "absent" if there is nothing
  Json json() const;

 private:
  struct Known {
    std::string listing, content;
  };
  std::map<std::string, Known> known_;
};

}  // namespace loam
