// A language model that answers in dialogues: chat template, session and sampler in one.
//
//   OpenedModel open = open_for_answers(folder);
//   Answerer model(*open.model, open.tokenizer, open.ends);
//   std::string text = model.answer({{"user", "Translate to French: Open the file."}}, {.max_tokens = 64});
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "loam/infer/sampler.h"
#include "loam/infer/session.h"
#include "loam/text/chat_template.h"

namespace loam {

struct AnswerSettings {
  int64_t max_tokens = 256;
  SampleSettings sampling = {};
  bool stoppable = true;  ///< leaves on Ctrl-C with Error{interrupted}; off where the caller has state to save first
};

/// Answers one dialogue at a time. What a dialogue shares with the one before is not read again.
class Answerer {
 public:
  /// The model must outlive it. `ends`: ids that end an answer or a text, beside the chat template's and end-of-text.
  Answerer(Transformer& model, Tokenizer tokenizer, std::vector<int32_t> ends = {});

  /// The assistant's next turn, without the token that ends it. `each` sees the text as it comes, in whole characters.
  /// A dialogue longer than the model's context loses its beginning. Throws Error{interrupted} on Ctrl-C.
  std::string answer(const std::vector<ChatMessage>& messages, const AnswerSettings& settings, const std::function<void(std::string_view)>& each = {});
  /// A continuation of a text, ended by a stop text (left out) if there are any.
  std::string complete(std::string_view prompt, const AnswerSettings& settings, const std::vector<std::string>& stops = {});
  /// Tokens given by the last call, and whether it ended by itself rather than at max_tokens.
  int64_t tokens() const { return tokens_; }
  bool ended() const { return ended_; }
  const ChatTemplate& chat() const { return chat_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  std::string run(const std::vector<int32_t>& prompt, const AnswerSettings& settings, const std::vector<int32_t>& stop_ids,
                  const std::vector<std::string>& stops, const std::function<void(std::string_view)>& each);
  Transformer& model_;
  Tokenizer tokenizer_;
  ChatTemplate chat_;
  std::vector<int32_t> ends_;
  std::unique_ptr<Session> session_;
  std::vector<int32_t> read_;  ///< what the session holds
  int64_t tokens_ = 0;
  bool ended_ = false;
};

}  // namespace loam
