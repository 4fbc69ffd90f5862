// What language a text is in: CLD2's tables, which are part of the program, or a fastText model.
//
//   const LanguageFinder finder("cld2");
//   if (const Guess guess = finder.of(text); guess.code == "en") ...
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace loam {

struct Guess {
  std::string code = "un";  ///< ISO 639-1 where there is one, CLD2's or the model's name otherwise; "un": none is likely
  double share = 0;         ///< of the text that is in it (CLD2), or its probability (fastText); 0 to 1
};

class LanguageFinder {
 public:
  /// "cld2", "none", or the path of a fastText model (.bin or .ftz) whose labels are __label__CODE.
  /// Throws Error{input} if the model cannot be read, Error{usage} if this program was built without fastText.
  explicit LanguageFinder(const std::string& model);
  ~LanguageFinder();
  bool finds() const { return finds_; }
  /// By the text's first 64 KiB. Safe on any thread.
  Guess of(std::string_view text) const;

 private:
  struct Model;
  bool finds_ = true;
  std::unique_ptr<Model> model_;
};

}  // namespace loam
