// A classifier that reads text: tokenizer, model and labels in one.
//
//   TextClassifier spam(open_folder);                                // "runs/quickstart/spam"
//   auto p = spam.classify({mail});                                  // p[0][k]: probability of spam.labels()[k]
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "loam/infer/open.h"
#include "loam/model/packing.h"
#include "loam/model/transformer.h"
#include "loam/text/tokenizer.h"

namespace loam {

/// A text as the ids a classifier sees: the tokenizer's prefix, then the text, at most `limit` ids; what is over is left
/// out at the end, or at the start unless `keep_start`. A text without any token is the end-of-text token.
std::vector<int32_t> classifier_ids(const Tokenizer& tokenizer, std::string_view text, int64_t limit, bool keep_start, bool* cut = nullptr);

/// Probabilities of the model's labels for each row of ids (1 to context of them), read at the last one. Rows share
/// sequences without seeing each other; at most `places` positions go through the model at once.
std::vector<std::vector<float>> label_scores(Transformer& model, std::span<const TokenRow> rows, int64_t places);

class TextClassifier {
 public:
  /// A model folder with id2label. Throws Error{input} if it is a language model.
  explicit TextClassifier(const std::filesystem::path& folder);
  const std::vector<std::string>& labels() const { return model_->config().labels; }
  /// Probabilities of the labels, for each text.
  std::vector<std::vector<float>> classify(std::span<const std::string> texts);
  int64_t limit() const { return limit_; }            ///< tokens of a text that are read
  bool keeps_start() const { return keep_start_; }    ///< which end of a longer one
  int64_t cut() const { return cut_; }                ///< texts that were longer, so far
  Transformer& model() { return *model_; }
  const Tokenizer& tokenizer() const { return tokenizer_; }

 private:
  TextClassifier(OpenedModel open, const std::filesystem::path& folder);
  std::unique_ptr<Transformer> model_;
  Tokenizer tokenizer_;
  int64_t limit_ = 0, cut_ = 0;
  bool keep_start_ = true;
};

}  // namespace loam
