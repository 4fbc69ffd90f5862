#include "loam/infer/prompt.h"

namespace loam {

Prompt encode_prompt(const Tokenizer& tokenizer, std::string_view text, bool heal) {
  Prompt prompt;
  const std::string_view space = " ";
  prompt.ids = tokenizer.prefix_ids();
  const size_t prefix = prompt.ids.size();
  tokenizer.encode(text, prompt.ids);
  if (heal && prompt.ids.size() > prefix && !tokenizer.is_special(prompt.ids.back()) &&
      tokenizer.bytes(prompt.ids.back()) == space) {
    for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
      if (tokenizer.has(id) && !tokenizer.is_special(id) && tokenizer.bytes(id).starts_with(space))
        prompt.first.push_back(id);
    }
    if (prompt.first.size() > 1) {
      prompt.ids.pop_back();
      prompt.healed = space;
    } else {
      prompt.first.clear();  // no token holds a space and more: nothing to heal
    }
  }
  if (prompt.ids.empty()) prompt.ids.push_back(tokenizer.eot_id());  // what a document begins with
  return prompt;
}

}  // namespace loam
