// How much of each source is trained on: weights asked for, tokens there are, and what follows.
//
//   const Mixture mix = parse_mixture({"books=0.3", "web=0.7"});
//   const std::vector<SourceShare> plan = plan_mixture(mix, sources, budget, 4);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace loam {

/// Weights by source name, as asked for; empty: each source once.
struct Mixture {
  struct Part {
    std::string name;
    double weight = 0;  ///< not negative; only the ratios matter
    double tokens = 0;  ///< of a preset: how many its source held; 0 otherwise
  };
  std::vector<Part> parts;
};

/// "NAME=WEIGHT" texts, several in one with commas, or the name of a preset. Throws Error{usage}: no number, a name twice,
/// all weights zero, an unknown preset (the known ones are listed).
Mixture parse_mixture(const std::vector<std::string>& texts);

/// Presets by name. "gpt3": the five sources of Brown et al. 2020 (arXiv 2005.14165), table 2.2, with its weights (they
/// sum to 101 %) and tokens.
const std::vector<std::string>& mixture_presets();
Mixture mixture_preset(const std::string& name);

/// A source in the plan.
struct SourceShare {
  std::string name;
  int64_t available = 0;    ///< training tokens it holds, end-of-text tokens included
  double weight = 0;        ///< asked for, of 1; without a mixture its natural share
  int64_t target = 0;       ///< tokens to write
  double epochs() const { return available > 0 ? static_cast<double>(target) / static_cast<double>(available) : 0; }
};

/// Fills weight and target of `sources` (name and available are given).
/// No mixture, no budget: each source once. A budget: weight times budget, written again where a source has less, its
/// first part where it has more. A mixture without a budget: as many tokens as its sources hold, fewer if one of them
/// would then be written more than `max_epochs` times; the weights hold exactly.
/// Throws Error{usage} if the mixture names a source that is not there, or one without a token.
void plan_mixture(const Mixture& mixture, std::optional<int64_t> budget, double max_epochs, std::vector<SourceShare>& sources);

}  // namespace loam
