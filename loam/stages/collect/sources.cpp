#include "loam/stages/collect/sources.h"

#include <fmt/format.h>
#include <glob.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/base/progress.h"
#include "loam/formats/archive.h"
#include "loam/formats/utf8.h"

namespace loam {
namespace {

namespace fs = std::filesystem;

/// Names go into ids and tables: control characters and bytes that are not UTF-8 are written as %XX.
std::string printable(std::string_view name) {
  std::string out;
  for (size_t at = 0; at < name.size();) {
    const size_t from = at;
    const char32_t c = next_code_point(name, at);
    if (c >= 0x20 && c != 0x7f && (c != 0xFFFD || name.substr(from, 3) == "\uFFFD")) {
      out += name.substr(from, at - from);
    } else {
      for (size_t i = from; i < at; ++i) out += fmt::format("%{:02X}", static_cast<unsigned char>(name[i]));
    }
  }
  return out;
}

/// A source's name from its path: without the endings of packing and kind.
std::string default_name(const fs::path& path) {
  fs::path clean = path.lexically_normal();
  if (!clean.has_filename()) clean = clean.parent_path();
  std::string name = clean.filename().string();
  if (name.empty() || name == "." || name == "..") {
    std::error_code ignored;
    name = fs::weakly_canonical(path, ignored).filename().string();
  }
  if (!fs::is_directory(path)) {
    name = without_packing(name);
    if (const size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0) name.resize(dot);
  }
  name = printable(name);
  for (char& c : name) {
    if (c == '*' || c == '?' || c == '[' || c == ']' || c == ' ' || c == '=') c = '-';
  }
  return name.empty() ? "source" : name;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '+' || static_cast<unsigned char>(c) >= 0x80;
  });
}

bool is_pattern(const std::string& path) { return path.find_first_of("*?[") != std::string::npos; }

class Finder {
 public:
  Finder(SourceList& list, const fs::path& except) : list_(list) {
    std::error_code ignored;
    if (!except.empty()) except_ = fs::weakly_canonical(except, ignored);
  }

  void word(const std::string& word) {
    std::string name, path = word;
    const size_t equals = word.find('=');
    if (equals != std::string::npos && is_name(word.substr(0, equals)) && !fs::exists(word)) {
      name = word.substr(0, equals);
      path = word.substr(equals + 1);
    }
    require(!path.empty(), "\"", word, "\" names no path; wanted NAME=PATH or PATH");
    std::vector<fs::path> matches = {path};
    if (fs::is_directory(path) && is_artifact(path) && fetched(path, name)) return;
    const bool pattern = !fs::exists(path) && is_pattern(path);
    if (pattern) matches = matching(path);
    require_input(!matches.empty(), "nothing matches ", path);
    std::error_code code;
    require_input(pattern || fs::exists(path, code), "there is no ", path, code ? ": " + code.message() : "");
    const int64_t source = source_index(name.empty() ? default_name(pattern ? fs::path(path).parent_path() / fs::path(path).filename() : fs::path(path)) : name);
    const bool folder = pattern || fs::is_directory(path);
    list_.roots.push_back({source, path, folder});
    const size_t before = list_.files.size();
    for (const fs::path& match : matches) {
      if (fs::is_directory(match)) {
        visited_.clear();
        walk(match, pattern ? match.filename().string() + "/" : "");
      } else {
        require_input(pattern || fs::is_regular_file(match), path, " is neither a file nor a folder");
        if (fs::is_regular_file(match)) add(match, match.filename().string(), !pattern);
      }
    }
    require_input(list_.files.size() > before, path, " holds no files");
  }

 private:
  /// A folder that `loam fetch` wrote is as many sources as it has, or one if a name was given.
  bool fetched(const std::string& path, const std::string& name) {
    const Artifact artifact = open_artifact(path);
    if (artifact.kind != "sources") return false;
    for (const Json& source : artifact.counts.value("sources", Json::array())) {
      const fs::path folder = fs::path(path) / source.get<std::string>();
      if (fs::is_directory(folder)) word((name.empty() ? source.get<std::string>() : name) + "=" + folder.string());
    }
    return true;
  }

