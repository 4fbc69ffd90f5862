// A fastText classifier, where the program is built with libfasttext (fasttext_model.cpp); else it says so
// (fasttext_absent.cpp).
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace loam {

class FastTextModel {
 public:
  struct Label {
    std::string name;  ///< without "__label__"; "": the model gives none
    double probability = 0;
  };
  /// Throws Error{input} if the file is no model, Error{usage} if the program was built without fastText.
  explicit FastTextModel(const std::string& file);
  ~FastTextModel();
  /// The likeliest label of the text as one line. Safe on any thread.
  Label best(std::string_view text) const;

 private:
  struct Model;
  std::unique_ptr<Model> model_;
};

}  // namespace loam
