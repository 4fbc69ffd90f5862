// Passages that came before: runs of 50 words and signs or more, wherever they begin, in a corpus of any size.
//
//   PassageFinder finder({.from = all, .parts = names, .scratch = state / "passages", .tokens = 50});
//   finder.find(documents, text_bytes, against, progress);
//   finder.write(out, dropped, progress);
//
// A passage is covered by its windows of so many tokens, and a window that came before is one whose hash did: all windows
// are written down with their places, sorted on disk, and those that are not the first of their kind are marked. The
// places are those that the suffix array of the whole corpus gives (Lee et al. 2021, "Deduplicating training data makes
// language models better"); the array itself would want 9 bytes of memory for each byte of text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"
#include "loam/stages/collect/near_pass.h"

namespace loam {

/// A run of letters, numbers and marks, or one other character that is no space; ideographs and kana are one each. How
/// white space lies between them does not count.
struct PassageToken {
  uint64_t hash;
  uint32_t begin, end;   ///< bytes
};
void passage_tokens(std::string_view text, std::vector<PassageToken>& out);

/// What is taken out of a text: [begin, end) in bytes, in order, apart from one another.
using PassageSpans = std::vector<std::pair<uint32_t, uint32_t>>;
/// The text without them, and without the white space that would stand twice.
std::string without_spans(std::string_view text, const PassageSpans& spans);

struct PassageSettings {
  std::filesystem::path from;        ///< folder of documents-* and dropped-*
  std::vector<std::string> names;    ///< documents-*, then as many dropped-*
  std::filesystem::path scratch;     ///< emptied, and removed by the caller in the end
  int64_t tokens = 50;
};

/// A document that was cut, or went as a whole.
struct PassageCut {
  std::string source, file;
  Json metadata;
  bool gone = false;
  int64_t spans = 0, bytes = 0, characters = 0;   ///< what was taken away
};

/// Memory: 8 MiB a thread for sorting, 4 MiB a thread and 1 MiB for writing, a bit for each token of
/// a part, the longest document; disk: 20 bytes a token. The result does not depend on threads. What is done stays when it
/// is stopped or killed: the windows that were written, the marks that follow from them, finished parts.
class PassageFinder {
 public:
  explicit PassageFinder(PassageSettings settings) : s_(std::move(settings)) {}
  /// Marks what came before, in documents of `from` or in the corpora of `against`.
  void find(int64_t text_bytes, const std::vector<Artifact>& against, Progress& progress);
  /// Rows to `to`, cut; documents of which nothing stays go to the ledger as "all_repeated". Numbers of documents in the ledger
  /// are brought up to date.
  void write(const std::filesystem::path& to, const std::function<void(const PassageCut&)>& cut, Progress& progress);

 private:
  void write_windows(int64_t text_bytes, const std::vector<Artifact>& against, Progress& progress);
  void sort_windows(Progress& progress);
  std::filesystem::path marks(int64_t part) const;
  PassageSettings s_;
  std::vector<int64_t> first_;   // document of each part, and the count of all
};

}  // namespace loam
