// What a model says to fixed prompts, so that two forms of it can be compared number by number.
//
//   const std::vector<std::vector<int32_t>> prompts = probe_prompts(tokenizer, config.context);
//   const Agreement found = compare(answers_of(one, prompts), answers_of(other, prompts));
//   if (found.in_spreads() > allowed) ...
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "loam/base/json.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// Prose, code, numbers, other scripts, white space, a dialogue.
const std::vector<std::string>& probe_texts();

/// The texts as ids, each cut to at most 48 and to the context; what stands before a text there (a BOS) comes first.
std::vector<std::vector<int32_t>> probe_prompts(const Tokenizer& tokenizer, int64_t context);

/// Of one form of a model.
struct Answers {
  int64_t vocab = 0;                          ///< V; of a classifier its labels
  std::vector<std::vector<float>> logits;     ///< after each token of each prompt, (T, V); of a classifier after the last
  std::vector<std::vector<int32_t>> greedy;   ///< most likely continuations, 16 tokens each; none of a classifier
};

/// Throws Error{input} where a logit is no number (which prompt).
Answers answers_of(Transformer& model, const std::vector<std::vector<int32_t>>& prompts);

struct Agreement {
  double largest = 0;        ///< difference of two logits
  double rms = 0;            ///< root of the mean square of all differences
  double spread = 0;         ///< standard deviation of the first form's logits at one position, on average
  int64_t positions = 0;     ///< tokens of all prompts
  int64_t same_first = 0;    ///< positions with the same most likely token
  int64_t greedy_tokens = 0, same_greedy = 0;  ///< of the continuations; equal ones up to the first that differs
  double rms_in_spreads() const { return spread > 0 ? rms / spread : rms > 0 ? 1e9 : 0; }
  double in_spreads() const { return spread > 0 ? largest / spread : largest > 0 ? 1e9 : 0; }
};
/// Of the same prompts. Compared over the ids that both have.
Agreement compare(const Answers& a, const Answers& b);

/// {"largest_logit_difference", "logit_spread", "greedy_agreement", ...}.
Json to_json(const Agreement& found);
/// "largest logit difference 0.0123 (0.4 % of their spread), same first choice at 215 of 215 positions, ...".
std::string to_text(const Agreement& found);

}  // namespace loam
