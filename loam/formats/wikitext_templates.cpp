#include "loam/formats/wikitext_templates.h"

#include <algorithm>
#include <array>

#include "loam/base/characters.h"
#include "loam/formats/wikitext_marks.h"

namespace loam {
namespace {

using namespace std::string_view_literals;

template <size_t N>
bool among(std::string_view name, const std::string_view (&list)[N]) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool numeric(std::string_view text) {
  bool digit = false;
  for (const char c : text) {
    if (c >= '0' && c <= '9') {
      digit = true;
    } else if (std::string_view(".,/+- eE").find(c) == std::string_view::npos && static_cast<unsigned char>(c) < 0x80) {
      return false;
    }
  }
  return digit;
}

/// {{convert|5|-|7|km|mi|abbr=on}}: the numbers as they stand, up to and with the first unit.
std::string converted(const WikiTemplate& t) {
  std::string out;
  bool range = false;
  for (size_t i = 1; i <= t.plain_count(); ++i) {
    const std::string value = t.plain(i);
    static constexpr std::pair<std::string_view, std::string_view> kRanges[] = {{"-", "–"}, {"–", "–"}, {"to", " to "}, {"and", " and "}, {"or", " or "}, {"x", " × "}, {"×", " × "}, {"by", " by "}, {"xx", " × "}, {"+/-", " ± "}, {"±", " ± "}, {"to(-)", " to "}, {"-,", "–"}, {"and(-)", " and "}, {"+", " + "}, {",", ", "}};
    const auto* joint = std::find_if(std::begin(kRanges), std::end(kRanges), [&](const auto& each) { return each.first == value; });
    if (i > 1 && joint != std::end(kRanges)) {
      out += joint->second;
      range = true;
      continue;
    }
    if (numeric(value)) {
      if (i > 1 && !range) break;  // how many digits to round to, without a unit
      out += grouped_number(value);
      range = false;
      continue;
    }
    static constexpr std::pair<std::string_view, std::string_view> kUnits[] = {{"sqmi", "square miles"}, {"sqkm", "square kilometres"}, {"km2", "km²"}, {"m2", "m²"}, {"m3", "m³"}, {"km3", "km³"}, {"cm2", "cm²"}, {"cm3", "cm³"}, {"sqft", "square feet"}, {"sqm", "m²"}, {"C", "°C"}, {"F", "°F"}, {"K", "K"}, {"ftin", "ft"}, {"USgal", "US gallons"}, {"impgal", "imperial gallons"}, {"lbf", "lbf"}, {"nmi", "nautical miles"}, {"acre", "acres"}, {"mi", "miles"}, {"ft", "feet"}, {"in", "inches"}, {"yd", "yards"}, {"lb", "pounds"}, {"oz", "ounces"}, {"kn", "knots"}};
    const auto* unit = std::find_if(std::begin(kUnits), std::end(kUnits), [&](const auto& each) { return each.first == value; });
    if (!value.empty()) out += " " + std::string(unit != std::end(kUnits) ? unit->second : std::string_view(value));
    break;
  }
  return out;
}

std::string date_text(const WikiTemplate& t, size_t first) {
  static constexpr std::string_view kMonths[] = {"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"};
  const std::string year = t.plain(first), month = t.plain(first + 1), day = t.plain(first + 2);
  if (month.empty()) return year;
  int m = 0;
  if (month.size() <= 2 && month.find_first_not_of("0123456789") == std::string::npos) m = std::stoi(month);
  const std::string name = m >= 1 && m <= 12 ? std::string(kMonths[m - 1]) : month;
  std::string d = day;
  if (d.size() == 2 && d[0] == '0') d.erase(0, 1);
  const bool plain_day = !d.empty() && d.size() <= 2 && d.find_first_not_of("0123456789") == std::string::npos;
  if (!plain_day) return name + " " + year;
  return t.named("df").starts_with("y") ? d + " " + name + " " + year : name + " " + d + ", " + year;
}

std::string list_text(const WikiTemplate& t, std::string_view before, std::string_view between) {
  std::string out;
  for (size_t i = 1; i <= t.plain_count(); ++i) {
    const std::string item(trimmed(t.plain(i), kBlanks));
    if (!item.empty()) out += (out.empty() ? std::string(before) : std::string(between)) + item;
  }
  return out;
}

}  // namespace

std::string WikiTemplate::plain(size_t n) const {
  const std::string number = std::to_string(n);
  std::string found;
  size_t at = 0;
  for (const auto& [key, value] : arguments) {
    if (key.empty() ? ++at == n : key == number) found = trimmed(value, kBlanks);
  }
  return found;
}

std::string WikiTemplate::named(std::string_view key) const {
  std::string found;
  for (const auto& [name_of, value] : arguments) {
    if (name_of == key) found = trimmed(value, kBlanks);
  }
  return found;
}

size_t WikiTemplate::plain_count() const {
  size_t count = 0;
  for (const auto& [key, value] : arguments) count += key.empty();
  for (const auto& [key, value] : arguments) {
    if (!key.empty() && key.size() <= 3 && key.find_first_not_of("0123456789") == std::string::npos) count = std::max(count, static_cast<size_t>(std::stoul(key)));
  }
  return std::min<size_t>(count, arguments.size() + 100);
}

std::string grouped_number(std::string_view number) {
  const size_t sign = number.starts_with('-') || number.starts_with('+') ? 1 : 0;
  size_t end = sign;
  while (end < number.size() && number[end] >= '0' && number[end] <= '9') ++end;
  const bool plain = end == number.size() || (number[end] == '.' && number.substr(end + 1).find_first_not_of("0123456789") == std::string_view::npos);
  if (!plain || end - sign < 4) return std::string(number);
  std::string out(number.substr(0, sign));
  for (size_t i = sign; i < end; ++i) {
    if (i > sign && (end - i) % 3 == 0) out += ',';
    out += number[i];
  }
  return out + std::string(number.substr(end));
}

std::string template_text(const WikiTemplate& t, std::string_view page_title) {
  const std::string_view name = t.name;
  // Parser functions and variables: what stands behind the colon is the first argument.
  if (const size_t colon = name.find(':'); colon != std::string_view::npos) {
    const std::string_view function = name.substr(0, colon);
    const std::string first(t.arguments.empty() ? std::string_view() : trimmed(t.arguments[0].second, kBlanks));
    if (function == "formatnum") return t.plain(2) == "R" ? first : grouped_number(first);
    if (function == "lc" || function == "uc" || function == "lcfirst" || function == "ucfirst" || function == "padleft" || function == "plural") return first;
    if (function == "#if") return first.empty() ? t.plain(3) : t.plain(2);
    if (function == "#ifeq") return first == t.plain(2) ? t.plain(3) : t.plain(4);
    return "";
  }
  if (name == "pagename" || name == "fullpagename" || name == "subpagename") return std::string(page_title);
  if (name == "!") return "|";
  if (name == "=") return "=";
  static constexpr std::string_view kSpaces[] = {"nbsp", "space", "pad", "thinsp", "hair space", "zwsp"}, kDashes[] = {"snd", "spnd", "spaced ndash", "spaced en dash", "dash"}, kEnDash[] = {"ndash", "en dash", "endash"},
                                    kEmDash[] = {"mdash", "em dash", "emdash"}, kDots[] = {"·", "dot", "middot", "•", "bull", "bullet"};
  if (among(name, kSpaces)) return " ";
  if (among(name, kDashes)) return " – ";
  if (among(name, kEnDash)) return "–";
  if (among(name, kEmDash)) return "—";
  if (among(name, kDots)) return " · ";
  if (name == "convert" || name == "cvt") return converted(t);
  static constexpr std::string_view kFirst[] = {"nowrap", "nobr", "small", "smaller", "big", "larger", "sic", "abbr", "tooltip", "mvar", "math", "var", "em", "strong", "bold", "italic", "code", "mono", "kbd", "samp", "tt", "smallcaps", "sc",
                                                "smallcaps2", "angbr", "ill", "interlanguage link", "link-interwiki", "w", "visible anchor", "vanchor", "flag", "flagcountry", "flagu", "nihongo", "nihongo2", "quote", "blockquote", "cquote",
                                                "quotation", "bq", "rquote", "quote box", "center", "big center", "noitalic", "nobold", "normal", "underline", "u", "strike", "s", "sup", "sub", "su", "unicode", "music", "chem", "chem2", "ce",
                                                "num", "gaps", "nts", "sort", "ntsh", "dagger", "okina", "hamza", "ayin", "ipa", "dunno", "no selflink", "not a typo", "as written", "proper name", "ship name", "font", "color box", "legend",
                                                "verse translation", "poemquote", "poem quote", "pull quote", "translation", "align", "float", "stack", "nat fs", "nft", "fb", "usd", "us$", "transl it", "zh", "lang-zh", "script", "rtl-lang", "lrm"};
  if (name == "sort" || name == "ntsh") return t.plain(2);
  if (name == "math" || name == "mvar" || among(name, kFirst)) {
    if (name == "legend" || name == "color box" || name == "font") return t.plain(name == "font" ? 1 : 2);
    std::string text = t.plain(1);
    for (const std::string_view key : {"text"sv, "quote"sv, "t"sv}) {
      if (text.empty()) text = t.named(key);
    }
    const bool block = name.ends_with("quote") || name == "bq" || name == "quotation" || name == "quote box";
    return block ? "\n" + text + "\n" : text;
  }
  if (name == "lang" || name == "transl" || name == "transliteration" || name == "wikt-lang" || name == "lang-x" || name == "cl") {
    const std::string second = t.plain(2), third = t.plain(3);
    return !third.empty() && name != "lang" ? third : !second.empty() ? second : t.named("text");
  }
  if (name.starts_with("lang-") || name.starts_with("ipa-") || name == "respell") return name == "respell" ? list_text(t, "", "-") : t.plain(1);
  if (name == "frac" || name == "fraction" || name == "sfrac") {
    const size_t n = t.plain_count();
    return n >= 3 ? t.plain(1) + " " + t.plain(2) + "/" + t.plain(3) : n == 2 ? t.plain(1) + "/" + t.plain(2) : "1/" + t.plain(1);
  }
  if (name == "val") {
    std::string out = grouped_number(t.plain(1));
    if (!t.plain(2).empty()) out += " ± " + t.plain(2);
    if (!t.named("e").empty()) out += "×10^" + t.named("e");
    for (const std::string_view key : {"u"sv, "ul"sv}) {
      if (!t.named(key).empty()) out += " " + t.named(key);
    }
    return out;
  }
  if (name == "circa" || name == "c." || name == "c") return t.plain(1).empty() ? "c." : "c. " + t.plain(1) + (t.plain(2).empty() ? "" : " – c. " + t.plain(2));
  if (name == "floruit" || name == "fl.") return "fl. " + t.plain(1);
  if (name == "reign" || name == "r.") return "r. " + t.plain(1) + (t.plain(2).empty() ? "" : "–" + t.plain(2));
  if (name == "born-in" || name == "b.") return "b. " + t.plain(1);
  if (name == "died-in" || name == "d.") return "d. " + t.plain(1);
  if (name == "as of") return "As of " + date_text(t, 1);
  static constexpr std::string_view kDates[] = {"birth date", "death date", "start date", "end date", "film date", "date", "dts", "bda", "birth date and age", "start date and age", "launch date", "release date", "birth-date", "death-date"};
  if (among(name, kDates)) return date_text(t, 1);
  if (name == "death date and age" || name == "dda") return date_text(t, 1);
  if (name == "year" || name == "birth year and age" || name == "birth year") return t.plain(1);
  if (name == "plainlist" || name == "flatlist" || name == "plain list") return t.plain(1);
  if (name == "unbulleted list" || name == "ubl" || name == "bulleted list" || name == "ordered list" || name == "ubt") return "\n" + list_text(t, "- ", "\n- ") + "\n";
  if (name == "hlist" || name == "cslist") return list_text(t, "", ", ");
  if (name == "inflation") return t.plain(2);
  if (name == "¥" || name == "yen") return "¥" + t.plain(1);
  if (name == "€" || name == "euro") return "€" + t.plain(1);
  if (name == "£" || name == "gbp") return "£" + t.plain(1);
  if (name == "₹" || name == "inr") return "₹" + t.plain(1);
  if (name == "coord" || name == "cite" || name.starts_with("cite ")) return "";
  return "";
}

}  // namespace loam
