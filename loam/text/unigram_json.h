// Unigram models in tokenizer.json: T5's, XLM-R's and their kin.
#pragma once

#include "loam/text/tokenizer.h"

namespace loam {

/// Reads normalizer, pre_tokenizer and model of a tokenizer.json whose model is a Unigram into `parts`, which holds its
/// added tokens already. Throws Error{input} naming what is missing, wrong or of a kind that loam does not read.
void read_unigram(const Json& json, TokenizerParts& parts);

/// The other way: sets "normalizer", "pre_tokenizer", "decoder" and "model".
void write_unigram(const TokenizerParts& parts, Json& json);

}  // namespace loam
