// Parallel text to rows that teach a model to translate: the same pages in two languages, joined on their paragraphs'
// ids, and gettext catalogues.
//
//   PairsConfig config;
//   config.left = {"help/en-US"};  config.right = {"help/fr"};  config.catalogue = {"fr.mo"};
//   Artifact pairs = make_pairs(config, "runs/mine/pairs", /*force=*/false, progress);   // train.jsonl, held-out.jsonl
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/artifacts/manifest.h"
#include "loam/base/error.h"
#include "loam/base/progress.h"

namespace loam {

struct PairsConfig {
  std::vector<std::string> left, right, catalogue;
  std::string id_prefix = "par_,hd_";
  std::string instruction = "Translate to French: {left}";
  int64_t min_chars = 2, max_chars = 160;
  double held_out = 0.03;
  static void fields(auto&& f) {
    f("left", &PairsConfig::left, "folder of HTML pages in the first language; several are joined in order with --right");
    f("right", &PairsConfig::right, "folder with the same pages in the second language");
    f("catalogue", &PairsConfig::catalogue, "gettext catalogue, .mo or .po: its source text is the first language");
    f("id_prefix", &PairsConfig::id_prefix, "how the ids of paragraphs that belong together begin; several with commas");
    f("instruction", &PairsConfig::instruction, "what the model is asked; {left} stands for the text");
    f("min_chars", &PairsConfig::min_chars, "shortest text of a pair, in characters");
    f("max_chars", &PairsConfig::max_chars, "longest text of a pair, in characters");
    f("held_out", &PairsConfig::held_out, "fraction of the pairs kept out of training, for the score");
  }
  void validate() const;
};

/// Rows {"instruction", "input": "", "output", "id"} in train.jsonl and held-out.jsonl, in the order of the sources.
/// A text that comes again is left out, and pairs that share either side's text are on one side of the split.
/// Same inputs and settings: same bytes. Throws Error{input} for folders without common pages and broken catalogues,
/// Error{usage} for settings that name nothing to read.
Artifact make_pairs(const PairsConfig& config, const std::filesystem::path& out, bool force, Progress& progress);

/// One side of a pair as it is compared and written: white space as single spaces, a menu's accelerator marks (_File,
/// &File) taken out.
std::string pair_text(std::string_view raw, bool from_catalogue);

/// Why a pair is no use for learning to translate; none if it is of use: "empty", "short", "long", "untranslated"
/// (both sides equal), "markup" (format codes, tags), "uneven" (lengths that cannot be translations), "letters".
std::optional<std::string> pair_fault(const std::string& left, const std::string& right, const PairsConfig& config);

}  // namespace loam
