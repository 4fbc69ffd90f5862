// tokenizer.json and tokenizer_config.json, in Hugging Face's form.
#pragma once

#include "loam/base/json.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// Ids from here on are a mistake, not a vocabulary.
inline constexpr int64_t kMaxVocab = int64_t{1} << 22;

/// Reads the text of a tokenizer.json of a byte-level BPE. Throws Error{input} naming the member that is missing, wrong or
/// of a kind that loam does not read; `where` names the text's origin.
TokenizerParts parts_from_text(std::string_view text, std::string_view where);

/// Loads in Hugging Face's libraries as it is.
Json parts_to_json(const TokenizerParts& parts);

/// tokenizer_config.json for tokenizers of our own making: end-of-text as EOS, BOS and padding, and a chat template.
Json own_config(const Tokenizer& tokenizer);

/// Writes both files (by temporary file and rename).
void save_tokenizer(const Tokenizer& tokenizer, const std::filesystem::path& folder);

/// GPT-2's printable form of bytes, one character a byte ("Ġ" for a space), and back; none if `text` is not such a form.
std::string bytes_to_printable(std::string_view bytes);
std::optional<std::string> printable_to_bytes(std::string_view text);

}  // namespace loam
