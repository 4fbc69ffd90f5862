// Rules that decide whether a text is worth learning from, in named sets.
//
//   const Preset preset = preset_named("clean");
//   if (const auto verdict = judge(text, preset)) drop(verdict->reason, verdict->value, verdict->threshold);
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

/// none: text as read. dedup: that, each text once. clean: tidied, gentle rules that running text of any length above a
/// few words passes. gopher: tidied, the quality and repetition rules of Rae et al. 2021 (2112.11446, A.1.1, Table A1).
enum class RuleSet { none, dedup, clean, gopher };

struct Preset {
  std::string name;
  RuleSet rules = RuleSet::clean;
  bool tidies() const { return rules >= RuleSet::clean; }
  bool deduplicates() const { return rules >= RuleSet::dedup; }
};

/// Throws Error{usage} with the nearest name.
Preset preset_named(const std::string& name);

struct RuleHelp {
  const char* reason;
  std::string says;  ///< what passes, with the threshold
};
/// The rules of a preset in the order they are tried.
std::vector<RuleHelp> rules_of(const Preset& preset);

/// Why a text is left out: the first rule it breaks.
struct Verdict {
  std::string reason;
  double value = 0, threshold = 0;
};
std::optional<Verdict> judge(std::string_view text, const Preset& preset);

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
