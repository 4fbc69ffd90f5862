#include "loam/stages/collect/language.h"

#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

#include "loam/formats/utf8.h"
#include "loam/stages/collect/fasttext_model.h"

namespace loam {
namespace {

constexpr int64_t kReadBytes = 64 << 10;

}  // namespace

struct LanguageFinder::Model {
  explicit Model(const std::string& file) : fasttext(file) {}
  FastTextModel fasttext;
};

LanguageFinder::LanguageFinder(const std::string& model) : finds_(model != "none") {
  if (finds_ && model != "cld2") model_ = std::make_unique<Model>(model);
}

LanguageFinder::~LanguageFinder() = default;

Guess LanguageFinder::of(std::string_view text) const {
  Guess guess;
  text = utf8_prefix(text, kReadBytes);
  if (!finds_ || text.empty()) return guess;
  if (model_) {
    const FastTextModel::Label label = model_->fasttext.best(text);
    if (!label.name.empty()) guess = {label.name, label.probability};
    return guess;
  }
  const CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
  CLD2::Language languages[3];
  int percents[3] = {}, bytes = 0;
  double scores[3] = {};
  bool reliable = false;
  CLD2::ExtDetectLanguageSummary(text.data(), static_cast<int>(text.size()), /*is_plain_text=*/true, &hints, /*flags=*/0, languages, percents, scores, nullptr, &bytes, &reliable);
  if (languages[0] == CLD2::UNKNOWN_LANGUAGE) return guess;
  guess.code = CLD2::LanguageCode(languages[0]);
  guess.share = percents[0] / 100.0;
  return guess;
}

}  // namespace loam
