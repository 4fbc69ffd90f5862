// A text to be continued, as the tokens a model should see.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "loam/text/tokenizer.h"

namespace loam {

struct Prompt {
  std::vector<int32_t> ids;    ///< never empty
  std::vector<int32_t> first;  ///< what the first drawn token must be one of; empty: any
  std::string healed;          ///< the end of the text that `ids` leaves out: every token of `first` begins with it
};

/// The tokens of a prompt, after the prefix the tokenizer's makers ask for; the end-of-text token where there are none.
///
/// With `heal` a last space that became a token of its own is left to the model ("token healing"). In training text a
/// space belongs to the word it precedes, so that after "The" and " " hardly anything but digits was ever seen; the
/// continuation is drawn from the tokens that begin with the space instead, which is the model's distribution of texts
/// that begin with the prompt. Other prompts are left alone.
Prompt encode_prompt(const Tokenizer& tokenizer, std::string_view text, bool heal);

}  // namespace loam
