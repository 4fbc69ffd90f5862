// The parts of reading wiki markup that look at marks alone: what is hidden, which bracket ends where, character
// references. For wikitext.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

inline constexpr std::string_view kBlanks = " \t\n";  ///< white space of markup

/// Without comments and what has no text (references, galleries...). What <nowiki>, code and formulas hold is set aside as
/// literal characters, which with_literals() brings back.
std::string without_hidden(std::string_view text);
std::string with_literals(const std::string& text);

/// &nbsp; and the like. Names that stand in articles again and again; the rest as they are.
std::string without_references(std::string_view text);

enum class Bracket : uint8_t { none, parameter, template_, link, table };

/// Which bracket opens where, and where it ends: one pass, before anything is taken apart.
struct Brackets {
  std::vector<Bracket> kinds;
  std::vector<uint32_t> ends;  ///< of the closing bracket's first character

  explicit Brackets(std::string_view s);  ///< text of less than 2^32 bytes
};

}  // namespace loam
