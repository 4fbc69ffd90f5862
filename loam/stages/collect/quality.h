// A classifier of our own for the quality of texts: a logistic regression over their words and pairs of words.
//
//   const QualityModel model = QualityModel::load("quality");
//   if (model.score(text) < 0.5) leave_out();
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// What of a text counts: the first words of it, and how many buckets they are hashed into.
struct QualityFeatures {
  int64_t words = 500;   ///< of the text's beginning
  int64_t bits = 20;     ///< 2^bits buckets, 8 to 24
};

/// The buckets of a text's words and pairs of neighbours, in order, each once. Words are runs of letters, numbers and marks
/// in lower case, digits all alike; an ideograph or kana is a word of its own. No more than the first 64 KiB are looked at.
void quality_features(std::string_view text, const QualityFeatures& how, std::vector<uint32_t>& out);

class QualityModel {
 public:
  QualityModel(const QualityFeatures& how, std::vector<float> weights, double bias) : how_(how), weights_(std::move(weights)), bias_(bias) {}
  /// A folder written by `loam quality train`, or its quality.bin. Throws Error{input}.
  static QualityModel load(const std::filesystem::path& path);
  /// quality.bin: "LOAMQUAL", format, bits and words as int64, the bias as double, 2^bits weights as float; little-endian.
  std::string bytes() const;

  /// The chance that the text is of the good kind, in [0, 1], where both kinds are equally frequent. Safe on any thread.
  double score(std::string_view text) const;
  double score_features(const std::vector<uint32_t>& features) const;
  const QualityFeatures& how() const { return how_; }

 private:
  QualityFeatures how_;
  std::vector<float> weights_;
  double bias_;
};

/// GPT-3's draw for a document (Brown et al. 2020, appendix A): np.random.pareto(alpha), here by its id, so that each run draws
/// the same. The document stays if this is above 1 - score.
double pareto_draw(std::string_view id, double alpha);

}  // namespace loam
