#include "loam/stages/collect/pieces.h"

#include <algorithm>

#include "loam/stages/collect/minhash.h"

namespace loam {
namespace {

constexpr int64_t kFewestSpaces = 2;  // three words

}  // namespace

std::vector<TextPiece> pieces_of(std::string_view text, bool paragraphs) {
  std::vector<TextPiece> out;
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find(paragraphs ? "\n\n" : "\n", at);
    const std::string_view piece = text.substr(at, end - at);
    end = end == std::string_view::npos ? text.size() : std::min(text.find_first_not_of('\n', end), text.size());
    if (!paragraphs) end = std::min(text.size(), at + piece.size() + 1);
    const std::string normal = minhash_text(piece);
    if (std::count(normal.begin(), normal.end(), ' ') >= kFewestSpaces) out.push_back({key_of(normal), static_cast<int64_t>(at), static_cast<int64_t>(end)});
    at = end;
  }
  return out;
}

std::string without_pieces(std::string_view text, const std::vector<TextPiece>& pieces, const std::vector<uint8_t>& gone) {
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (gone[i] == 0) continue;
    out += text.substr(at, static_cast<size_t>(pieces[i].begin) - at);
    at = static_cast<size_t>(pieces[i].end);
  }
  out += text.substr(at);
  const size_t first = out.find_first_not_of('\n');
  if (first == std::string::npos) return "";
  return out.substr(first, out.find_last_not_of('\n') - first + 1);
}

}  // namespace loam
