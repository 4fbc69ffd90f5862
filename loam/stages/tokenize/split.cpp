#include "loam/stages/tokenize/split.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "loam/base/error.h"

namespace loam {
namespace {

constexpr int64_t kCutWindow = 4096;  // tokens looked through for a better place

bool begins_character(std::string_view bytes) { return bytes.empty() || (static_cast<unsigned char>(bytes[0]) & 0xc0) != 0x80; }

/// The numbers of each source's documents, written as they are found. They are made anew in every run, so nothing waits
/// for the disk.
class Lists {
 public:
  Lists(const fs::path& state, const char* name, size_t sources) : numbers_(sources) {
    for (size_t s = 0; s < sources; ++s) {
      paths_.push_back(state / fmt::format("{}-{:05}.list", name, s));
      append(s, std::ios::trunc);
    }
  }
  void add(int32_t source, int64_t document) {
    const auto s = static_cast<size_t>(source);
    numbers_[s].push_back(document);
    if (numbers_[s].size() >= kKept) append(s, std::ios::app);
  }
  std::vector<StoredArray<int64_t>> finish(StoredFiles& files) {
    std::vector<StoredArray<int64_t>> out;
    for (size_t s = 0; s < paths_.size(); ++s) {
      append(s, std::ios::app);
      out.emplace_back(files, files.add(paths_[s]));
    }
    return out;
  }

 private:
  static constexpr size_t kKept = 4096;
  /// Opened for each write: there may be more sources than files may be open.
  void append(size_t s, std::ios::openmode mode) {
    std::ofstream file(paths_[s], std::ios::binary | mode);
    file.write(reinterpret_cast<const char*>(numbers_[s].data()), static_cast<std::streamsize>(numbers_[s].size() * 8));
    file.close();
    if (!file) fail(ErrorKind::io, "cannot write ", paths_[s], "; is the disk full?");
    numbers_[s].clear();
  }
  std::vector<fs::path> paths_;
  std::vector<std::vector<int64_t>> numbers_;
};

}  // namespace

int64_t place_to_cut(const std::vector<int32_t>& tokens, const Tokenizer& tokenizer, int64_t at) {
  const auto n = static_cast<int64_t>(tokens.size());
  LOAM_ASSERT(n >= 2);
  const auto bytes = [&](int64_t i) { return tokenizer.bytes(tokens[static_cast<size_t>(i)]); };
  at = std::clamp<int64_t>(at, 1, n - 1);
  int64_t line_end = -1, character = -1;
  bool blank = false;  // is the text before ending in a blank line?
  for (int64_t i = at; i < std::min(n, at + kCutWindow); ++i) {
    const std::string_view before = bytes(i - 1);
    if (!begins_character(bytes(i))) continue;
    if (character < 0) character = i;
    if (before.empty() || before.back() != '\n') continue;
    blank = before.size() >= 2 ? before[before.size() - 2] == '\n' : i >= 2 && !bytes(i - 2).empty() && bytes(i - 2).back() == '\n';
    if (blank && bytes(i)[0] != '\n') return i;
    if (line_end < 0) line_end = i;
  }
  if (line_end >= 0) return line_end;
  if (character >= 0) return character;
  for (int64_t i = at; i > 0; --i) {  // a tail without a character's beginning: text that is not UTF-8
    if (begins_character(bytes(i))) return i;
  }
  return at;
}

ValidationSplit split_documents(const EncodedCorpora& encoded, const Tokenizer& tokenizer, const std::vector<bool>& kept, double fraction,
                                const fs::path& state) {
  const int64_t n = encoded.documents();
  int64_t total_bytes = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto r = encoded.record(i);
    if (kept[static_cast<size_t>(r.source)]) total_bytes += r.text_bytes;
  }
  const auto longest_held = static_cast<int64_t>(fraction * static_cast<double>(total_bytes));
  // 2^64 times the fraction does not fit where the fraction rounds to 1: 2^53 steps do.
  const auto below = static_cast<uint64_t>(std::ldexp(fraction, 53));
  const auto chosen = [&](const EncodedCorpora::Record& r) { return r.id_hash >> 11 < below && r.text_bytes <= longest_held; };

  int64_t held = 0, lowest = -1, longest = -1;
  uint64_t lowest_hash = 0;
  int64_t longest_tokens = 0;
  for (int64_t i = 0; i < n; ++i) {
    const auto r = encoded.record(i);
    if (!kept[static_cast<size_t>(r.source)]) continue;
    if (chosen(r)) ++held;
    const bool fits = r.text_bytes <= longest_held && r.text_bytes > longest_held / 2;
    if (fits && (lowest < 0 || r.id_hash < lowest_hash)) lowest = i, lowest_hash = r.id_hash;
    if (r.tokens > longest_tokens) longest = i, longest_tokens = r.tokens;
  }
  ValidationSplit out;
  int64_t instead = -1;  // the one document held out where chance chose none
  if (fraction > 0 && held == 0) {
    if (lowest >= 0) {
      instead = lowest;
    } else if (longest_tokens >= 2) {
      const auto r = encoded.record(longest);
      const std::vector<int32_t> tokens = encoded.wide_tokens(longest);
      const double part = std::min(0.5, static_cast<double>(longest_held) / static_cast<double>(r.text_bytes));
      const int64_t at = place_to_cut(tokens, tokenizer, std::llround((1 - part) * static_cast<double>(r.tokens)));
      int64_t val_bytes = 0;
      for (int64_t t = at; t < r.tokens; ++t) val_bytes += static_cast<int64_t>(tokenizer.bytes(tokens[static_cast<size_t>(t)]).size());
      out.cut = DocumentCut{longest, at, r.text_bytes - val_bytes, val_bytes};
    }
  }
  Lists train(state, "train", encoded.sources().size()), val(state, "val", encoded.sources().size());
  for (int64_t i = 0; i < n; ++i) {
    const auto r = encoded.record(i);
    if (!kept[static_cast<size_t>(r.source)]) continue;
    const bool is_val = fraction > 0 && (held > 0 ? chosen(r) : i == instead);
    if (!is_val) train.add(r.source, i);
    if (is_val || (out.cut && out.cut->document == i)) val.add(r.source, i);
  }
  out.train = train.finish(*out.files);
  out.val = val.finish(*out.files);
  return out;
}

}  // namespace loam
