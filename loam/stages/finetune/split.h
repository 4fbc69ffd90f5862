// Rows to learn from, rows to choose by, rows to be judged by: a stratified split that duplicates never cross.
//
//   std::vector<SplitRow> rows = {{mail.text, mail.label}, ...};
//   Split split = make_split(rows, {.validation = 0.1, .test = 0.1, .seed = 1234});
//   if (split.parts[i] == Part::test) ...
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

enum class Part : uint8_t { train, validation, test };
const char* part_name(Part part);  ///< "train", "validation", "test"

struct SplitRow {
  std::string_view text;   ///< what must not stand on both sides
  std::string_view label;  ///< what the parts have in the same shares; "" for all: no strata
};

struct SplitConfig {
  double validation = 0.1, test = 0.1;  ///< shares of the rows of each label
  uint64_t seed = 1234;
  double near_duplicate = 0.8;          ///< Jaccard similarity of word triples from which two texts count as one; above 1: only equal ones
};

struct Split {
  std::vector<Part> parts;      ///< of each row
  std::vector<int32_t> group;   ///< of each row: the first row that is its (near) duplicate, or itself
  int64_t duplicates = 0;       ///< rows that are not the first of their group
  int64_t contradictions = 0;   ///< groups whose rows have different labels
  int64_t count(Part part) const;
};

/// Groups of duplicates are dealt out whole, label by label, in an order that depends on the seed and the texts alone
/// (adding rows elsewhere in the file moves none). A label with three groups or more has at least one in each part asked
/// for; a group too large for what a part still needs goes to training.
Split make_split(std::span<const SplitRow> rows, const SplitConfig& config);

/// For each text the first one that equals it or nearly does. Texts are compared by their words: case, punctuation and
/// the digits of numbers do not count. MinHash finds candidates (Broder 1997; 16 bands of 8), which are then compared.
std::vector<int32_t> duplicate_groups(std::span<const std::string_view> texts, double near_duplicate);

}  // namespace loam
