// One sequence being continued: the model, its cache, the next token's logits.
//
//   Session session(model);
//   session.feed(prompt_ids);
//   while (...) { int32_t id = sampler.draw(session.logits()); session.feed({&id, 1}); }
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "loam/infer/sampler.h"
#include "loam/model/transformer.h"

namespace loam {

class Session {
 public:
  /// The model must outlive the session; two sessions of one model take turns, not threads.
  explicit Session(Transformer& model);
  /// More tokens. Past the model's context the oldest half is forgotten and the rest read again. Throws Error{usage}
  /// for a token outside the vocabulary.
  void feed(std::span<const int32_t> ids);
  /// Of the token after all that was fed. (V)
  const std::vector<float>& logits() const { return logits_; }
  /// Forgets everything past the first `size` tokens, to try another continuation.
  void rewind(int64_t size);
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  bool forgot() const { return forgot_; }

 private:
  void read(std::span<const int32_t> ids);
  Transformer& model_;
  KvCache cache_;
  std::vector<int32_t> ids_;
  std::vector<float> logits_;
  Buffer device_logits_;
  bool forgot_ = false;
};

/// Feeds the prompt (not empty), then draws up to `max_tokens` more; `each` sees every token and may end it by
/// returning false. A token of `stops` ends it unseen. The first drawn is one of `first`, unless that is empty. Returns
/// the number of tokens drawn and seen.
int64_t generate(Session& session, std::span<const int32_t> prompt, int64_t max_tokens, const SampleSettings& settings,
                 std::span<const int32_t> stops, const std::function<bool(int32_t)>& each,
                 std::span<const int32_t> first = {});

/// Natural log probability of each token but the first, given what stands before it in its window; the first is NaN.
/// A text longer than the context goes in windows that share one token; with `stride` < context they overlap more and
/// only the last `stride` predictions of each count (all of the first window's). 0: the context.
std::vector<double> token_log_probs(Transformer& model, std::span<const int32_t> ids, int64_t stride = 0);

}  // namespace loam
