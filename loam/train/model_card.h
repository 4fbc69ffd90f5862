// README.md of a model's folder: what it is, its data, training, scores and limits, in the form Hugging Face's site reads.
// It holds no times and no paths of one machine: its bytes are promised.
//
//   ModelCard card{"A classifier of texts", "text-classification", "Reads a text and ...", "loam classify FOLDER mail.txt"};
//   card.data = "4,836 rows ...";
//   write_model_files(out, model, tokenizer, card.text());
#pragma once

#include <string>
#include <string_view>

namespace loam {

struct ModelCard {
  std::string title;
  std::string task;      ///< Hugging Face's name: text-generation, text-classification
  std::string about;     ///< one paragraph
  std::string command;   ///< how to use it; FOLDER stands for the model's
  std::string model = {}, data = {}, training = {}, scores = {}, limits = {};  ///< Markdown; a section left "" is not written

  std::string text() const;
};

/// A label or a source's name inside a Markdown table or line: '|' and what Markdown reads with a backslash, line ends as spaces.
std::string card_cell(std::string_view text);

}  // namespace loam