  int64_t source_index(const std::string& name) {
    const auto it = std::find(list_.names.begin(), list_.names.end(), name);
    if (it != list_.names.end()) return it - list_.names.begin();
    list_.names.push_back(name);
    return static_cast<int64_t>(list_.names.size()) - 1;
  }

  static std::vector<fs::path> matching(const std::string& pattern) {
    glob_t found = {};
    std::vector<fs::path> out;
    if (::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found) == 0) {
      for (size_t i = 0; i < found.gl_pathc; ++i) out.emplace_back(found.gl_pathv[i]);
    }
    ::globfree(&found);
    std::sort(out.begin(), out.end());  // by bytes: the same in every locale
    return out;
  }

  void walk(const fs::path& folder, const std::string& below) {
    std::error_code code;
    const fs::path real = fs::canonical(folder, code);
    if (real == except_ || !visited_.insert(code ? folder : real).second) return;
    std::vector<std::string> names;
    for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code)) names.push_back(it->path().filename().string());
    if (code) {
      require_input(!below.empty(), "cannot read the folder ", folder, ": ", code.message());
      list_.unreadable.push_back(cat(folder, ": ", code.message()));
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name[0] == '.') continue;
      const fs::path path = folder / name;
      const auto status = fs::status(path, code);  // follows links
      if (fs::is_directory(status)) {
        walk(path, below + name + "/");
      } else if (fs::is_regular_file(status)) {
        add(path, below + name, false);
      }
    }
  }

  void add(const fs::path& path, const std::string& below, bool named) {
    SourceFile file;
    file.source = list_.roots.back().source;
    file.root = static_cast<int64_t>(list_.roots.size()) - 1;
    file.path = path;
    file.below = printable(below);
    // Two roots of one source may hold files of one name: the later ones are told apart by their root's number.
    if (!taken_.insert(list_.names[static_cast<size_t>(file.source)] + ":" + file.below).second) {
      file.below += fmt::format("~{}", file.root + 1);
      while (!taken_.insert(list_.names[static_cast<size_t>(file.source)] + ":" + file.below).second) file.below += "~";
    }
    struct stat info = {};
    if (::stat(path.c_str(), &info) == 0) {
      file.bytes = info.st_size;
      file.changed_ns = static_cast<int64_t>(info.st_mtim.tv_sec) * 1000000000 + info.st_mtim.tv_nsec;
    }
    file.named = named;
    list_.files.push_back(std::move(file));
  }

  SourceList& list_;
  fs::path except_;
  std::set<fs::path> visited_;
  std::set<std::string> taken_;
};

}  // namespace

std::string SourceList::fingerprint() const {
  Sha256 hash;
  for (const SourceFile& file : files) {
    hash.add(fmt::format("{}\t{}\t{}\t{}\n", names[static_cast<size_t>(file.source)], file.below, file.bytes, file.changed_ns));
  }
  return hash.hex();
}

SourceList find_sources(const std::vector<std::string>& words, const fs::path& except) {
  SourceList list;
  Finder finder(list, except);
  for (const std::string& word : words) finder.word(word);
  require(!list.roots.empty(), "no sources were named; wanted NAME=PATH or PATH");
  return list;
}

std::string packed_files(const SourceList& list) {
  constexpr size_t kNamed = 8;
  std::vector<std::string> names;
  for (const SourceFile& file : list.files) {
    for (const char* ending : {".gz", ".tgz", ".bz2", ".xz", ".zst", ".lz4", ".tar", ".zip", ".dz"}) {
      if (file.below.ends_with(ending)) names.push_back(file.below);
    }
  }
  if (names.empty()) return "";
  const size_t count = names.size();
  names.resize(std::min(count, kNamed));
  return fmt::format("{} packed file{} opened: {}{}", with_commas(static_cast<int64_t>(count)), count == 1 ? " is" : "s are", fmt::join(names, ", "), count > kNamed ? ", ..." : "");
}

}  // namespace loam
