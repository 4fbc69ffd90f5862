// GNU gettext catalogues: .po (text) and .mo (compiled), as pairs of source text and translation.
//
//   for (const auto& pair : read_mo(read_file(file)).pairs) use(pair.source, pair.target);
//
// Sources: GNU gettext manual, "The Format of PO Files" and "The Format of GNU MO Files".
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace loam {

struct GettextPair {
  std::string source, target;  ///< UTF-8; the singular form where there are several. target "": not translated
  std::string context;         ///< msgctxt, "" if none
  std::string source_plural;   ///< msgid_plural, "" if none
  std::vector<std::string> targets;  ///< all plural forms of the translation, if there is more than one
};

struct GettextCatalogue {
  std::map<std::string, std::string> header;  ///< "Language", "Content-Type"..., of the entry whose source is empty
  std::string language;                       ///< header["Language"], "" if it tells none
  std::vector<GettextPair> pairs;             ///< in the file's order; the header is none of them
  int64_t fuzzy = 0;                          ///< .po entries marked fuzzy (guesses of a program), left out
};

/// `bytes` is a whole .mo file, of either byte order. Throws Error{input} with the place if it is none or is cut off.
GettextCatalogue read_mo(std::string_view bytes);

/// `text` is a whole .po or .pot file in the charset its header names. Obsolete (#~) and fuzzy entries are left out.
/// Throws Error{input} with the line if it is none.
GettextCatalogue read_po(std::string_view text);

}  // namespace loam
