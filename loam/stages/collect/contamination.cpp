#include "loam/stages/collect/contamination.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "loam/base/error.h"
#include "loam/base/hash.h"
#include "loam/stages/collect/extract.h"
#include "loam/stages/collect/reader.h"
#include "loam/text/python_text.h"
#include "loam/text/unicode.h"

namespace loam {
namespace {

/// A run of letters, digits and marks.
struct Piece {
  size_t begin, end;  // bytes
};

std::vector<Piece> word_pieces(std::string_view text) {
  std::vector<Piece> out;
  bool open = false;
  for (const char *p = text.data(), *const end = p + text.size(); p < end;) {
    const Char c = read_char(p, end);
    const auto at = static_cast<size_t>(p - text.data());
    p += c.bytes;
    const bool word = c.code != kInvalid && (is_python_alnum(c.code) || (c.code > 0x2FF && (class_of(c.code) & kUpperish) != 0));
    if (word && !open) out.push_back({at, at});
    if (word) out.back().end = at + static_cast<size_t>(c.bytes);
    open = word;
  }
  return out;
}

uint64_t joined(uint64_t hash, uint64_t word) { return mix64(hash * 3 + word); }

void gather(const Json& value, std::string& out) {
  if (value.is_string()) {
    out += value.get<std::string>();
    out += '\n';
  } else if (value.is_array() || value.is_object()) {
    for (const auto& each : value) gather(each, out);
  }
}

}  // namespace

EvaluationTexts::EvaluationTexts(const std::vector<std::string>& files, int64_t n) : n_(n) {
  for (const std::string& file : files) {
    require_input(std::filesystem::is_regular_file(file), "--decontaminate: there is no file ", file);
    const std::string name = std::filesystem::path(file).filename().string();
    RecordReader reader(file, name, /*named=*/true, {});
    RawRecord record;
    int64_t texts = 0;
    std::string wrong;
    while (reader.next(record)) {
      std::string text;
      if (!record.reason.empty()) {
        wrong = record.reason;
      } else if (record.kind == FileKind::csv) {
        for (const std::string& field : record.fields) text += field + "\n";
      } else if (record.kind == FileKind::json || record.kind == FileKind::json_lines) {
        gather(Json::parse(record.bytes, nullptr, /*allow_exceptions=*/false), text);
      } else {
        text = extract_record(record, {}).document.text;
      }
      if (text.empty()) continue;
      add(text, fmt::format("{}#{}", name, record.number));
      ++texts;
    }
    require_input(texts > 0, "--decontaminate ", file, ": there is no text in it", wrong.empty() ? "" : " (" + wrong + ")");
  }
}

void EvaluationTexts::add(std::string_view text, const std::string& from) {
  const std::string lower = lowered(text);
  const size_t first = words_.size();
  const auto pieces = word_pieces(lower);
  if (static_cast<int64_t>(pieces.size()) < n_) return;
  for (const Piece& piece : pieces) {
    const std::string_view word = std::string_view(lower).substr(piece.begin, piece.end - piece.begin);
    require_input(letters_.size() + word.size() < UINT32_MAX, "--decontaminate: the texts are longer than 4 GB in all");
    words_.push_back({hash64(word), static_cast<uint32_t>(letters_.size()), static_cast<uint32_t>(word.size())});
    letters_ += word;
  }
  for (size_t i = first; i + static_cast<size_t>(n_) <= words_.size(); ++i) {
    uint64_t hash = 0;
    for (size_t k = i; k < i + static_cast<size_t>(n_); ++k) hash = joined(hash, words_[k].hash);
    places_.try_emplace(hash, static_cast<uint32_t>(i));
  }
  words_.push_back({0, 0, 0});
  records_.emplace_back(first, from);
}

std::optional<Overlap> EvaluationTexts::find(std::string_view text) const {
  if (places_.empty()) return std::nullopt;
  std::string lower = lowered(text);
  const bool same_places = lower.size() == text.size();  // else the span is given in lower case
  const auto pieces = word_pieces(lower);
  const auto count = static_cast<int64_t>(pieces.size());
  std::vector<uint64_t> hashes;
  hashes.reserve(pieces.size());
  for (const Piece& piece : pieces) hashes.push_back(hash64(std::string_view(lower).substr(piece.begin, piece.end - piece.begin)));
  auto same = [&](int64_t here, size_t there) {
    const Word& word = words_[there];
    const Piece& piece = pieces[static_cast<size_t>(here)];
    return word.bytes != 0 && word.hash == hashes[static_cast<size_t>(here)] && std::string_view(lower).substr(piece.begin, piece.end - piece.begin) == std::string_view(letters_).substr(word.begin, word.bytes);
  };
  Overlap best;
  for (int64_t at = 0; at + n_ <= count;) {
    uint64_t hash = 0;
    for (int64_t k = at; k < at + n_; ++k) hash = joined(hash, hashes[static_cast<size_t>(k)]);
    const auto it = places_.find(hash);
    int64_t length = 0;
    if (it != places_.end()) {
      while (at + length < count && it->second + static_cast<size_t>(length) < words_.size() && same(at + length, it->second + static_cast<size_t>(length))) ++length;
    }
    if (length < n_) {
      ++at;
      continue;
    }
    if (length > best.words) {
      const Piece &first = pieces[static_cast<size_t>(at)], &last = pieces[static_cast<size_t>(at + length - 1)];
      best.words = length;
      best.span = std::string((same_places ? text : std::string_view(lower)).substr(first.begin, last.end - first.begin));
      const auto record = std::upper_bound(records_.begin(), records_.end(), it->second, [](size_t place, const auto& each) { return place < each.first; });
      best.from = std::prev(record)->second;
    }
    at += length - n_ + 1;  // a longer run may begin inside this one
  }
  return best.words == 0 ? std::nullopt : std::optional(best);
}

}  // namespace loam
