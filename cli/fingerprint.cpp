#include "cli/fingerprint.h"

#include <glob.h>
#include <sys/stat.h>

#include <algorithm>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/files.h"
#include "loam/base/hash.h"
#include "loam/base/threads.h"

namespace loam {
namespace {

constexpr int64_t kReadLimitBytes = int64_t{4} << 30;

struct Listed {
  fs::path path;
  std::string name;
  int64_t bytes = 0, changed_ns = 0;
};

/// A file alone, or every regular file below a folder, sorted by name.
std::vector<Listed> list_files(const fs::path& path) {
  std::vector<Listed> out;
  auto add = [&](const fs::path& file, std::string name) {
    struct stat s = {};
    if (::stat(file.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return;
    out.push_back({file, std::move(name), s.st_size, s.st_mtim.tv_sec * int64_t{1000000000} + s.st_mtim.tv_nsec});
  };
  std::error_code ignored;
  if (!fs::is_directory(path, ignored)) {
    add(path, path.filename().string());
    return out;
  }
  for (auto it = fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    add(it->path(), it->path().lexically_relative(path).string());
  }
  std::sort(out.begin(), out.end(), [](const Listed& a, const Listed& b) { return a.name < b.name; });
  return out;
}

bool has_pattern(const std::string& text) { return text.find_first_of("*?[") != std::string::npos; }

}  // namespace

std::vector<fs::path> paths_in_value(const std::string& value) {
  std::error_code ignored;
  std::vector<std::string> candidates = {value};
  if (const size_t equals = value.find('='); equals != std::string::npos) candidates.push_back(value.substr(equals + 1));
  for (const std::string& candidate : candidates) {
    if (!candidate.empty() && fs::exists(candidate, ignored)) return {candidate};
    if (!has_pattern(candidate)) continue;
    if (const size_t deep = candidate.find("**"); deep != std::string::npos) {
      const fs::path base = fs::path(candidate.substr(0, deep)).parent_path();  // all below it: more than the pattern, never less
      if (!base.empty() && fs::exists(base, ignored)) return {base};
      continue;
    }
    ::glob_t found = {};
    std::vector<fs::path> out;
    if (::glob(candidate.c_str(), 0, nullptr, &found) == 0) out.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
    ::globfree(&found);
    if (!out.empty()) return out;
  }
  return {};
}

InputHashes::InputHashes(const Json& remembered) {
  if (!remembered.is_object()) return;
  for (const auto& [path, entry] : remembered.items()) known_[path] = {get_string(entry, "listing", ""), get_string(entry, "content", "")};
}

std::string InputHashes::of(const fs::path& path) {
  if (is_artifact(path)) {
    try {
      return open_artifact(path).content;
    } catch (const Error&) {
      // A broken artifact is hashed as the files it is; the verb that reads it will say what is wrong.
    }
  }
  const std::vector<Listed> files = list_files(path);
  if (files.empty()) return fs::exists(path) ? "empty" : "absent";
  Sha256 listing_hash;
  int64_t bytes = 0;
  for (const Listed& file : files) {
    listing_hash.add(file.name + '\0' + std::to_string(file.bytes) + ' ' + std::to_string(file.changed_ns) + '\n');
    bytes += file.bytes;
  }
  const std::string listing = listing_hash.hex();
  Known& known = known_[path.string()];
  if (known.listing == listing && !known.content.empty()) return known.content;
  known.listing = listing;
  if (bytes > kReadLimitBytes) return known.content = listing;
  std::vector<std::string> hashes(files.size());
  parallel_for(static_cast<int64_t>(files.size()), [&](int64_t i) {
    try {
      hashes[static_cast<size_t>(i)] = sha256_file(files[static_cast<size_t>(i)].path);
    } catch (const Error&) {
      hashes[static_cast<size_t>(i)] = "unreadable";
    }
  });
  Sha256 content;
  for (size_t i = 0; i < files.size(); ++i) content.add(hashes[i] + "  " + files[i].name + "\n");
  return known.content = content.hex();
}

Json InputHashes::json() const {
  Json out = Json::object();
  for (const auto& [path, known] : known_) out[path] = {{"listing", known.listing}, {"content", known.content}};
  return out;
}

}  // namespace loam
