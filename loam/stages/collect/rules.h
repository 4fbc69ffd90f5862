// Rules that decide whether a text is worth learning from, in named sets.
//
//   const Preset preset = preset_named("gopher-repetition+gopher/datatrove", {"gopher_short_doc=20"});
//   if (const auto verdict = judge(text, preset)) drop(verdict->reason, verdict->value, verdict->threshold);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loam/stages/collect/limits.h"

namespace loam {

enum class RuleSet { clean, gopher_quality, gopher_repetition, c4, c4_any_end, fineweb, fineweb_paper, refinedweb };

/// none: text as read. dedup: that, each text once. clean: tidied, gentle rules that running text of any length above a
/// few words passes. gopher: tidied, the repetition and quality rules of Rae et al. 2021.
/// By their programs' names, on the text as read: gopher/datatrove (its quality filter), gopher-repetition, c4 (also takes
/// lines out), fineweb/code and fineweb/paper (FineWeb's own filters with the published program's and the paper's limits),
/// fineweb (gopher-repetition, gopher/datatrove, c4 without the rule on line ends, fineweb/code, in this order), refinedweb
/// (DCLM's: also takes lines out).
struct Preset {
  std::string name;
  std::vector<RuleSet> steps;
  Limits limits;
  bool tidies = false, deduplicates = true;
};

/// A name, or several joined by "+"; `limits` are REASON=VALUE. Throws Error{usage} with the nearest name.
Preset preset_named(const std::string& name, const std::vector<std::string>& limits = {});

struct RuleHelp {
  const char* reason;
  std::string says;  ///< what passes, with the limit
};
/// The rules of a preset in the order they are tried.
std::vector<RuleHelp> rules_of(const Preset& preset);

/// The first rule that the text breaks; none if it stays, perhaps without some of its lines.
std::optional<Verdict> judge(std::string& text, const Preset& preset);

/// Control characters but for tabs and line ends go, as do spaces at line ends, empty lines beyond one in a row, and
/// empty lines at both ends.
std::string tidied(std::string_view text);

/// What two texts are compared by: their words, that is the bytes between white space.
struct TextKey {
  uint64_t high = 0, low = 0;
  bool operator==(const TextKey&) const = default;
};
TextKey key_of(std::string_view text);

}  // namespace loam
