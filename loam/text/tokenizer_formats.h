// Other programs' tokenizer files: GPT-2's vocabulary and merges, and tiktoken's ranks.
#pragma once

#include <string>
#include <string_view>

#include "loam/text/tokenizer.h"

namespace loam {

/// vocab.json (encoder.json): token in printable form -> id; merges.txt (vocab.bpe): a pair a line, in order, perhaps with
/// a first line "#version". <|endoftext|>, where the vocabulary has it, becomes a special token; the pattern is GPT-2's.
/// Throws Error{input} naming the place.
TokenizerParts parts_from_gpt2(std::string_view vocab_json, std::string_view merges_txt);

/// .tiktoken: base64 of a token's bytes and its rank, a line each. The file says neither the pattern nor the special
/// tokens: those of OpenAI's encodings and of Llama 3 are known by pattern and number of ranks; any other gets
/// <|endoftext|> behind its last rank. Throws Error{input} naming the line.
TokenizerParts parts_from_tiktoken(std::string_view text, const std::string& pattern);

/// The same files written. Throw Error{input} where the form cannot say what the tokenizer does: a merge order that is not
/// the order of ids (tiktoken), another pattern than GPT-2's (gpt2).
std::string tiktoken_text(const TokenizerParts& parts);
struct Gpt2Files {
  std::string vocab_json, merges_txt;
};
Gpt2Files gpt2_files(const TokenizerParts& parts);

/// Does a text look like lines of base64 and rank?
bool looks_like_tiktoken(std::string_view text);

}  // namespace loam
