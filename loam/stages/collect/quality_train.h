// quality train: good texts and bad ones to a classifier that `collect --quality` scores documents with.
//
//   const QualityTrained made = train_quality({.good = {"wiki/"}, .bad = {"crawl.warc.gz"}}, "quality", false, progress);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/progress.h"

namespace loam {

struct QualityConfig {
  std::vector<std::string> good, bad;
  int64_t examples = 50000, words = 500, bits = 20, epochs = 5;
  double rate = 0.5, held_out = 0.1;
  std::string text_column, format;

  static void fields(auto&& f) {
    f("good", &QualityConfig::good, "texts as they should be: files, folders, corpora; may be given again");
    f("bad", &QualityConfig::bad, "texts as they come: the same; may be given again");
    f("examples", &QualityConfig::examples, "documents of each kind to learn from at most, chosen by a hash of their ids (about 4 bytes of memory for each word and pair in them)");
    f("words", &QualityConfig::words, "words of a document that count, from its beginning");
    f("bits", &QualityConfig::bits, "words and pairs are hashed to 2^BITS weights");
    f("epochs", &QualityConfig::epochs, "passes over the examples");
    f("rate", &QualityConfig::rate, "step size (AdaGrad)");
    f("held_out", &QualityConfig::held_out, "share of the examples kept for the scores that are told");
    f("text_column", &QualityConfig::text_column, "where tables and JSON rows have their text; found by its name if not given");
    f("format", &QualityConfig::format, "read every file as, see collect; found out if not given");
  }
  void validate() const;  ///< throws Error{usage}
};

/// On the examples that were held out; none where there were none of both kinds.
struct QualityScores {
  double accuracy = 0;                       ///< at 0.5, both kinds weighing the same
  double auc = 0;                            ///< chance that a good text has a higher score than a bad one
  double good_mean = 0, bad_mean = 0;        ///< of the scores
  double good_kept = 0, bad_kept = 0;        ///< shares that GPT-3's sampling (alpha 9) keeps, expected
};

struct QualityTrained {
  Artifact made;
  int64_t good = 0, bad = 0;                 ///< examples learned from
  int64_t good_held_out = 0, bad_held_out = 0;
  std::optional<QualityScores> scores;
};

/// A folder of kind "quality" with quality.bin. The bytes depend on the files and settings alone. Throws Error{input} if a side
/// has no text, Error{usage}, Error{io}, Error{interrupted} (nothing is kept: it takes minutes).
QualityTrained train_quality(const QualityConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

}  // namespace loam
