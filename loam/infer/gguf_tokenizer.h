// The tokenizer inside a GGUF file, in and out.
#pragma once

#include "loam/formats/gguf.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// tokenizer.ggml.*: the models "gpt2" (byte-level BPE, whose pre-tokenizer `pre` is known by name) and "llama"
/// (SentencePiece's BPE), with special tokens, BOS rule and chat template. Throws Error{input} naming what is missing or
/// of another kind.
TokenizerParts parts_from_gguf(const GgufFile& file);

/// Appends tokenizer.ggml.* and tokenizer.chat_template. `vocab`: rows of the token table; ids without a token get one
/// that nothing gives. `stops`: the ids that end a text or an answer, which GGUF has three names for. Throws Error{input} where the form cannot hold the tokenizer: a pattern that has no name there.
void add_tokenizer_metadata(GgufMetadata& metadata, const Tokenizer& tokenizer, int64_t vocab, const std::vector<int64_t>& stops);

}  // namespace loam
