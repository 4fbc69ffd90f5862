// Published training mixtures: how much of each source large models were trained on.
//
//   const MixturePreset* preset = find_mixture("gpt3");
//   std::vector<MixtureRow> rows = mixture_rows(*preset, 300e9);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "loam/base/json.h"

namespace loam {

struct MixtureSource {
  const char* name;
  double tokens;         ///< the source's size
  double weight;         ///< share of the training tokens, as published
  double paper_epochs;   ///< how often the publication says it was read; 0: it does not
};

struct MixturePreset {
  const char* name;
  const char* title;
  double paper_tokens;   ///< the training's length that paper_epochs belong to
  std::vector<MixtureSource> sources;
  std::vector<const char*> notes;

  double weight_sum() const;
};

const std::vector<MixturePreset>& published_mixtures();
/// By name; throws Error{usage} with the nearest one if there is none.
const MixturePreset& find_mixture(std::string_view name);

/// A source's part in a training of some length. Epochs follow from the weights, divided by their sum.
struct MixtureRow {
  const MixtureSource* source;
  double share, drawn_tokens, epochs;
};
std::vector<MixtureRow> mixture_rows(const MixturePreset& preset, double tokens);

/// {"preset", "tokens", "mixture": [{"name", "tokens", "weight", "epochs", "share", "drawn_tokens", "paper_epochs"}], "notes"}
Json mixture_json(const MixturePreset& preset, double tokens);
std::vector<std::string> mixture_lines(const MixturePreset& preset, double tokens);

}  // namespace loam
