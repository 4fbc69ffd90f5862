// A model behind an OpenAI-style address (llama-server, vLLM, Ollama, loam serve): what it goes on with after a text.
//
//   RemoteModel there("http://127.0.0.1:8080/v1", "");
//   RemoteText text = there.continue_text("Once upon a time", 16);
#pragma once

#include <string>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct RemoteText {
  std::string text;
  std::vector<double> logprobs;  ///< natural, of each token given; empty where the server tells none
};

/// Is it an address rather than a file? http:// or https://
bool is_address(const std::string& path);

class RemoteModel {
 public:
  /// `address`: the server, with or without /v1; `#NAME` behind it picks a model, else it is the first of /v1/models.
  /// $OPENAI_API_KEY, where set, goes along. Throws Error{device} if it cannot be reached, Error{input} if it answers in
  /// another form.
  explicit RemoteModel(const std::string& address);
  /// The most likely continuation. Throws as the constructor does.
  RemoteText continue_text(const std::string& prompt, int64_t tokens) const;
  const std::string& model() const { return model_; }
  const std::string& address() const { return address_; }

 private:
  Json ask(const std::string& path, const Json* body) const;
  std::string address_, model_;
};

/// choices[0] of a completion: text and token log probabilities, in the form of OpenAI's completions or of its chats
/// (which llama-server uses for both). Throws Error{input}.
RemoteText completion_from_json(const Json& answer);

}  // namespace loam
