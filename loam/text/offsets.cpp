#include "loam/text/offsets.h"

#include <algorithm>
#include <string>

#include "loam/base/error.h"
#include "loam/text/sentencepiece.h"

namespace loam {
namespace {

/// How many bytes of `text` the token's bytes are, reading the sign for a space (U+2581) as a space; -1: they are not.
int64_t matched(std::string_view text, std::string_view bytes) {
  size_t at = 0;
  for (const char byte : bytes) {
    if (byte == ' ' && text.substr(at).starts_with(kSpaceSign)) {
      at += kSpaceSign.size();
    } else if (at < text.size() && text[at] == byte) {
      ++at;
    } else {
      return -1;
    }
  }
  return static_cast<int64_t>(at);
}

}  // namespace

std::vector<TokenOffsets> encode_with_offsets(const Tokenizer& tokenizer, std::string_view text, Specials specials) {
  const std::vector<int32_t> ids = tokenizer.encode(text, specials);
  const auto is_added = [&](int32_t id) {
    const auto found = std::lower_bound(tokenizer.added().begin(), tokenizer.added().end(), id, [](const AddedToken& token, int32_t wanted) { return token.id < wanted; });
    return found != tokenizer.added().end() && found->id == id;
  };
  std::vector<TokenOffsets> offsets;
  offsets.reserve(ids.size());
  size_t at = 0;
  bool spaced = false;  // an added token stands before, whose right side may have lost white space
  for (const int32_t id : ids) {
    const std::string_view bytes = tokenizer.bytes(id);
    const bool added = is_added(id);
    size_t begin = at;
    int64_t length = matched(text.substr(begin), bytes);
    if (length < 0 && tokenizer.puts_space() && bytes.starts_with(' ')) length = matched(text.substr(begin), bytes.substr(1));
    if (length < 0 && (added || spaced)) {
      begin = std::min(text.find_first_not_of(" \t\n\v\f\r", at), text.size());
      length = matched(text.substr(begin), bytes);
    }
    require_input(length >= 0, "the tokenizer changes this text before it cuts it: the token ", id, " is not what stands at byte ", at, "; there are no offsets to give");
    at = begin + static_cast<size_t>(length);
    offsets.push_back({id, static_cast<int64_t>(begin), static_cast<int64_t>(at)});
    spaced = added;
  }
  return offsets;
}

}  // namespace loam
