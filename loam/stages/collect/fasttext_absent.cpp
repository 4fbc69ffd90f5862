#ifndef LOAM_FASTTEXT
#include "loam/base/error.h"
#include "loam/stages/collect/fasttext_model.h"

namespace loam {

struct FastTextModel::Model {};

FastTextModel::FastTextModel(const std::string& file) {
  fail(ErrorKind::usage, "--language-model ", file, ": this program was built without libfasttext; \"cld2\" finds languages without a file");
}
FastTextModel::~FastTextModel() = default;
FastTextModel::Label FastTextModel::best(std::string_view) const { return {}; }

}  // namespace loam
#endif
