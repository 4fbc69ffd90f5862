// What the user named, as a list of files.
//
//   const SourceList list = find_sources({"books=texts/", "mail=*.mbox"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace loam {

struct SourceFile {
  int64_t source = 0;           ///< index into SourceList::names
  int64_t root = 0;             ///< index into SourceList::roots
  std::filesystem::path path;   ///< to open
  std::string below;            ///< its path below what was named, or its name: part of its documents' ids. UTF-8, unique in its source
  int64_t bytes = 0;
  int64_t changed_ns = 0;       ///< modification time
  bool named = false;           ///< the user named this file itself, not a folder around it
};

struct SourceRoot {
  int64_t source = 0;
  std::string path;             ///< as given: a file, a folder or a pattern
  bool folder = false;          ///< or a pattern: holds any number of files
};

struct SourceList {
  std::vector<std::string> names;   ///< in the order they were first given
  std::vector<SourceRoot> roots;    ///< in the order given
  std::vector<SourceFile> files;    ///< by root, below it by name
  std::vector<std::string> unreadable;  ///< folders below a root that could not be read, with the reason
  /// SHA-256 over names, sizes and times: changes if any file does.
  std::string fingerprint() const;
};

/// Reads `NAME=PATH` and `PATH` words. A NAME given twice is one source. Without one the name is the file's or folder's,
/// without its endings; a folder that `loam fetch` wrote is its sources. Folders are walked in the order of names; hidden files (".git") are passed over, linked folders
/// entered once, and `except` (where the corpus is written) not at all. `*`, `?` and `[...]` make a pattern, if no file has that very name.
/// Throws Error{input} naming the path: it is not there, a folder without files, a pattern without matches, something that is neither file nor folder.
SourceList find_sources(const std::vector<std::string>& words, const std::filesystem::path& except = {});

/// "2 packed files are opened: a.txt.gz, b.zip": what is read from inside another file is said, for its documents' names
/// lie there.
std::string packed_files(const SourceList& list);

}  // namespace loam
