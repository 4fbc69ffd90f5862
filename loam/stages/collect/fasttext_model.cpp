#ifdef LOAM_FASTTEXT  // set by CMake where the library is there; fasttext_absent.cpp answers otherwise
#include "loam/stages/collect/fasttext_model.h"

#include <fasttext/fasttext.h>

#include <filesystem>
#include <sstream>

#include "loam/base/error.h"

namespace loam {

struct FastTextModel::Model {
  fasttext::FastText classifier;
};

FastTextModel::FastTextModel(const std::string& file) : model_(std::make_unique<Model>()) {
  require_input(std::filesystem::is_regular_file(file), "--language-model: there is no file ", file, "; wanted cld2, none or a fastText model");
  try {
    model_->classifier.loadModel(file);
  } catch (const std::exception& e) {
    fail(ErrorKind::input, file, " is no fastText model: ", e.what());
  }
}

FastTextModel::~FastTextModel() = default;

FastTextModel::Label FastTextModel::best(std::string_view text) const {
  std::string line(text);
  for (char& c : line) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  line += '\n';
  std::istringstream in(line);
  std::vector<std::pair<fasttext::real, std::string>> found;
  model_->classifier.predictLine(in, found, 1, 0);
  if (found.empty()) return {};
  constexpr std::string_view kMark = "__label__";
  std::string name = found[0].second;
  if (name.starts_with(kMark)) name.erase(0, kMark.size());
  return {name, std::min(1.0, static_cast<double>(found[0].first))};
}

}  // namespace loam
#endif
